//! Every failure has a message, a hint and an exit code; this module decides which.

mod lifecycle;
mod rotation;
mod store;

pub use crate::code::Code;
use crate::config;
use crate::credential::{Entry, IndexError, Name, NameError, OriginError};
use crate::disk;
use crate::handover;
use crate::http::TransportError;
use crate::keeper;
use crate::oauth::{AuthorizeError, ListenerError, MetadataError};
use crate::provider::{ProviderError, RenderError};
use crate::secret::SealError;
use crate::ui::PromptError;
use std::path::Path;

/// A failed command.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it, with the command to type.
    pub hint: Option<String>,
    /// The credential that was named and is not there.
    pub missing: Option<Name>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            missing: None,
        }
    }

    /// The same failure with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A usage error.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// A credential of this name already exists.
    pub fn exists(entry: &Entry) -> Self {
        let (kind, name) = (entry.kind, &entry.name);
        Self::new(
            Code::Refused,
            format!("a {kind} named `{name}` already exists"),
        )
        .hint(format!(
            "add `--replace` to replace it, or choose another account: `{}/ACCOUNT`",
            name.provider()
        ))
    }

    /// Ctrl-C.
    pub fn interrupted() -> Self {
        Self::new(Code::Interrupted, "interrupted")
    }
}

/// What to type for a new login.
fn login_hint(name: &Name) -> String {
    format!("run `authctl login {name}`")
}

impl From<disk::Error> for Failure {
    fn from(error: disk::Error) -> Self {
        let message = error.to_string();
        match error {
            disk::Error::Loose { path, writable, .. } => {
                let (mode, what) = if writable {
                    ("go-w", "change")
                } else {
                    ("go-rwx", "read")
                };
                let path = path.display();
                Self::new(Code::Refused, message).hint(format!(
                    "run `chmod {mode} '{path}'` if nobody else should be able to {what} it"
                ))
            }
            disk::Error::Foreign { owner, .. } => Self::new(Code::Refused, message).hint(format!(
                "run the command as that user (`sudo -u '#{owner}' authctl …`), or run it as root, either with root's home directory (`sudo -H authctl …`) or with AUTHCTL_HOME set to a folder owned by root"
            )),
            disk::Error::Io { path, source, .. } => Self {
                hint: owner_hint(&path, &source).or_else(|| lock_hint(&source)),
                ..Self::new(Code::Failed, message)
            },
            _ => Self::new(Code::Failed, message),
        }
    }
}

/// What to do about a file system without locks.
fn lock_hint(error: &std::io::Error) -> Option<String> {
    let hint =
        "the file system does not support file locks; set AUTHCTL_HOME to a folder on a local disk";
    disk::lacks_locks(error).then(|| hint.to_owned())
}

/// What to do about a file that belongs to another user.
fn owner_hint(path: &Path, error: &std::io::Error) -> Option<String> {
    let owner = disk::other_owner(path).filter(|_| disk::is_refused(error))?;
    let owner = match owner {
        0 => "root".to_owned(),
        owner => format!("the user with the id {owner}"),
    };
    Some(format!(
        "it belongs to {owner}; to make it yours, run `sudo chown \"$(id -un)\" '{}'`",
        path.display()
    ))
}

impl From<crate::sealed::Error> for Failure {
    fn from(error: crate::sealed::Error) -> Self {
        match error {
            crate::sealed::Error::Disk(error) => error.into(),
            error => Self::new(Code::Failed, error.to_string()),
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        let message = error.to_string();
        match error {
            IndexError::Disk(error) => error.into(),
            IndexError::NotFound(name) => Self {
                missing: Some(name),
                ..Self::new(Code::NotFound, message)
                    .hint("run `authctl list` to see the stored credentials")
            },
            IndexError::Damaged { .. } => Self::new(Code::Failed, message).hint(
                "delete the file, then log in or add the key again; the old item of the credential remains in the store",
            ),
        }
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        match error {
            config::Error::Disk(error) => error.into(),
            error => Self::new(Code::Failed, error.to_string()).hint("correct or delete the file"),
        }
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Unknown {
                similar: Some(ref name),
                ..
            } => Self::new(Code::NotFound, error.to_string()).hint(format!(
                "did you mean `{name}`? `authctl provider list` shows all providers"
            )),
            ProviderError::Unknown { .. } => Self::new(Code::NotFound, error.to_string()).hint(
                "run `authctl provider list`; to log in to another provider, use `authctl login URL --as NAME`; to store a key of another provider, run `authctl key add NAME --header HEADER --origin ORIGIN`",
            ),
            ProviderError::File(error) => error.into(),
            ProviderError::Variable { .. } => Self::usage(error.to_string()),
            error => Self::new(Code::Failed, error.to_string()),
        }
    }
}

