//! API keys.

use crate::issuer::Issuer;
use crate::support::{Home, Ran};

fn acme(home: &Home, issuer: &Issuer, more: &[&str], key: &str) -> Ran {
    let mut arguments = vec![
        "key",
        "add",
        "acme",
        "--header",
        "X-API-Key: {key}",
        "--origin",
        &issuer.url,
    ];
    arguments.extend(more);
    home.run_with_input(&arguments, key.as_bytes())
}

#[test]
fn a_key_is_read_from_standard_input_and_printed_as_a_header() {
    let issuer = Issuer::start();
    let home = Home::new();
    acme(&home, &issuer, &[], "k\"e\\y *?[ 1\n").done();
    assert_eq!(
        home.run(&["token", "acme"]).done().stdout,
        "k\"e\\y *?[ 1\n"
    );
    assert_eq!(
        home.run(&["header", "acme", "--format", "raw"])
            .done()
            .stdout,
        "X-API-Key: k\"e\\y *?[ 1\n"
    );
    let json: serde_json::Value = serde_json::from_str(
        &home
            .run(&["header", "acme", "--format", "json"])
            .done()
            .stdout,
    )
    .unwrap();
    assert_eq!(json["headers"][0]["value"], "k\"e\\y *?[ 1");
    home.run(&["refresh", "acme"]).failed(2, "is an API key");
    home.run(&["logout", "acme"])
        .failed(2, "hint: run `authctl key remove acme`");
    home.run(&["key", "remove", "acme"]).done();
    home.run(&["token", "acme"]).failed(3, "no credential");
    home.run(&["key", "remove", "acme"])
        .failed(3, "no credential");
}

/// A key that has expired cannot rotate itself, so its end is stored where the provider tells it.
#[test]
fn d3_the_end_of_a_key_is_stored_with_it() {
    let issuer = Issuer::start();
    let today = jiff::tz::TimeZone::UTC
        .to_datetime(jiff::Timestamp::now())
        .date();
    let day = today.checked_add(jiff::Span::new().days(10)).unwrap();
    let midnight = day.to_datetime(jiff::civil::Time::midnight());
    let seconds = jiff::tz::TimeZone::UTC
        .to_timestamp(midnight)
        .unwrap()
        .as_second();
    for (answer, stored) in [
        (format!("\"{day}\""), Some(day.to_string())),
        (format!("\"{day}T00:00:00Z\""), Some(day.to_string())),
        (format!("{seconds}"), Some(day.to_string())),
        (format!("{seconds}000"), Some(day.to_string())),
        ("null".into(), None),
        ("\"soon\"".into(), None),
        ("[]".into(), None),
    ] {
        let home = Home::new();
        let row = format!(
            "name = \"mine\"\ntitle = \"Mine\"\norigins = [\"{0}\"]\n[key]\nheaders = [\"X-API-Key: {{key}}\"]\n\
             check = {{ url = \"{0}/api/ends\", expires = \"/expires_at\" }}\n",
            issuer.url
        );
        std::fs::write(home.file("mine.toml"), row).unwrap();
        home.run(&["provider", "add", home.file("mine.toml").to_str().unwrap()])
            .done();
        issuer.answer_api(&format!("{{\"expires_at\": {answer}}}"));
        let ran = home
            .run_with_input(&["key", "add", "mine"], b"good-key\n")
            .done();
        let list: serde_json::Value =
            serde_json::from_str(&home.run(&["list", "--json"]).done().stdout).unwrap();
        assert_eq!(
            list[0]["expires"].as_str(),
            stored.as_deref(),
            "{answer}: {ran:#?}"
        );
        assert_eq!(
            ran.stderr.contains("it expires on"),
            stored.is_some(),
            "{ran:#?}"
        );
        let status = home.run(&["status", "--within", "30d"]);
        assert_eq!(status.code == 8, stored.is_some(), "{status:#?}");
        // What the user says counts.
        home.run_with_input(
            &["key", "add", "mine", "--replace", "--expires", "2099-01-01"],
            b"good-key\n",
        )
        .done();
        assert!(
            home.run(&["list", "--json"])
                .done()
                .stdout
                .contains("2099-01-01")
        );
    }
}

