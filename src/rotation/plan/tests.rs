//! Tests.

use super::*;
use crate::config::RotationConfig;
use crate::credential::Progress;

fn at(days: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + days * 86_400).unwrap()
}

fn entry() -> Entry {
    Entry::example(Kind::Key, at(0))
}

fn due_at(entry: &Entry, config: RotationConfig, day: i64) -> bool {
    plan(entry, None, &Policy::new(config), at(day)).is_due
}

#[test]
fn a_key_is_due_shortly_before_its_interval_is_over() {
    let none = RotationConfig::default;
    assert!(
        !due_at(&entry(), none(), 26) && due_at(&entry(), none(), 30),
        "30 days by default"
    );
    let global = || RotationConfig {
        every: Some("10d".parse().unwrap()),
        ..none()
    };
    assert!(!due_at(&entry(), global(), 8) && due_at(&entry(), global(), 10));
    let provider = || RotationConfig {
        providers: [("acme".to_owned(), "never".parse().unwrap())].into(),
        ..global()
    };
    assert!(!due_at(&entry(), provider(), 1000));
    let own = entry().with(|entry| entry.rotation.every = Some("2d".parse().unwrap()));
    assert!(
        due_at(&own, provider(), 2),
        "the interval of the key has priority"
    );
    assert!(toml::from_str::<RotationConfig>("every = \"often\"").is_err());
    assert!(toml::from_str::<RotationConfig>("grace = \"long\"").is_err());
}

#[test]
fn the_method_depends_on_the_key_and_names_a_missing_manager() {
    let home = tempfile::tempdir().unwrap();
    let row = crate::provider::Catalogue::new(&crate::config::Paths::in_one(home.path()))
        .find("openai")
        .unwrap()
        .unwrap();
    let how = |entry: Entry| {
        (
            plan(&entry, Some(&row), &Policy::default(), at(0)).how,
            is_revoked_manually(&entry, Some(&row)),
        )
    };
    let of = |recipe: &str| entry().with(|entry| entry.rotation.recipe = Some(recipe.into()));
    assert_eq!(how(of("personal")), ("manual".into(), true));
    assert_eq!(
        how(of("service-account")),
        ("create and revoke (needs `--manager`)".into(), false)
    );
    let managed = of("service-account")
        .with(|entry| entry.rotation.manager = Some("openai/admin".parse().unwrap()));
    assert_eq!(how(managed).0, "create and revoke");
}

#[test]
fn a_key_is_due_before_the_day_on_which_it_expires() {
    let expiring = entry().with(|entry| {
        entry.rotation.expires = Some(TimeZone::UTC.to_datetime(at(20)).date());
        entry.rotation.every = Some("never".parse().unwrap());
    });
    let none = RotationConfig::default;
    assert!(!due_at(&expiring, none(), 12) && due_at(&expiring, none(), 14));
    let short = expiring.with(|entry| {
        entry.rotation.expires = Some(TimeZone::UTC.to_datetime(at(5)).date());
    });
    assert!(!due_at(&short, none(), 1) && due_at(&short, none(), 2));
}

#[test]
fn an_unfinished_rotation_is_due_and_a_grace_period_is_waited_for() {
    let with = |progress: Progress| entry().with(|entry| entry.rotation.progress = Some(progress));
    let policy = Policy::default();
    let what = |entry: &Entry, day| plan(entry, None, &policy, at(day)).what;
    let pending = with(Progress {
        pending: true,
        ..Progress::default()
    });
    assert_eq!(what(&pending, 0), What::Finish);
    assert_eq!(plan(&pending, None, &policy, at(0)).how, "finish (unknown)");
    for begun in [
        Progress {
            rolling: true,
            ..Progress::default()
        },
        Progress {
            making: 1,
            ..Progress::default()
        },
    ] {
        assert_eq!(what(&with(begun), 0), What::Finish);
    }
    let retiring = with(Progress {
        retiring: vec![at(40)],
        ..Progress::default()
    });
    let waiting = plan(&retiring, None, &policy, at(35));
    assert!(
        !waiting.is_due && waiting.due == Some(at(40)),
        "due by age, but waiting"
    );
    assert_eq!(waiting.waits_until, Some(at(40)));
    assert_eq!(plan(&retiring, None, &policy, at(40)).waits_until, None);
    assert_eq!(what(&retiring, 40), What::Finish);
}

#[test]
fn n1_what_was_stored_in_the_future_is_due_and_holds_nothing_back() {
    let policy = Policy::default();
    let soon = |entry: &Entry| plan(entry, None, &policy, at(-1)).is_due;
    assert!(soon(&entry()), "stored tomorrow");
    let switched = entry().with(|entry| entry.rotation.key_since = Some(at(1000)));
    assert!(due_at(&switched, RotationConfig::default(), 10));
    let seconds = |entry: &mut Entry| {
        entry.rotation.key_since = Some(at(10) + SignedDuration::from_secs(30));
    };
    assert!(!due_at(
        &entry().with(seconds),
        RotationConfig::default(),
        10
    ));
    let never = entry().with(|entry| entry.rotation.every = Some("never".parse().unwrap()));
    assert!(!soon(&never));
    // The grace period of a key that was replaced in the future is cut by the next run.
    let retiring = switched.with(|entry| {
        entry.rotation.progress = Some(Progress {
            retiring: vec![at(1001)],
            ..Progress::default()
        });
    });
    let plan = plan(&retiring, None, &policy, at(10));
    assert!(plan.is_due && plan.what == What::Finish);
}

#[test]
fn keys_that_were_stored_on_one_day_fall_due_on_several() {
    let days: std::collections::BTreeSet<i64> = (0..50)
        .map(|_| {
            due(&entry(), &Policy::default(), at(0))
                .unwrap()
                .as_second()
                / 86_400
        })
        .collect();
    assert!(days.len() > 1, "{days:?}");
}

#[test]
fn a_login_is_refreshed_after_half_of_its_idle_limit() {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let row: Row = toml::from_str(
        r#"
        name = "acme"
        title = "Acme"
        origins = ["https://api.acme.test"]
        [oauth]
        authorization_endpoint = "https://acme.test/authorize"
        token_endpoint = "https://acme.test/token"
        refresh = { idle_days = 30 }
    "#,
    )
    .unwrap();
    let mut entry = Entry::example(Kind::Login, start);
    let at = |entry: &Entry, days: i64| {
        let now = start + SignedDuration::from_hours(24 * days);
        plan(entry, Some(&row), &Policy::default(), now)
    };
    assert!(!at(&entry, 14).is_due);
    let due = at(&entry, 15);
    assert!(due.is_due && due.what == What::Refresh);
    entry.login.refreshed_at = Some(start + SignedDuration::from_hours(24 * 900));
    assert!(at(&entry, 1).is_due, "n1: refreshed in the future");
    entry.login.refreshable = false;
    assert_eq!(at(&entry, 15).what, What::Nothing);
}

#[test]
fn d4_a_login_is_refreshed_at_half_of_the_life_of_its_refresh_token() {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let day = |days: i64| start + SignedDuration::from_hours(24 * days);
    let mut entry = Entry::example(Kind::Login, start);
    entry.login.refresh_token_expires_at = Some(day(20));
    for (days, is_due) in [(0, false), (9, false), (10, true), (30, true)] {
        let plan = plan(&entry, None, &Policy::default(), day(days));
        assert_eq!((plan.is_due, plan.what), (is_due, What::Refresh), "{days}");
    }
    entry.login.refreshable = false;
    assert!(!plan(&entry, None, &Policy::default(), day(30)).is_due);
}
