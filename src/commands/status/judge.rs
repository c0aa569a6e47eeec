//! What is over, due or unwise: pure decisions over the index and the catalogue, which take `now`.

use super::super::documents::Finding;
use super::super::words::{day, length, relative};
use super::{rotation, to_do};
use crate::credential::{Index, Kind, State};
use crate::provider::Row;
use crate::rotation::Policy;
use jiff::{SignedDuration, Timestamp};

/// A day in seconds.
const DAY: i64 = 86_400;

/// How a credential's life reads.
pub(super) fn life(index: &Index, now: Timestamp) -> String {
    match (index.state, index.kind) {
        (State::Active, Kind::Login) => match index.access_expires_at {
            Some(ends) if ends > now => format!("access token ends {}", relative(ends, now)),
            Some(ends) => format!("access token ended {}", relative(ends, now)),
            None => "access token without an end".into(),
        },
        (State::Active, Kind::Key) => {
            let age = age(index, now);
            match index.expires {
                Some(ends) if ends < day(now) => format!("ended on {ends}"),
                Some(ends) => format!("ends on {ends}"),
                None => format!("{age} old"),
            }
        }
        (state, _) => format!("interrupted while {state}"),
    }
}

fn since(index: &Index) -> Timestamp {
    index.key_since.unwrap_or(index.created_at)
}

pub(super) fn age(index: &Index, now: Timestamp) -> String {
    length(now.duration_since(since(index)).as_secs().unsigned_abs())
}

/// Everything to say of one credential, in the order of urgency.
pub(super) fn judge(
    index: &Index,
    row: Option<&Row>,
    policy: &Policy,
    within: SignedDuration,
    now: Timestamp,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let name = &index.name;
    let mut say = |code: &str, advice: bool, message: String, hint: Option<String>| {
        found.push(Finding {
            advice,
            ..to_do(name, code, message, hint.as_deref())
        });
    };
    if index.state != State::Active {
        let hint =
            format!("run `authctl token {name} --check`, which finishes it or takes it back");
        say(
            "interrupted",
            false,
            format!("a command was interrupted while {} it", index.state),
            Some(hint),
        );
        return found;
    }
    for left in &index.leftovers {
        let hint = format!(
            "when the {} is open, run `authctl move {name} --to {}`",
            left.store, index.store
        );
        say(
            "leftover",
            true,
            format!(
                "an old item of it is still to be deleted in the {}",
                left.store
            ),
            Some(hint),
        );
    }
    if let Some(error) = &index.last_error {
        let hint = match error.code.as_str() {
            "login_required" => Some(format!("run `authctl login {name}`")),
            _ => Some(format!(
                "run `authctl refresh {name}` when the network is back"
            )),
        };
        say(
            &format!("refresh_{}", error.code),
            false,
            format!(
                "the last refresh, {}, failed: {}",
                relative(error.at, now),
                error.reason
            ),
            hint,
        );
    }
    let soon = now.saturating_add(within).unwrap_or(Timestamp::MAX);
    match index.kind {
        Kind::Login => login(index, row, soon, now, &mut say),
        Kind::Key => {
            key(index, row, soon, now, &mut say);
            rotation::judge(index, row, policy, soon, now, &mut say);
        }
    }
    if index
        .bound
        .origins
        .iter()
        .any(crate::credential::Origin::is_plain_http)
    {
        say(
            "plain_http",
            true,
            "it may be sent over plain http on this machine".into(),
            None,
        );
    }
    found
}

pub(super) type Say<'a> = dyn FnMut(&str, bool, String, Option<String>) + 'a;

fn login(index: &Index, row: Option<&Row>, soon: Timestamp, now: Timestamp, say: &mut Say<'_>) {
    let name = &index.name;
    let again = || Some(format!("run `authctl login {name}`"));
    // Without a refresh token the access token is the login: its end is the login's.
    if !index.refreshable
        && let Some(ends) = index.access_expires_at
    {
        if ends <= now {
            say(
                "login_over",
                false,
                format!(
                    "its access token ended {} and there is no refresh token",
                    relative(ends, now)
                ),
                again(),
            );
        } else if ends <= soon {
            say(
                "login_ends",
                false,
                format!("it ends {}: there is no refresh token", relative(ends, now)),
                again(),
            );
        }
    }
    let refresh = row
        .and_then(|row| row.oauth.as_ref())
        .map(|oauth| &oauth.refresh)
        .filter(|_| index.refreshable);
    if let Some(days) = refresh.and_then(|refresh| refresh.absolute_days) {
        let since = index.logged_in_at.unwrap_or(index.created_at);
        let ends = since
            .saturating_add(SignedDuration::from_secs(i64::from(days) * DAY))
            .unwrap_or(Timestamp::MAX);
        if ends <= soon {
            say(
                "login_absolute",
                false,
                format!(
                    "the provider ends it {} however much it is used",
                    relative(ends, now)
                ),
                again(),
            );
        }
    }
    let idle = refresh.and_then(|refresh| refresh.idle_days);
    if let Some(days) = idle {
        let used = index.refreshed_at.unwrap_or(index.changed_at);
        let ends = used
            .saturating_add(SignedDuration::from_secs(i64::from(days) * DAY))
            .unwrap_or(Timestamp::MAX);
        if ends <= now {
            say(
                "login_idle",
                false,
                format!("it was not used for {days} days, so the provider may have ended it"),
                again(),
            );
        } else if ends <= soon {
            let hint = Some(format!("run `authctl refresh {name}`"));
            say(
                "login_idle",
                false,
                format!(
                    "the provider ends it {} unless it is used",
                    relative(ends, now)
                ),
                hint,
            );
        }
    }
}