#[test]
fn a_name_that_is_taken_is_refused_unless_replaced() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    acme(&home, &issuer, &[], "one").done();
    acme(&home, &issuer, &[], "two").failed(7, "a key named `acme` already exists");
    assert_eq!(home.run(&["token", "acme"]).done().stdout, "one\n");
    acme(
        &home,
        &issuer,
        &[
            "--replace",
            "--rotate-every",
            "30d",
            "--expires",
            "2027-01-31",
        ],
        "two",
    )
    .done();
    assert_eq!(home.run(&["token", "acme"]).done().stdout, "two\n");
    home.run_with_input(
        &[
            "key",
            "add",
            "op",
            "--header",
            "X: {key}",
            "--origin",
            &issuer.url,
        ],
        b"k",
    )
    .failed(7, "a login named `op` already exists");
    let list: serde_json::Value =
        serde_json::from_str(&home.run(&["list", "--json"]).done().stdout).unwrap();
    assert_eq!(
        (
            list[0]["rotate_every"].as_str(),
            list[0]["expires"].as_str()
        ),
        (Some("30d"), Some("2027-01-31"))
    );
    let ran = home.login_as(&issuer, "acme/x", &[]);
    ran.done();
}

#[test]
fn a_missing_key_asks_for_the_key_and_not_for_a_login() {
    let issuer = Issuer::start();
    let home = Home::new();
    acme(&home, &issuer, &[], "one").done();
    for entry in std::fs::read_dir(home.file("vault"))
        .unwrap()
        .map(Result::unwrap)
    {
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "age")
            && !entry.path().ends_with("identity.age")
        {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let ran = home
        .run(&["token", "acme"])
        .failed(3, "the key `acme` is missing from the vault");
    assert!(
        ran.stderr
            .contains("hint: run `authctl key add acme --replace`"),
        "{ran:#?}"
    );
    acme(&home, &issuer, &["--replace"], "two").done();
    assert_eq!(home.run(&["token", "acme"]).done().stdout, "two\n");
    // What `status` and the hints say to type works for a key with a header of its own.
    home.run_with_input(&["key", "add", "acme", "--replace"], b"three\n")
        .done();
    assert_eq!(
        home.run(&["header", "acme", "--format", "raw"])
            .done()
            .stdout,
        "X-API-Key: three\n"
    );
}

#[test]
fn promise_10_a_key_that_could_break_a_header_is_refused_on_input() {
    let issuer = Issuer::start();
    let home = Home::new();
    for bad in [
        "a\nb",
        "a\0b",
        "ä",
        "",
        "a\rb",
        "a\tb",
        &"x".repeat(100_000),
    ] {
        let ran = acme(&home, &issuer, &[], bad);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (2, ""),
            "{bad:?}: {ran:#?}"
        );
        home.run(&["token", "acme"]).failed(3, "no credential");
    }
}

#[test]
fn an_unknown_provider_needs_a_header_and_an_origin() {
    let home = Home::new();
    let add = |arguments: &[&str]| {
        home.run_with_input(&[&["key", "add", "acme"], arguments].concat(), b"k")
    };
    add(&[]).failed(
        3,
        "the format of API keys is not known for the provider `acme`",
    );
    add(&["--header", "X-API-Key: {key}"]).failed(2, "no origin was given for the key");
    add(&["--header", "X-API-Key {key}", "--origin", "https://a.test"])
        .failed(2, "is not of the form `Name: value`");
    add(&[
        "--header",
        "X-API-Key: {other}",
        "--origin",
        "https://a.test",
    ])
    .failed(2, "unknown placeholder");
    add(&["--header", "X-API-Key: {key}", "--origin", "http://a.test"])
        .failed(2, "must begin with `https://`");
    add(&["--header", "Host: {key}", "--origin", "https://a.test"]).failed(2, "cannot be set");
    home.run(&["key", "add", "acme", "secret-on-the-command-line"])
        .failed(2, "unexpected argument");
}

