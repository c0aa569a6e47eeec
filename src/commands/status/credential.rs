//! What expires, is due or is unwise: pure decisions over the index and the catalogue, which take
//! `now`.

use super::super::documents::Finding;
use super::super::words::{day, relative};
use super::finding::{Findings, renew};
use super::rotation;
use crate::credential::{Entry, ErrorCode, Kind, Origin, State};
use crate::provider::Row;
use crate::rotation::Policy;
use jiff::{SignedDuration, Timestamp};

/// A day in seconds.
const DAY: i64 = 86_400;

/// The code of the note that an origin is not https.
pub(super) const PLAIN_HTTP: &str = "plain_http";

/// When a credential expires, in human-readable form.
pub(super) fn life(entry: &Entry, now: Timestamp) -> String {
    match (&entry.state, entry.kind) {
        (State::Active, Kind::Login) => match entry.login.access_expires_at {
            Some(end) => format!("{} (access token)", relative(end, now)),
            None => "never (access token)".into(),
        },
        (State::Active, Kind::Key) => match entry.rotation.expires {
            Some(end) if end < day(now) => format!("{end} (expired)"),
            Some(end) => end.to_string(),
            None => "unknown".into(),
        },
        (state, _) => format!("incomplete: {}", state.name()),
    }
}

/// The findings about one credential, the most urgent first.
pub(super) fn findings(
    entry: &Entry,
    row: Option<&Row>,
    policy: &Policy,
    within: SignedDuration,
    now: Timestamp,
) -> Vec<Finding> {
    let name = &entry.name;
    let mut found = Findings::of(name);
    if !entry.state.is_active() {
        found.add(
            "interrupted",
            format!("a command was interrupted while {} it", entry.state.doing()),
            Some(format!(
                "run `authctl token {name} --check` to finish or undo the interrupted command"
            )),
        );
        return found.into_vec();
    }
    for left in &entry.leftovers {
        found.advise(
            "leftover",
            format!(
                "an old item still has to be deleted from the {}",
                left.store
            ),
            Some(format!(
                "when the {} is unlocked, run `authctl move {name} --to {}`",
                left.store, entry.store
            )),
        );
    }
    if let Some(error) = &entry.login.last_error {
        let hint = match error.code {
            ErrorCode::LoginRequired => format!("run `authctl login {name}`"),
            ErrorCode::Refused => format!(
                "run `authctl refresh {name}` to try again; if this persists, run `authctl login {name}`"
            ),
            _ if error.answered_since.is_some() => {
                format!("run `authctl refresh {name}` to try again")
            }
            _ => format!("run `authctl refresh {name}` when the network is back"),
        };
        found.add(
            &format!("refresh_{}", error.code),
            format!(
                "the last refresh, {}, failed: {}",
                relative(error.at, now),
                error.reason
            ),
            Some(hint),
        );
    }
    let soon = now.saturating_add(within).unwrap_or(Timestamp::MAX);
    match entry.kind {
        Kind::Login => {
            access(entry, soon, now, &mut found);
            refresh_token(entry, soon, now, &mut found);
            limits(entry, row, soon, now, &mut found);
        }
        Kind::Key => {
            expiry(entry, row, soon, now, &mut found);
            rotation::findings(entry, row, policy, soon, now, &mut found);
        }
    }
    if entry.bound.origins.iter().any(Origin::is_plain_http) {
        let message = "its origins allow http (loopback only)";
        found.advise(PLAIN_HTTP, message, None);
    }
    found.into_vec()
}

/// Without a refresh token, the login expires with its access token.
fn access(entry: &Entry, soon: Timestamp, now: Timestamp, found: &mut Findings<'_>) {
    let login = &entry.login;
    let Some(end) = login.access_expires_at.filter(|_| !login.refreshable) else {
        return;
    };
    let hint = Some(format!("run `authctl login {}`", entry.name));
    let when = relative(end, now);
    if end <= now {
        let message = format!("its access token expired {when} and there is no refresh token");
        found.add("login_over", message, hint);
    } else if end <= soon {
        let message = format!("it expires {when}; there is no refresh token");
        found.add("login_ends", message, hint);
    }
}