fn key(index: &Index, row: Option<&Row>, soon: Timestamp, now: Timestamp, say: &mut Say<'_>) {
    if let Some(ends) = index.expires {
        if ends < day(now) {
            say(
                "key_over",
                false,
                format!("the key ended on {ends}"),
                Some(renew(index, row)),
            );
        } else if ends <= day(soon) {
            say(
                "key_ends",
                false,
                format!("the key ends on {ends}"),
                Some(renew(index, row)),
            );
        }
    }
}

/// How a person replaces a key.
pub(super) fn renew(index: &Index, row: Option<&Row>) -> String {
    let page = row.and_then(|row| row.key.as_ref()?.page.as_ref());
    let place = page
        .map(|page| format!("make a new one at {page}, then "))
        .unwrap_or_default();
    format!("{place}run `authctl key add {} --replace`", index.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{Bound, LastError, Record, SecretPart, StoreKind};

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + days * DAY).unwrap()
    }

    fn index(kind: Kind) -> Index {
        let secret = SecretPart::Login {
            refresh_token: None,
            access: None,
        };
        let record = Record::new("acme".parse().unwrap(), Bound::default(), secret).unwrap();
        Index {
            state: State::Active,
            refreshable: true,
            ..Index::adding(&record, kind, StoreKind::Vault, at(0))
        }
    }

    fn codes(index: &Index, row: Option<&Row>, day: i64) -> Vec<String> {
        judge(
            index,
            row,
            &Policy::default(),
            SignedDuration::from_secs(7 * DAY),
            at(day),
        )
        .into_iter()
        .map(|finding| finding.code)
        .collect()
    }

    #[test]
    fn a_key_ends_and_falls_due_on_its_day() {
        let key = |expires: &str| Index {
            expires: expires.parse().ok(),
            ..index(Kind::Key)
        };
        let day_of = |days| day(at(days)).to_string();
        assert!(codes(&key(&day_of(8)), None, 0).is_empty());
        assert_eq!(codes(&key(&day_of(7)), None, 0), ["key_ends"]);
        assert_eq!(codes(&key(&day_of(0)), None, 0), ["key_ends"]);
        assert_eq!(codes(&key(&day_of(-1)), None, 0), ["key_over"]);
    }

    #[test]
    fn a_login_ends_with_its_token_or_by_idleness() {
        let login = |refreshable, ends| Index {
            refreshable,
            access_expires_at: Some(at(ends)),
            ..index(Kind::Login)
        };
        assert!(
            codes(&login(true, 0), None, 5).is_empty(),
            "it is refreshed when it is wanted"
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
        let used = Index {
            refreshed_at: Some(at(20)),
            ..login(true, 0)
        };
        assert!(codes(&used, Some(&row), 30).is_empty());
        let mut row = row;
        row.oauth.as_mut().unwrap().refresh.absolute_days = Some(40);
        assert_eq!(codes(&used, Some(&row), 34), ["login_absolute"]);
        let again = Index {
            logged_in_at: Some(at(30)),
            ..used
        };
        assert!(
            codes(&again, Some(&row), 34).is_empty(),
            "a new login begins anew"
        );
    }

    #[test]
    fn what_went_wrong_last_is_told() {
        let error = |code: &str| {
            Some(LastError {
                at: at(0),
                code: code.into(),
                reason: "503".into(),
            })
        };
        assert_eq!(
            codes(
                &Index {
                    last_error: error("unreachable"),
                    ..index(Kind::Login)
                },
                None,
                1
            ),
            ["refresh_unreachable"]
        );
        assert_eq!(
            codes(
                &Index {
                    state: State::Renaming,
                    ..index(Kind::Login)
                },
                None,
                1
            ),
            ["interrupted"]
        );
        assert!(
            life(
                &Index {
                    state: State::Renaming,
                    ..index(Kind::Login)
                },
                at(1)
            )
            .contains("renaming")
        );
        assert_eq!(life(&index(Kind::Key), at(3)), "3 days old");
    }
}
