//! Every failure has a sentence, a hint and an exit code; this is the one place that decides which.

use crate::config;
use crate::credential::{Name, NameError, OriginError};
use crate::disk;
use crate::handover;
use crate::http::TransportError;
use crate::lifecycle;
use crate::oauth::{AuthorizeError, ListenerError, MetadataError, TokenError};
use crate::provider::{ProviderError, RenderError};
use crate::rotation;
use crate::secret::SealError;
use crate::store;
use jiff::Timestamp;

/// The exit codes, which scripts branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Anything without a code of its own.
    Failed = 1,
    /// The command line does not make sense.
    Usage = 2,
    /// No such credential or provider.
    NotFound = 3,
    /// Only a new login helps.
    LoginRequired = 4,
    /// The store is locked or cannot be reached.
    StoreUnavailable = 5,
    /// The provider or the network cannot be reached; later it may.
    Unreachable = 6,
    /// A rule forbids it: an origin, an endpoint, a subject.
    Refused = 7,
    /// Done, with findings.
    Findings = 8,
    /// `curl` and `exec`: the program was not started.
    NotStarted = 125,
    /// `curl` and `exec`: the program cannot be run.
    NotExecutable = 126,
    /// `curl` and `exec`: the program is not there.
    ProgramNotFound = 127,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Code {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::LoginRequired => "login_required",
            Self::StoreUnavailable => "store_unavailable",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Findings => "findings",
            Self::NotStarted => "not_started",
            Self::NotExecutable => "not_executable",
            Self::ProgramNotFound => "program_not_found",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    /// Its exit code.
    pub code: Code,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to type.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Where the login of `name` begins anew.
    pub fn login_hint(name: &Name) -> String {
        format!("run `authctl login {name}`")
    }
}

/// What helps against a store that cannot be reached.
fn store_hint(error: &store::Error) -> Option<String> {
    use crate::credential::StoreKind::{Keychain, Vault};
    let hint = match error {
        store::Error::Locked {
            store: Vault,
            reason: Some(_),
        } => "type it at a terminal, or correct the file that AUTHCTL_VAULT_PASSPHRASE_FILE names",
        store::Error::Locked {
            store: Vault,
            reason: None,
        } => "run `authctl vault unlock` in a terminal, or set AUTHCTL_VAULT_PASSPHRASE_FILE",
        store::Error::Locked {
            store: Keychain, ..
        } => "unlock the keychain (log in to the desktop, or open its window), then try again",
        store::Error::TimedOut {
            store: Keychain, ..
        } => "look for a dialog that asks for the keychain's password",
        store::Error::Unavailable {
            store: Vault,
            reason,
        } if reason.contains("no vault") => "run `authctl vault init`",
        store::Error::Unavailable {
            store: Keychain, ..
        } => {
            "this session has no keychain; is DBUS_SESSION_BUS_ADDRESS set and a Secret Service running?"
        }
        _ => return None,
    };
    Some(hint.into())
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        let code = match error {
            store::Error::Tampered { .. } => Code::Refused,
            store::Error::Damaged { .. } => Code::Failed,
            _ => Code::StoreUnavailable,
        };
        Self {
            code,
            hint: store_hint(&error),
            message: error.to_string(),
        }
    }
}

