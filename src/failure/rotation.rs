//! Failures of rotations.

use super::{Code, Failure};
use crate::rotation::{Error, READER_LIFE};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let with = |code, hint: String| Self::new(code, message.clone()).hint(hint);
        match error {
            Error::NoReply { name, .. } => with(
                Code::Findings,
                format!(
                    "run `authctl rotate {name}` again to find the new key and finish the rotation"
                ),
            ),
            Error::NotAccepted { name, .. } => with(
                Code::Findings,
                format!(
                    "the previous key is still in use; run `authctl rotate {name}` again later"
                ),
            ),
            Error::NotVerified { name, .. } => with(
                Code::Unreachable,
                format!(
                    "the previous key is still in use; run `authctl rotate {name}` again later"
                ),
            ),
            Error::NotRevoked { name, .. } => with(
                Code::Findings,
                format!(
                    "revoke it on the provider's page, or run `authctl rotate {name}` again later"
                ),
            ),
            Error::NotInStore { name } => with(
                Code::Findings,
                format!("run `authctl rotate {name}` when the store is available"),
            ),
            Error::TooSoon { name, .. } => with(
                Code::Refused,
                format!(
                    "to rotate it now, run `authctl rotate {name} --grace 0`, which revokes the previous key (at the earliest {} seconds after the last rotation) and then creates a new key",
                    READER_LIFE.as_secs()
                ),
            ),
            Error::Refused { hint, .. } => Self {
                hint,
                ..Self::new(Code::Refused, message)
            },
            Error::Unreachable { .. } => {
                with(Code::Unreachable, "nothing was changed; retry later".into())
            }
            Error::Dead { name } => with(
                Code::LoginRequired,
                format!(
                    "create a new key on the provider's page, then run `authctl key add {name} --replace`"
                ),
            ),
            Error::Manual { name } => with(
                Code::Findings,
                format!(
                    "run `authctl rotate {name}` in a terminal, or pipe the new key into the command"
                ),
            ),
            Error::NoRecipe { name } => with(
                Code::Refused,
                format!(
                    "create a new key manually and run `authctl key add {name} --replace`, or write a recipe (see `man authctl-providers`)"
                ),
            ),
            Error::NotAgreed { name, .. } => with(
                Code::Refused,
                format!(
                    "run `authctl rotate {name} --yes` to try it (nothing is lost if it fails, and you will not be asked again), or run `authctl provider show {}` to see the recipe",
                    name.provider()
                ),
            ),
            Error::Reported(failure) => failure.into(),
            Error::Lifecycle(error) => error.into(),
            Error::Provider(error) => error.into(),
            Error::Sealed(error) => error.into(),
            Error::Random(error) => error.into(),
        }
    }
}