/// When the refresh token expires, as the server reported it.
fn refresh_token(entry: &Entry, soon: Timestamp, now: Timestamp, found: &mut Findings<'_>) {
    let login = &entry.login;
    let Some(end) = login.refresh_token_expires_at.filter(|_| login.refreshable) else {
        return;
    };
    let (name, when) = (&entry.name, relative(end, now));
    let since = login.refreshed_at.or(login.logged_in_at);
    let life = end.duration_since(since.unwrap_or(entry.changed_at));
    // One that lives shorter than that is always about to end.
    let is_soon = end <= soon && end.duration_since(now) <= life / 2;
    if end <= now {
        let hint = Some(format!("run `authctl login {name}`"));
        found.add(
            "login_over",
            format!("its refresh token expired {when}"),
            hint,
        );
    } else if is_soon {
        let hint = Some(format!(
            "run `authctl refresh {name}`; if that does not extend it, run `authctl login {name}`"
        ));
        found.add(
            "login_ends",
            format!("its refresh token expires {when}"),
            hint,
        );
    }
}

/// The provider's limits on the life of a login.
fn limits(
    entry: &Entry,
    row: Option<&Row>,
    soon: Timestamp,
    now: Timestamp,
    found: &mut Findings<'_>,
) {
    let name = &entry.name;
    let login_again = || Some(format!("run `authctl login {name}`"));
    let Some(refresh) = row
        .and_then(|row| row.oauth.as_ref())
        .map(|oauth| &oauth.refresh)
        .filter(|_| entry.login.refreshable)
    else {
        return;
    };
    let after = |since: Timestamp, days: u32| {
        since
            .saturating_add(SignedDuration::from_secs(i64::from(days) * DAY))
            .unwrap_or(Timestamp::MAX)
    };
    if let Some(days) = refresh.absolute_days {
        let end = after(entry.login.logged_in_at.unwrap_or(entry.created_at), days);
        if end <= soon {
            let when = relative(end, now);
            let message = if end > now {
                format!("it expires at the provider {when}, even if it is used")
            } else {
                format!("it expired at the provider {when}")
            };
            found.add("login_absolute", message, login_again());
        }
    }
    if let Some(days) = refresh.idle_days {
        let end = after(entry.login.refreshed_at.unwrap_or(entry.changed_at), days);
        if end <= now {
            let message = format!(
                "it has not been used for {days} days and may have expired at the provider"
            );
            found.add("login_idle", message, login_again());
        } else if end <= soon {
            let message = format!(
                "it expires at the provider {} unless it is used",
                relative(end, now)
            );
            found.add(
                "login_idle",
                message,
                Some(format!("run `authctl refresh {name}`")),
            );
        }
    }
}

