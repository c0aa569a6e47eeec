//! Failures of getting, storing and changing credentials.

use super::{Code, Failure, login_hint};
use crate::credential::{Kind, Name};
use crate::disk::LockError;
use crate::lifecycle::{ClientError, Error, LoginError};
use crate::oauth::{IdTokenError, TokenError};

/// What to type to replace a credential.
fn replace_hint(name: &Name, kind: Kind) -> String {
    match kind {
        Kind::Login => login_hint(name),
        Kind::Key => format!("run `authctl key add {name} --replace`"),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let with = |code, hint: String| Self::new(code, message.clone()).hint(hint);
        match error {
            Error::NotFound(name) => crate::credential::IndexError::NotFound(name).into(),
            Error::LoginRequired { name, .. } => with(Code::LoginRequired, login_hint(&name)),
            Error::KeyGone { name, .. } => with(Code::NotFound, replace_hint(&name, Kind::Key)),
            Error::Unreachable { retry_in, .. } => {
                let when = match retry_in.map(|wait| wait.as_secs()) {
                    Some(seconds @ 1..) => {
                        format!("in {seconds}s (authctl sends no request before then)")
                    }
                    _ => "later".into(),
                };
                let hint = format!("retry {when}; the login is still stored");
                with(Code::Unreachable, hint)
            }
            Error::Busy { .. } => with(
                Code::Unreachable,
                "retry; if this persists, look for a suspended authctl process".into(),
            ),
            Error::Refused { name, kind, .. } => with(
                Code::Refused,
                format!(
                    "if you made this change on purpose, {}",
                    replace_hint(&name, kind)
                ),
            ),
            Error::Swapped { name, kind, .. } => with(Code::Refused, replace_hint(&name, kind)),
            Error::Damaged { name, kind, .. } => with(Code::Failed, replace_hint(&name, kind)),
            Error::NotGranted { name, scope } => with(
                Code::Refused,
                format!("run `authctl login {name} --scope {scope}`"),
            ),
            Error::NoRoom { .. } => with(
                Code::Failed,
                "nothing was sent and the login is still stored; free some space, then retry"
                    .into(),
            ),
            Error::Provider { name, .. } => with(
                Code::Failed,
                format!(
                    "the login is still stored; if this persists, {}",
                    login_hint(&name)
                ),
            ),
            Error::Interrupted => Self::interrupted(),
            Error::NotSaved { .. } => Self::new(Code::StoreUnavailable, message),
            Error::Unsaved { .. } => Self::new(Code::Refused, message),
            Error::Unsuitable(_) => Self::usage(message),
            Error::Seal(_) => Self::new(Code::Failed, message),
            Error::Store(error) => error.into(),
            Error::Sealed(error) => error.into(),
            Error::Index(error) => error.into(),
            Error::Config(error) => error.into(),
            Error::Provide(error) => error.into(),
            Error::Disk(error) => error.into(),
            Error::Transport(error) => error.into(),
            Error::Keeper(error) => error.into(),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        let add = |provider: &str, id: &str| {
            format!("`authctl client add {provider} --client-id {id} --client-secret-stdin < FILE`")
        };
        match error {
            ClientError::Mismatch {
                provider,
                client_id,
            } => Self::new(Code::Refused, message).hint(format!(
                "if that is intended, enter the secret again: {}",
                add(&provider, &client_id)
            )),
            ClientError::Missing {
                provider,
                client_id,
                ..
            } => Self::new(Code::NotFound, message)
                .hint(format!("run {}", add(&provider, &client_id))),
            ClientError::InUse { login, .. } => Self::new(Code::Refused, message)
                .hint(format!("run `authctl logout {login}` first")),
            ClientError::Locked(LockError::Disk(error)) => error.into(),
            ClientError::Locked(_) | ClientError::Random(_) => Self::new(Code::Failed, message),
            ClientError::Index(error) => error.into(),
            ClientError::Store(error) => error.into(),
            ClientError::Config(error) => error.into(),
            ClientError::Provider(error) => error.into(),
        }
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        let message = error.to_string();
        match error {
            LoginError::Token(error) => {
                match error {
                    TokenError::NotSent(_) | TokenError::Lost(_) | TokenError::Busy { .. } => {
                        Self::new(Code::Unreachable, message).hint(
                            "run the same command again later: an authorization code can be used only once",
                        )
                    }
                    TokenError::Denied { .. } | TokenError::Unusable { .. } => {
                        Self::new(Code::Failed, message)
                    }
                }
            }
            LoginError::IdToken(IdTokenError::Other {
                claim: "audience", ..
            }) => Self::new(Code::Refused, message).hint(
                "to log in without an ID token, name the scopes with `--scope`, without `openid`, and add `--only-scope`",
            ),
            LoginError::IdToken(_) => Self::new(Code::Refused, message),
            LoginError::Unreadable(_) => Self::new(Code::Failed, message).hint(
                "the previous login is still stored; to replace it without knowing the account, add `--replace`",
            ),
            LoginError::Unidentified(_) => Self::new(Code::Unreachable, message)
                .hint("retry later; the previous login is still stored"),
            LoginError::OtherAccount { name, .. } => Self::new(Code::Refused, message).hint(format!(
                "give the other account its own name with `authctl login {}/ACCOUNT`, or add `--replace`",
                name.provider()
            )),
            LoginError::Lifecycle(error) => error.into(),
            LoginError::Client(error) => error.into(),
            LoginError::Provider(error) => error.into(),
            LoginError::Url(error) => error.into(),
            LoginError::Render(error) => error.into(),
        }
    }
}