impl From<lifecycle::Error> for Failure {
    fn from(error: lifecycle::Error) -> Self {
        use lifecycle::Error;
        let message = error.to_string();
        let with = |code, hint: Option<String>| Self {
            code,
            message: message.clone(),
            hint,
        };
        match error {
            Error::NotFound(_) => with(
                Code::NotFound,
                Some("run `authctl list` to see what there is".into()),
            ),
            Error::LoginRequired { name, .. } => {
                with(Code::LoginRequired, Some(Self::login_hint(&name)))
            }
            Error::KeyGone { name, .. } => with(
                Code::NotFound,
                Some(format!("run `authctl key add {name} --replace`")),
            ),
            Error::Store(error) => error.into(),
            Error::Unreachable { retry_after, .. } => {
                let wait = retry_after
                    .map(|until| until.duration_since(Timestamp::now()).as_secs())
                    .filter(|wait| *wait > 0);
                let when = wait.map_or("later".into(), |wait| {
                    format!("in {wait} seconds (nobody asks the provider before that)")
                });
                with(
                    Code::Unreachable,
                    Some(format!("try again {when}; the login is kept")),
                )
            }
            Error::Busy { .. } => with(
                Code::Unreachable,
                Some("try again; if it stays so, look for a stopped authctl".into()),
            ),
            Error::Refused { name, .. } => with(
                Code::Refused,
                Some(format!(
                    "if you changed it on purpose, run `authctl login {name}` (or `authctl key add {name} --replace`)"
                )),
            ),
            Error::Swapped { name, .. } => with(
                Code::Refused,
                Some(format!(
                    "run `authctl login {name}` (or `authctl key add {name} --replace`)"
                )),
            ),
            Error::NotGranted { name, scope } => with(
                Code::Refused,
                Some(format!("run `authctl login {name} --scope {scope}`")),
            ),
            Error::NoRoom { .. } => with(
                Code::Failed,
                Some("the login is kept, nothing was sent; make room, then try again".into()),
            ),
            Error::Sealed(error) => error.into(),
            Error::Provider { name, .. } => with(
                Code::Failed,
                Some(format!(
                    "the login is kept; {} if it stays so",
                    Self::login_hint(&name)
                )),
            ),
            Error::Interrupted => with(Code::Interrupted, None),
            Error::NotSaved { .. } => with(Code::StoreUnavailable, None),
            Error::Unsaved { .. } => with(Code::Refused, None),
            Error::Unsuitable(_) => with(Code::Usage, None),
            Error::Index(error) => error.into(),
            Error::Config(error) => error.into(),
            Error::Provide(error) => error.into(),
            Error::Disk(error) => error.into(),
            Error::Transport(error) => error.into(),
            Error::Seal(_) => with(Code::Failed, None),
            Error::Damaged { name, .. } => with(
                Code::Failed,
                Some(format!(
                    "run `authctl login {name}` (or `authctl key add {name} --replace`) to begin anew"
                )),
            ),
        }
    }
}

impl From<rotation::Error> for Failure {
    fn from(error: rotation::Error) -> Self {
        use rotation::Error;
        let message = error.to_string();
        let with = |code, hint: String| Self {
            code,
            message: message.clone(),
            hint: Some(hint),
        };
        match error {
            Error::NoReply { name, .. } => with(
                Code::Findings,
                format!(
                    "run `authctl rotate {name}` again: it looks for what was made, and ends or finishes it"
                ),
            ),
            Error::NotAccepted { name, .. } => with(
                Code::Findings,
                format!("the old key is still handed out; run `authctl rotate {name}` again later"),
            ),
            Error::NotEnded { name, .. } => with(
                Code::Findings,
                format!(
                    "end it on the provider's page, or run `authctl rotate {name}` again later"
                ),
            ),
            Error::NotTaken { name } => with(
                Code::Findings,
                format!("when the store is open again, run `authctl rotate {name}`"),
            ),
            Error::TooSoon { name, .. } => with(
                Code::Refused,
                format!(
                    "`authctl rotate {name} --grace 0` ends it first (but not within {} seconds of the switch), and makes a new one at once",
                    rotation::READER_LIFE.as_secs()
                ),
            ),
            Error::Refused { hint, .. } => Self {
                code: Code::Refused,
                message,
                hint,
            },
            Error::Unreachable { .. } => with(
                Code::Unreachable,
                "nothing was changed; try again later".into(),
            ),
            Error::Dead { name } => with(
                Code::LoginRequired,
                format!(
                    "make a new key on the provider's page, then run `authctl key add {name} --replace`"
                ),
            ),
            Error::ByHand { name } => with(
                Code::Findings,
                format!("run `authctl rotate {name}` in a terminal, or pipe the new key into it"),
            ),
            Error::NoRecipe { name } => with(
                Code::Refused,
                format!(
                    "make a new key by hand and run `authctl key add {name} --replace`; a row of your own can name a recipe (see `man authctl-providers`)"
                ),
            ),
            Error::NotAgreed { name, .. } => with(
                Code::Refused,
                format!(
                    "`authctl provider show {}` shows the recipe; `authctl rotate {name} --yes` tries it, and nothing is lost when it fails",
                    name.provider()
                ),
            ),
            Error::Lifecycle(error) => error.into(),
            Error::Provider(error) => error.into(),
            Error::Sealed(error) => error.into(),
            Error::Random(error) => error.into(),
        }
    }
}

