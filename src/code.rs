//! The exit codes, and the outcome of a command as the audit log has it.

use serde::{Deserialize, Serialize};

/// The exit codes, which scripts branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Code {
    /// Anything without a code of its own.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// No such credential or provider.
    NotFound = 3,
    /// Only a new login helps.
    LoginRequired = 4,
    /// The store is locked or cannot be reached.
    StoreUnavailable = 5,
    /// The provider or the network cannot be reached; retrying later may help.
    Unreachable = 6,
    /// A rule forbids it: an origin, an endpoint, an account.
    Refused = 7,
    /// Done, but with findings.
    Findings = 8,
    /// `curl` and `exec`: the program was not started.
    NotStarted = 125,
    /// `curl` and `exec`: the program cannot be run.
    NotExecutable = 126,
    /// `curl` and `exec`: the program does not exist.
    ProgramNotFound = 127,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Code {
    /// The name in `--json` errors and in the audit log.
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

/// The outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Outcome {
    /// It succeeded.
    Done(Done),
    /// It failed.
    Failed(Code),
}

/// The word for success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// It succeeded.
    Done,
}

impl Outcome {
    /// It succeeded.
    pub const DONE: Self = Self::Done(Done::Done);

    /// The name of the outcome.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done(Done::Done) => "done",
            Self::Failed(code) => code.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_in_json() {
        for code in [
            Code::Failed,
            Code::Usage,
            Code::NotFound,
            Code::LoginRequired,
            Code::StoreUnavailable,
            Code::Unreachable,
            Code::Refused,
            Code::Findings,
            Code::NotStarted,
            Code::NotExecutable,
            Code::ProgramNotFound,
            Code::Interrupted,
        ] {
            let outcome = Outcome::Failed(code);
            let json = serde_json::to_value(outcome).unwrap();
            assert_eq!(json, outcome.name());
            assert_eq!(serde_json::from_value::<Outcome>(json).unwrap(), outcome);
        }
        assert_eq!(serde_json::to_value(Outcome::DONE).unwrap(), "done");
    }
}