#[test]
fn a_check_in_a_row_verifies_keys() {
    let issuer = Issuer::start();
    let home = Home::new();
    let row = format!(
        "name = \"mine\"\ntitle = \"Mine\"\norigins = [\"{0}\"]\n[key]\nheaders = [\"X-API-Key: {{key}}\"]\nprefixes = [\"mine_\"]\n\
         parts = [{{ name = \"key\", label = \"API key\", pattern = \"mine_[a-z]+\" }}]\n\
         check = {{ url = \"{0}/api/key\", label = \"/owner/login\" }}\n",
        issuer.url
    );
    std::fs::write(home.file("mine.toml"), row).unwrap();
    home.run(&["provider", "add", home.file("mine.toml").to_str().unwrap()])
        .done();
    home.run(&["provider", "add", home.file("mine.toml").to_str().unwrap()])
        .failed(7, "your definition of `mine` already exists");
    assert!(
        home.run(&["provider", "list"])
            .done()
            .stdout
            .contains("yours")
    );
    let ran = home.run_with_input(&["key", "add"], b"mine_abc\n").done();
    assert!(
        ran.stderr.contains("this looks like a key for Mine")
            && ran
                .stderr
                .contains("not verified, because the provider was guessed"),
        "{ran:#?}"
    );
    assert!(
        issuer.api_requests().is_empty(),
        "a guess is never tried out on a stranger"
    );
    let ran = home
        .run_with_input(&["key", "add", "mine", "--replace"], b"mine_abc\n")
        .done();
    assert!(
        ran.stderr.contains("stored the key of key-owner as mine"),
        "{ran:#?}"
    );
    let ran = home
        .run_with_input(&["key", "add", "mine/two"], b"mine_bad\n")
        .failed(7, "the provider does not accept this key");
    assert!(ran.stderr.contains("nothing was stored"), "{ran:#?}");
    let before = issuer.api_requests().len();
    let ran = home
        .run_with_input(&["key", "add", "mine/odd"], b"zzz\n")
        .failed(7, "does not look like a key for mine");
    assert!(ran.stderr.contains("nothing was stored"), "{ran:#?}");
    assert_eq!(issuer.api_requests().len(), before);
    home.run_with_input(&["key", "add", "mine/two", "--no-verify"], b"bad\n")
        .done();
    home.run_with_input(
        &[
            "key",
            "add",
            "acme",
            "--header",
            "X: {key}",
            "--origin",
            &issuer.url,
        ],
        b"k\n",
    )
    .done();
    let checked = |name: &str| {
        home.json(&["status", name, "--check"])["credentials"][0]["check"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        ["mine", "mine/two", "acme"].map(checked),
        ["good", "refused", "readable"]
    );
    // Of what is named, only what is due.
    home.run(&["rotate", "--due", "mine"]).done();
    home.run_with_input(&["key", "add"], b"unheard-of\n")
        .failed(3, "cannot recognize the provider");
    issuer.stop();
    let ran = home
        .run_with_input(&["key", "add", "mine/three"], b"mine_x\n")
        .done();
    assert!(ran.stderr.contains("cannot verify the key"), "{ran:#?}");
}

#[test]
fn a_key_of_two_parts_is_two_lines_and_two_headers() {
    let home = Home::new();
    let (key, app) = (
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef01234567",
    );
    home.run_with_input(
        &["key", "add", "datadog", "--no-verify"],
        format!("{key}\n").as_bytes(),
    )
    .failed(2, "2 lines, one for each part");
    home.run_with_input(
        &[
            "key",
            "add",
            "datadog",
            "--no-verify",
            "--set",
            "site=datadoghq.eu",
        ],
        format!("{key}\n{app}\n").as_bytes(),
    )
    .done();
    let raw = home
        .run(&["header", "datadog", "--format", "raw"])
        .done()
        .stdout;
    assert_eq!(
        raw,
        format!("DD-API-KEY: {key}\nDD-APPLICATION-KEY: {app}\n")
    );
    home.run(&["token", "datadog"])
        .failed(2, "`datadog` has several parts");
    assert_eq!(
        home.run(&["token", "datadog", "--part", "app"])
            .done()
            .stdout,
        format!("{app}\n")
    );
    home.run(&[
        "header",
        "datadog",
        "--format",
        "raw",
        "--url",
        "https://api.datadoghq.com/",
    ])
    .failed(7, "is not bound to");
    home.run(&[
        "header",
        "datadog",
        "--format",
        "raw",
        "--url",
        "https://api.datadoghq.eu/",
    ])
    .done();
}

#[test]
fn the_catalogue_shows_its_rows_and_marks_unverified_fields() {
    let home = Home::new();
    let list = home.run(&["provider", "list"]).done().stdout;
    for name in [
        "anthropic",
        "datadog",
        "github",
        "gitlab",
        "google",
        "microsoft",
        "openai",
        "stripe",
    ] {
        assert!(list.contains(name), "{name}: {list}");
        let shown = home.run(&["provider", "show", name]).done().stdout;
        assert!(
            shown.contains("# last checked against its sources: 2026-"),
            "{shown}"
        );
        assert!(shown.contains("# unverified: "), "{shown}");
    }
    home.run(&["provider", "show", "nobody"])
        .failed(3, "no provider named `nobody`");
}

#[test]
fn a_replacement_keeps_the_origins_and_the_policy() {
    let home = Home::new();
    let entry = |name: &str| {
        let list = home.json(&["list"]);
        list.as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["name"] == name)
            .unwrap()
            .clone()
    };
    let sendgrid = |fill: &str| format!("SG.{}.{}", fill.repeat(22), fill.repeat(43));
    let gateway = [
        "--origin",
        "https://gateway.example",
        "--rotate-every",
        "never",
        "--no-verify",
    ];
    home.run_with_input(
        &[&["key", "add", "sendgrid/gw"], &gateway[..]].concat(),
        sendgrid("a").as_bytes(),
    )
    .done();
    let ran = home
        .run_with_input(
            &["key", "add", "sendgrid/gw", "--replace"],
            sendgrid("b").as_bytes(),
        )
        .done();
    assert!(
        ran.stderr
            .contains("not verified: the origins of the key differ from those of its provider"),
        "it goes nowhere else: {ran:#?}"
    );
    let after = entry("sendgrid/gw");
    assert_eq!(
        (after["origins"][0].as_str(), after["rotate_every"].as_str()),
        (Some("https://gateway.example"), Some("never"))
    );
    // The host that was set stays, whatever else is set; and a key that is recognised replaces as
    // one that is named.
    let newrelic = |fill: &str| format!("NRAK-{}", fill.repeat(27));
    let european = ["--set", "host=api.eu.newrelic.com", "--no-verify"];
    home.run_with_input(
        &[&["key", "add", "newrelic"], &european[..]].concat(),
        newrelic("A").as_bytes(),
    )
    .done();
    home.run_with_input(
        &[
            "key",
            "add",
            "newrelic",
            "--replace",
            "--set",
            "account=1",
            "--no-verify",
        ],
        newrelic("B").as_bytes(),
    )
    .done();
    assert_eq!(
        entry("newrelic")["origins"][0],
        "https://api.eu.newrelic.com"
    );
    home.run_with_input(
        &["key", "add", "--replace", "--no-verify"],
        newrelic("C").as_bytes(),
    )
    .done();
    assert_eq!(
        entry("newrelic")["origins"][0],
        "https://api.eu.newrelic.com"
    );
    assert_eq!(
        home.run(&["token", "newrelic"]).done().stdout,
        format!("{}\n", newrelic("C"))
    );
}