impl From<disk::Error> for Failure {
    fn from(error: disk::Error) -> Self {
        let hint = match &error {
            disk::Error::Loose {
                path,
                writable: false,
                ..
            } => Some(format!(
                "run `chmod go-rwx '{}'` if nobody else should see it",
                path.display()
            )),
            disk::Error::Loose {
                path,
                writable: true,
                ..
            } => Some(format!(
                "run `chmod go-w '{}'` if nobody else should change it",
                path.display()
            )),
            _ => None,
        };
        let code = if hint.is_some() {
            Code::Refused
        } else {
            Code::Failed
        };
        Self {
            code,
            message: error.to_string(),
            hint,
        }
    }
}

impl From<crate::sealed::Error> for Failure {
    fn from(error: crate::sealed::Error) -> Self {
        match error {
            crate::sealed::Error::Disk(error) => error.into(),
            error => Self::new(Code::Failed, error.to_string()),
        }
    }
}

impl From<crate::credential::IndexError> for Failure {
    fn from(error: crate::credential::IndexError) -> Self {
        match error {
            crate::credential::IndexError::Disk(error) => error.into(),
            error => Self::new(Code::Failed, error.to_string())
                .hint("delete that file, then log in again or add the key again; what the store holds of it is then without a name"),
        }
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        match error {
            config::Error::Disk(error) => error.into(),
            error => {
                Self::new(Code::Failed, error.to_string()).hint("correct that file, or delete it")
            }
        }
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Unknown(_) => Self::new(Code::NotFound, error.to_string()).hint(
                "run `authctl provider list`; for a login anywhere else, `authctl login URL --as NAME`; for a key, add `--header` and `--origin`",
            ),
            ProviderError::File(error) => error.into(),
            ProviderError::Variable { .. } => Self::new(Code::Usage, error.to_string()),
            error => Self::new(Code::Failed, error.to_string()),
        }
    }
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::new(Code::Unreachable, error.to_string())
    }
}

impl From<MetadataError> for Failure {
    fn from(error: MetadataError) -> Self {
        let code = match &error {
            MetadataError::Url(_) => Code::Usage,
            MetadataError::Unreachable { .. } => Code::Unreachable,
            MetadataError::None(..) => Code::NotFound,
            MetadataError::Unusable(..) => Code::Refused,
        };
        Self::new(code, error.to_string())
    }
}

impl From<AuthorizeError> for Failure {
    fn from(error: AuthorizeError) -> Self {
        let code = match &error {
            AuthorizeError::Denied { .. } | AuthorizeError::Empty => Code::Failed,
            _ => Code::Refused,
        };
        Self::new(code, error.to_string())
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let code = match &error {
            TokenError::NotSent(_) | TokenError::Lost(_) | TokenError::Busy { .. } => {
                Code::Unreachable
            }
            TokenError::Denied { .. } | TokenError::Unusable { .. } => Code::Failed,
        };
        Self::new(code, format!("the login was not completed: {error}"))
    }
}

impl From<ListenerError> for Failure {
    fn from(error: ListenerError) -> Self {
        Self::new(Code::Failed, error.to_string())
            .hint("give a port that is free and registered with `--port`")
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

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            // Ctrl-C and Ctrl-D at a prompt.
            std::io::ErrorKind::Interrupted => Self::new(Code::Interrupted, "interrupted"),
            std::io::ErrorKind::UnexpectedEof => Self::new(Code::Failed, "nothing was entered"),
            _ => Self::new(Code::Failed, error.to_string()),
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
    crate::schedule::Error => Failed,
}