/// The day on which a key expires.
fn expiry(
    entry: &Entry,
    row: Option<&Row>,
    soon: Timestamp,
    now: Timestamp,
    found: &mut Findings<'_>,
) {
    let hint = Some(renew(entry, row));
    match entry.rotation.expires {
        Some(end) if end < day(now) => {
            found.add("key_over", format!("the key expired on {end}"), hint);
        }
        Some(end) if end <= day(soon) => {
            found.add("key_ends", format!("the key expires on {end}"), hint);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{LastError, Other};

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + days * DAY).unwrap()
    }

    fn codes(entry: &Entry, row: Option<&Row>, day: i64) -> Vec<String> {
        let within = SignedDuration::from_secs(7 * DAY);
        findings(entry, row, &Policy::default(), within, at(day))
            .into_iter()
            .map(|finding| finding.code)
            .collect()
    }

    #[test]
    fn a_key_expires_and_falls_due_on_its_day() {
        let key = |day_of: i64| {
            Entry::example(Kind::Key, at(0)).with(|entry| {
                entry.rotation.expires = Some(day(at(day_of)));
            })
        };
        assert!(codes(&key(8), None, 0).is_empty());
        assert_eq!(codes(&key(7), None, 0), ["key_ends"]);
        assert_eq!(codes(&key(0), None, 0), ["key_ends"]);
        assert_eq!(codes(&key(-1), None, 0), ["key_over"]);
    }

    #[test]
    fn a_login_expires_with_its_token_or_from_disuse() {
        let login = |refreshable, end| {
            Entry::example(Kind::Login, at(0)).with(|entry| {
                entry.login.refreshable = refreshable;
                entry.login.access_expires_at = Some(at(end));
            })
        };
        assert!(
            codes(&login(true, 0), None, 5).is_empty(),
            "it is refreshed when it is used"
        );
        assert_eq!(codes(&login(false, 5), None, 0), ["login_ends"]);
        assert_eq!(codes(&login(false, 5), None, 5), ["login_over"]);
        let row: Row = toml::from_str(
            "name = \"acme\"\ntitle = \"Acme\"\norigins = [\"https://a.test\"]\n[oauth]\nauthorization_endpoint = \"https://a.test/a\"\n\
             token_endpoint = \"https://a.test/t\"\nrefresh = { idle_days = 30 }\n",
        )
        .unwrap();
        assert!(codes(&login(true, 0), Some(&row), 22).is_empty());
        assert_eq!(codes(&login(true, 0), Some(&row), 23), ["login_idle"]);
        assert_eq!(codes(&login(true, 0), Some(&row), 31), ["login_idle"]);
        let used = login(true, 0).with(|entry| entry.login.refreshed_at = Some(at(20)));
        assert!(codes(&used, Some(&row), 30).is_empty());
        let mut row = row;
        row.oauth.as_mut().unwrap().refresh.absolute_days = Some(40);
        assert_eq!(codes(&used, Some(&row), 34), ["login_absolute"]);
        let again = used.with(|entry| entry.login.logged_in_at = Some(at(30)));
        assert!(
            codes(&again, Some(&row), 34).is_empty(),
            "the limit is counted from the new login"
        );
    }

    #[test]
    fn d4_the_end_of_the_refresh_token_is_reported() {
        let login = |refreshable, end| {
            Entry::example(Kind::Login, at(0)).with(|entry| {
                entry.login.refreshable = refreshable;
                entry.login.refresh_token_expires_at = Some(at(end));
            })
        };
        assert!(codes(&login(true, 8), None, 0).is_empty());
        assert!(codes(&login(true, 7), None, 3).is_empty());
        assert_eq!(codes(&login(true, 7), None, 4), ["login_ends"]);
        assert_eq!(codes(&login(true, 0), None, 0), ["login_over"]);
        // What replaced the refresh token has an end of its own.
        assert!(codes(&login(false, 0), None, 0).is_empty());
    }

    #[test]
    fn the_last_failure_and_an_interrupted_command_are_reported() {
        let failed = Entry::example(Kind::Login, at(0)).with(|entry| {
            entry.login.last_error = Some(LastError {
                at: at(0),
                code: ErrorCode::Unreachable,
                reason: "503".into(),
                answered_since: None,
            });
        });
        assert_eq!(codes(&failed, None, 1), ["refresh_unreachable"]);
        let renaming = Entry::example(Kind::Login, at(0)).with(|entry| {
            entry.state = State::Renaming {
                successor: Other {
                    name: "acme/b".parse().unwrap(),
                    id: entry.id.clone(),
                },
            };
        });
        assert_eq!(codes(&renaming, None, 1), ["interrupted"]);
        assert!(life(&renaming, at(1)).contains("renaming"));
        let key = Entry::example(Kind::Key, at(0));
        assert_eq!(life(&key, at(3)), "unknown");
    }
}