#[test]
fn a_vault_is_never_opened_for_less_than_the_kernel_counts() {
    let home = Home::new();
    home.run(&["vault", "unlock", "--for", "500ms"])
        .failed(2, "must be between 1s and 7d");
}

#[test]
fn d5_an_expiry_date_can_be_removed_and_one_in_the_past_is_a_warning() {
    let issuer = Issuer::start();
    let home = Home::new();
    acme(&home, &issuer, &["--expires", "2099-01-31"], "one").done();
    let expires = || {
        let list = home.run(&["list", "--json"]).done().stdout;
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        list[0]["expires"].clone()
    };
    assert_eq!(expires(), "2099-01-31");
    let set = |day: &str| home.run(&["key", "set", "acme", "--expires", day]);
    let past = set("2020-01-01").done();
    assert!(
        past.stderr.contains("2020-01-01 is in the past"),
        "{past:#?}"
    );
    assert_eq!(home.run(&["status"]).code, 8);
    let never = set("never").done();
    assert!(!never.stderr.contains("past"), "{never:#?}");
    assert!(expires().is_null());
    home.run(&["status"]).done();
    for bad in ["", "Never", "2027-02-30", "30d"] {
        set(bad).failed(2, "is not a date; use the form 2027-01-31, or `never`");
    }
    acme(
        &home,
        &issuer,
        &["--replace", "--expires", "2099-01-31"],
        "two",
    )
    .done();
    acme(
        &home,
        &issuer,
        &["--replace", "--expires", "never"],
        "three",
    )
    .done();
    assert!(expires().is_null());
}

#[test]
fn k3_a_first_command_without_a_credential_says_how_to_store_it() {
    let home = Home::new();
    let says = |name: &str, hint: &str| {
        let ran = home
            .command(&["token", name])
            .env("OPENAI_API_KEY", "sk-proj-0123456789")
            .env("GROQ_API_KEY", "")
            .output()
            .unwrap();
        Ran::from(ran).failed(3, &format!("hint: {hint}\n"));
    };
    says(
        "openai",
        "OPENAI_API_KEY is set: run `authctl key add openai --from-env OPENAI_API_KEY`",
    );
    says("groq/work", "run `authctl key add groq/work`");
    says(
        "github",
        "run `authctl login github`, or `authctl key add github`",
    );
    says("dropbox", "run `authctl login dropbox`");
    says(
        "unheard-of",
        "run `authctl list` to see the stored credentials",
    );
    home.run_with_input(
        &["key", "add", "groq/home", "--no-verify"],
        b"gsk_0123456789",
    )
    .done();
    says(
        "groq/work",
        "run `authctl list` to see the stored credentials",
    );
}
