//! The exchange with the token endpoint during a refresh, and what its answer means.

use super::{Context, Error};
use crate::credential::Name;
use crate::oauth::{self, Client, Dialect, Grant, TokenError, TokenReply};
use crate::signals::Shield;
use jiff::SignedDuration;
use std::time::{Duration, Instant};
use url::Url;

/// The time limit for all exchanges of one refresh, repetitions included.
const BUDGET: Duration = Duration::from_secs(45);

/// The part of it that the first attempt may take: a slow answer is better than a second request
/// with a spent token.
const FIRST_ATTEMPT: Duration = Duration::from_secs(30);

/// How many times the request is repeated after a lost answer.
const REPETITIONS: usize = 2;

/// How long to wait for an answer after a signal: without the answer the login would be lost.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// How long other processes repeat a refusal instead of the request.
pub(super) const RETRY_BUSY: SignedDuration = SignedDuration::from_secs(10);

/// The same for what may be over at any moment: an unreachable network, or a wrong setting.
pub(super) const RETRY_SOON: SignedDuration = SignedDuration::from_secs(3);

/// The longest wait that a server may ask for.
const RETRY_LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// Why there is no new token.
pub(super) enum Refusal {
    /// The provider says that the login is no longer valid.
    Over(String),
    /// Temporary.
    Later {
        reason: String,
        wait: SignedDuration,
        /// Whether the server said so itself.
        answered: bool,
    },
    /// The provider refuses for another reason, whoever asks.
    Refused(String),
    /// Anything else.
    Other(Error),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// Sends the grant, and repeats it when the answer is lost: there is no other token to send, and a
/// server with a grace period still accepts it. A signal does not interrupt the exchange; it only
/// shortens the wait.
pub(super) async fn exchange(
    context: &Context<'_>,
    endpoint: &Url,
    client: &Client,
    grant: &Grant,
    dialect: &Dialect,
    shield: &Shield,
) -> Result<TokenReply, TokenError> {
    let began = Instant::now();
    let mut attempt = 0;
    let mut interrupted = false;
    loop {
        let left = BUDGET.saturating_sub(began.elapsed());
        let time = if attempt == 0 { FIRST_ATTEMPT } else { left };
        let mut request = std::pin::pin!(oauth::request(
            context.network,
            endpoint,
            client,
            grant,
            dialect,
            time
        ));
        let answer = tokio::select! {
            answer = &mut request => answer,
            () = shield.interrupted() => {
                interrupted = true;
                tokio::time::timeout(LAST_WAIT, request).await.unwrap_or_else(|_| Err(TokenError::Lost("interrupted".into())))
            }
        };
        match answer {
            Err(TokenError::Lost(reason))
                if attempt < REPETITIONS && !interrupted && began.elapsed() < BUDGET =>
            {
                tracing::info!(
                    reason,
                    "the response was lost; repeating the request with the same token"
                );
                attempt += 1;
            }
            answer => return answer,
        }
    }
}

/// What an answer without a token means.
pub(super) fn classify(name: &Name, error: TokenError, over_errors: &[String]) -> Refusal {
    let reason = error.to_string();
    match error {
        TokenError::NotSent(_) => Refusal::Later {
            reason,
            wait: RETRY_SOON,
            answered: false,
        },
        TokenError::Lost(_) => Refusal::Later {
            reason: format!("the response was lost: {reason}"),
            wait: RETRY_SOON,
            answered: false,
        },
        TokenError::Busy { retry_after, .. } => {
            let asked = retry_after
                .and_then(|seconds| i64::try_from(seconds).ok())
                .map(SignedDuration::from_secs);
            Refusal::Later {
                reason,
                wait: asked.unwrap_or(RETRY_BUSY).min(RETRY_LONGEST),
                answered: true,
            }
        }
        TokenError::Denied { ref code, .. } if oauth::is_over(code, over_errors) => {
            Refusal::Over(reason)
        }
        // What was asked for is refused; another process may ask for something else.
        TokenError::Denied { ref code, .. }
            if code == "invalid_scope" || code == "invalid_target" =>
        {
            Refusal::Other(Error::Provider {
                name: name.clone(),
                reason,
            })
        }
        // The record has changed, so there is another token to ask with.
        TokenError::Unusable {
            successor: Some(_), ..
        } => Refusal::Other(Error::Provider {
            name: name.clone(),
            reason,
        }),
        TokenError::Denied { .. } | TokenError::Unusable { .. } => Refusal::Refused(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn classified(error: TokenError) -> &'static str {
        match classify(
            &"acme".parse().unwrap(),
            error,
            &["bad_refresh_token".to_owned()],
        ) {
            Refusal::Over(_) => "over",
            Refusal::Later { .. } => "later",
            Refusal::Refused(_) => "refused",
            Refusal::Other(_) => "other",
        }
    }

    #[test]
    fn promise_05_each_kind_of_failure_has_an_exit_code() {
        let denied = |code: &str| TokenError::Denied {
            code: code.into(),
            description: None,
        };
        assert_eq!(classified(denied("invalid_grant")), "over");
        assert_eq!(classified(denied("bad_refresh_token")), "over");
        assert_eq!(classified(denied("REFRESH_TOKEN_EXPIRED")), "over");
        assert_eq!(classified(denied("invalid_client")), "refused");
        assert_eq!(classified(denied("status 401")), "refused");
        assert_eq!(classified(denied("invalid_scope")), "other");
        for (successor, kind) in [(None, "refused"), (Some(Secret::new("r2")), "other")] {
            let reason = String::new();
            assert_eq!(classified(TokenError::Unusable { reason, successor }), kind);
        }
        assert_eq!(classified(TokenError::NotSent(String::new())), "later");
        assert_eq!(classified(TokenError::Lost(String::new())), "later");
        assert_eq!(
            classified(TokenError::Busy {
                status: 503,
                code: None,
                description: None,
                retry_after: Some(u64::MAX)
            }),
            "later"
        );
    }
}