impl From<MetadataError> for Failure {
    fn from(error: MetadataError) -> Self {
        let code = match &error {
            MetadataError::Url(_) => Code::Usage,
            MetadataError::Unreachable { .. } => Code::Unreachable,
            MetadataError::None { .. } => Code::NotFound,
            MetadataError::Unusable(..) => Code::Refused,
        };
        let message = error.to_string();
        let hint = match error {
            MetadataError::None { asked, .. } => Some(format!(
                "tried {}; check the URL, or describe the provider in a file (`authctl man providers`)",
                asked.join(", ")
            )),
            _ => None,
        };
        Self {
            hint,
            ..Self::new(code, message)
        }
    }
}

impl From<AuthorizeError> for Failure {
    fn from(error: AuthorizeError) -> Self {
        let failure = |code| Self::new(code, error.to_string());
        match &error {
            AuthorizeError::Denied { code, .. } if code == "invalid_scope" => {
                failure(Code::Failed).hint(
                    "to request only the scopes that the client may have, use `--scope SCOPE --only-scope`",
                )
            }
            AuthorizeError::Denied { .. } | AuthorizeError::Empty => failure(Code::Failed),
            _ => failure(Code::Refused),
        }
    }
}

impl From<ListenerError> for Failure {
    fn from(error: ListenerError) -> Self {
        Self::new(Code::Failed, error.to_string())
            .hint("use `--port` to choose a free port that is registered with the provider")
    }
}

impl From<handover::Error> for Failure {
    fn from(error: handover::Error) -> Self {
        let code = if matches!(error, handover::Error::Unsupported) {
            Code::Usage
        } else {
            Code::Failed
        };
        Self::new(code, error.to_string())
            .hint("use `authctl header NAME --format raw | curl -H @- URL`")
    }
}

impl From<keeper::Error> for Failure {
    fn from(error: keeper::Error) -> Self {
        let message = error.to_string();
        let (code, hint) = match error {
            keeper::Error::Start(_) => (Code::Failed, "nothing was sent; retry"),
            keeper::Error::Ended => (
                Code::Unreachable,
                "retry; any response that the provider has already sent is saved",
            ),
            keeper::Error::Late { .. } => (
                Code::Unreachable,
                "retry later; the response will be saved when it arrives",
            ),
            keeper::Error::Failed(reported) => return reported.into(),
        };
        Self::new(code, message).hint(hint)
    }
}

impl From<keeper::Reported> for Failure {
    fn from(reported: keeper::Reported) -> Self {
        Self {
            hint: reported.hint,
            ..Self::new(reported.code, reported.message)
        }
    }
}

impl From<Failure> for keeper::Reported {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code,
            message: failure.message,
            hint: failure.hint,
            store: None,
            is_logged: false,
        }
    }
}

impl From<PromptError> for Failure {
    fn from(error: PromptError) -> Self {
        match error {
            PromptError::Interrupted => Self::interrupted(),
            error => Self::new(Code::Failed, error.to_string()),
        }
    }
}

/// Failures without a hint of their own.
macro_rules! plain {
    ($($error:ty => $code:ident),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(Code::$code, error.to_string())
            }
        }
    )*};
}

plain! {
    NameError => Usage,
    OriginError => Usage,
    RenderError => Failed,
    SealError => Failed,
    TransportError => Unreachable,
    crate::schedule::Error => Failed,
    std::io::Error => Failed,
}
