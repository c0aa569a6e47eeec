//! What is reached for every day: exec, status, move, rename, client, export and import, the trail,
//! logins without ease.

use crate::issuer::{Issuer, http};
use crate::support::Home;

#[cfg(unix)]
#[test]
fn exec_puts_the_secret_into_the_program_s_environment_and_gives_its_exit_code() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    home.with_key(&issuer, "acme", "k-1\n").done();
    let ran = home.run(&[
        "exec",
        "acme=A_KEY",
        "op=TOKEN",
        "--",
        "sh",
        "-c",
        "printf '%s %s' \"$A_KEY\" \"$TOKEN\"; exit 9",
    ]);
    assert_eq!(
        (ran.code, ran.stdout.starts_with("k-1 access-")),
        (9, true),
        "{ran:#?}"
    );
    for (arguments, code, says) in [
        (
            &["exec", "acme", "--", "true"][..],
            125,
            "no environment variable is defined for `acme` (usage)",
        ),
        (&["exec", "absent=X", "--", "true"], 125, "(not_found)"),
        (
            &["exec", "acme=X", "op=X", "--", "true"],
            125,
            "both `acme` and `op` use the variable X",
        ),
        (
            &["exec", "acme=X,Y", "--", "true"],
            125,
            "`acme` needs 1 variable, one for each part (key)",
        ),
        (
            &["exec", "acme=1X", "--", "true"],
            125,
            "cannot be the name of a variable",
        ),
        (&["exec", "acme=X", "true"], 125, "Usage:"),
        (
            &["exec", "acme=X", "--", "no-such-program"],
            127,
            "cannot run `no-such-program`",
        ),
        (
            &["exec", "acme=X", "--", "/dev/null"],
            126,
            "cannot run `/dev/null`",
        ),
    ] {
        home.run(arguments).failed(code, says);
    }
    let two = home.run_with_input(
        &["key", "add", "datadog", "--no-verify"],
        format!("{}\n{}\n", "a".repeat(32), "b".repeat(40)).as_bytes(),
    );
    two.done();
    let ran = home
        .run(&[
            "exec",
            "datadog",
            "--",
            "sh",
            "-c",
            "echo $DD_API_KEY $DD_APP_KEY",
        ])
        .done();
    assert_eq!(
        ran.stdout,
        format!("{} {}\n", "a".repeat(32), "b".repeat(40))
    );
    home.run(&["exec", "datadog=A", "--", "true"]).failed(
        125,
        "hint: give one variable for each part: `datadog=VARIABLE,VARIABLE`",
    );
}

#[cfg(unix)]
#[test]
fn a_key_that_signs_requests_is_available_only_to_exec() {
    let home = Home::new();
    let key = format!("AKIA{}\n{}\n", "B".repeat(16), "s".repeat(40));
    home.run_with_input(&["key", "add", "aws"], key.as_bytes())
        .done();
    home.run(&["header", "aws", "--format", "raw"])
        .failed(2, "signs requests and is never sent in a header");
    let ran = home
        .run(&["exec", "aws", "--", "sh", "-c", "echo $AWS_ACCESS_KEY_ID"])
        .done();
    assert_eq!(ran.stdout, format!("AKIA{}\n", "B".repeat(16)));
}

#[test]
fn promise_04_an_edited_or_missing_row_does_not_redirect_a_key() {
    let home = Home::new();
    home.run_with_input(
        &["key", "add", "stripe", "--no-verify"],
        b"sk_test_0123456789\n",
    )
    .done();
    let shown = home.run(&["provider", "show", "stripe"]).done().stdout;
    std::fs::create_dir_all(home.file("providers")).unwrap();
    for (from, to) in [
        ("Authorization: Bearer {key}", "Referer: https://x/{key}"),
        ("\"STRIPE_API_KEY\"", "\"OTHER_NAME\""),
        ("https://api.stripe.com\"", "https://evil.example\""),
        ("\"STRIPE_API_KEY\"", "\"http_proxy\""),
        ("\"STRIPE_API_KEY\"", "\"LD_PRELOAD\""),
    ] {
        assert!(shown.contains(from), "{from}");
        std::fs::write(home.file("providers/stripe.toml"), shown.replace(from, to)).unwrap();
        for arguments in [
            &["header", "stripe", "--format", "raw"][..],
            &["exec", "stripe=KEY", "--", "true"],
            &["token", "stripe"],
        ] {
            let ran = home.run(arguments);
            assert!(ran.code != 0 && ran.stdout.is_empty(), "{to}: {ran:#?}");
            assert!(!ran.stderr.contains("0123456789"), "{ran:#?}");
        }
    }
    // The same text as the built-in row is no difference.
    std::fs::write(home.file("providers/stripe.toml"), &shown).unwrap();
    home.run(&["header", "stripe", "--format", "raw"]).done();
}

#[test]
fn a_variable_that_only_completions_set_changes_no_ordinary_run() {
    let home = Home::new();
    home.run_with_input(
        &[
            "key",
            "add",
            "acme",
            "--header",
            "X: {key}",
            "--origin",
            "https://a.test",
        ],
        b"k\n",
    )
    .done();
    for value in ["bash", "zsh", "zzz", "1", ""] {
        for arguments in [
            &["token", "acme"][..],
            &["header", "acme", "--format", "raw"],
            &["list", "--json"],
        ] {
            let with = crate::support::Ran::from(
                home.command(arguments)
                    .env("AUTHCTL_COMPLETE", value)
                    .output()
                    .unwrap(),
            )
            .done();
            assert_eq!(with.stdout, home.run(arguments).done().stdout, "{value}");
        }
        let failed = crate::support::Ran::from(
            home.command(&["header", "absent"])
                .env("AUTHCTL_COMPLETE", value)
                .output()
                .unwrap(),
        );
        assert_eq!(failed.stdout.lines().next(), Some("-K"), "{failed:#?}");
    }
}

#[test]
fn a_key_that_a_header_would_change_is_refused_on_input() {
    let home = Home::new();
    let add = |header: &str, key: &[u8]| {
        home.run_with_input(
            &[
                "key",
                "add",
                "acme",
                "--header",
                header,
                "--origin",
                "https://a.test",
            ],
            key,
        )
    };
    for key in [&b"   \n"[..], b"\n\n", b""] {
        add("X: {key}", key).failed(2, "standard input is empty");
    }
    add("X-Static: 1", b"k\n").failed(2, "no header contains `{key}`");
}

#[test]
fn status_reports_what_expires_and_exits_with_8() {
    let issuer = Issuer::start();
    let home = Home::new();
    home.run(&["status"]).done();
    home.with_key(&issuer, "acme", "k\n").done();
    let status = home.run(&["status"]).done();
    assert!(
        status.stdout.contains("acme") && status.stdout.contains("unknown"),
        "{status:#?}"
    );
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(72);
    let soon = jiff::tz::TimeZone::UTC.to_datetime(soon).date().to_string();
    let arguments = [
        "key",
        "add",
        "ending",
        "--header",
        "X: {key}",
        "--origin",
        &issuer.url,
        "--expires",
        soon.as_str(),
        "--rotate-every",
        "90d",
    ];
    home.run_with_input(&arguments, b"k\n").done();
    let status = home.run(&["status"]);
    assert_eq!(status.code, 8, "{status:#?}");
    assert!(
        status
            .stdout
            .contains(&format!("ending: the key expires on {}", soon.as_str())),
        "{status:#?}"
    );
    assert!(
        status
            .stdout
            .contains("note: ending: a leaked key would work for up to 90d"),
        "{status:#?}"
    );
    assert!(
        status.stderr.contains("1 finding needs attention"),
        "{status:#?}"
    );
    home.run(&["status", "--within", "1d"]).done();
    home.run(&["status", "acme"]).done();
    home.run(&["status", "absent"])
        .failed(3, "no credential named `absent`");
    let json = home.json(&["status", "ending"]);
    assert_eq!(json["findings"][0]["code"], "key_ends");
}

#[test]
fn status_reports_the_last_error_and_check_verifies() {
    let issuer = Issuer::start();
    issuer.set(|settings| settings.access_lifetime = 1);
    let home = Home::logged_in(&issuer);
    let ran = home.run(&["status", "--check"]).done();
    assert!(ran.stdout.contains("good"), "{ran:#?}");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    issuer.end_logins();
    let ran = home.run(&["status", "op", "--check"]);
    assert_eq!(ran.code, 8, "{ran:#?}");
    assert!(
        ran.stdout.contains("CHECK   login required") || ran.stdout.contains("login required"),
        "{ran:#?}"
    );
    let later = home.run(&["status", "op"]);
    assert_eq!(later.code, 8);
    assert!(
        later.stdout.contains("the last refresh, ")
            && later.stdout.contains("hint: run `authctl login op`"),
        "{later:#?}"
    );
    home.login(&issuer, &[]).done();
    home.run(&["status", "op"]).done();
}

#[test]
fn promise_07_a_move_leaves_one_authority() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    home.run(&["move", "op", "--to", "vault"])
        .failed(2, "`op` is already in the vault");
    // No keychain answers here: the move is refused before anything is changed.
    home.run(&["move", "op", "--to", "keychain"])
        .failed(5, "the keychain is not available");
    home.run(&["token", "op"]).done();
    home.run(&["move", "absent", "--to", "vault"])
        .failed(3, "no credential named `absent`");
    assert!(
        !home.file("locks/absent").exists(),
        "a wrong name leaves nothing behind"
    );
}

#[test]
fn a_renamed_credential_has_only_its_new_name() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    home.run(&["rename", "op", "op/work"]).done();
    home.run(&["token", "op"])
        .failed(3, "no credential named `op`");
    home.run(&["refresh", "op/work"]).done();
    assert_eq!(home.json(&["list"]).as_array().unwrap().len(), 1);
    assert_eq!(
        std::fs::read_dir(home.file("sealed")).unwrap().count(),
        1,
        "nothing of the old one is left"
    );
    home.login_as(&issuer, "op/other", &[]).done();
    home.run(&["rename", "op/other", "op/work"])
        .failed(7, "a credential named `op/work` already exists");
    home.run(&["rename", "op/other", "acme"])
        .failed(2, "the provider of a credential cannot be changed");
    home.run(&["rename", "op/other", "op/other"])
        .failed(2, "the credential is already named");
    home.run(&["rename", "op/none", "op/x"])
        .failed(3, "no credential named `op/none`");
    home.run(&["logout", "op/work"]).done();
}

fn write_private(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
fn an_interrupted_rename_is_finished_with_one_name() {
    let issuer = Issuer::start();
    // What a process leaves that dies before the new entry is whole: the old name is marked, the
    // new one is not there.
    let home = Home::logged_in(&issuer);
    home.edit(
        "credentials/op/default.toml",
        "state = \"active\"",
        "state = \"renaming\"",
    );
    let text = std::fs::read_to_string(home.file("credentials/op/default.toml")).unwrap();
    let real = home
        .files()
        .iter()
        .find_map(|(path, _)| {
            path.parent()?
                .ends_with("sealed")
                .then(|| path.file_name().unwrap().to_str().unwrap().to_owned())
        })
        .unwrap();
    let fake: String = real.chars().rev().collect();
    std::fs::write(
        home.file("credentials/op/default.toml"),
        format!("{text}\n[successor]\nname = \"op/new\"\nid = \"{fake}\"\n"),
    )
    .unwrap();
    home.run(&["token", "op"]).done();
    home.run(&["token", "op/new"]).failed(3, "no credential");
    // And one that dies after the new one is whole: the old one goes, whoever meets which of the
    // two.
    for meets in [
        "token op/new",
        "token op",
        "rename op/new op/third",
        "logout op/new --local",
        "list",
    ] {
        let home = Home::logged_in(&issuer);
        home.run(&["rename", "op", "op/new"]).done();
        let new = std::fs::read_to_string(home.file("credentials/op/new.toml")).unwrap();
        let id = new
            .lines()
            .find_map(|line| line.strip_prefix("id = "))
            .unwrap()
            .to_owned();
        let old = new
            .replace("name = \"op/new\"", "name = \"op\"")
            .replace("state = \"active\"", "state = \"renaming\"");
        let old = old.replace(&format!("id = {id}"), &format!("id = \"{fake}\""));
        write_private(
            &home.file("credentials/op/default.toml"),
            &format!("{old}\n[successor]\nname = \"op/new\"\nid = {id}\n"),
        );
        write_private(
            &home.file("credentials/op/new.toml"),
            &format!("{new}\n[predecessor]\nname = \"op\"\nid = \"{fake}\"\n"),
        );
        let met = home.run(&meets.split(' ').collect::<Vec<_>>());
        assert_eq!(
            met.code,
            if meets == "token op" { 3 } else { 0 },
            "{meets}: {met:#?}"
        );
        if meets == "list" {
            assert!(met.stdout.contains("(renaming incomplete)"), "{met:#?}");
        }
        home.run(&["token", "op"]).failed(3, "no credential");
        let left = home.json(&["list"]).as_array().unwrap().len();
        assert_eq!(left, usize::from(!meets.starts_with("logout")), "{meets}");
    }
}

#[test]
fn a_client_cannot_be_removed_while_a_login_uses_it() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let listed = home.json(&["client", "list"]);
    assert_eq!(
        (
            listed[0]["client_id"].as_str(),
            listed[0]["used_by"][0].as_str()
        ),
        (Some("tool"), Some("op"))
    );
    home.run(&["client", "remove", "op"])
        .failed(7, "the client `tool`: `op` uses it");
    home.run(&["client", "add", "op", "--client-id", "other"])
        .failed(7, "the client `tool`: `op` uses it");
    home.run(&["client", "add", "github", "--client-id", "x"])
        .failed(2, "requires a client secret");
    home.run_with_input(
        &[
            "client",
            "add",
            "github",
            "--client-id",
            "x",
            "--client-secret-stdin",
        ],
        b"planted-secret\n",
    )
    .done();
    assert!(
        home.run(&["client", "list"])
            .done()
            .stdout
            .contains("in the vault")
    );
    home.run(&["client", "remove", "github"]).done();
    home.run(&["client", "remove", "github"])
        .failed(3, "no client is stored for `github`");
    home.run(&["client", "add", "stripe", "--client-id", "x"])
        .failed(2, "supports API keys, but not logins");
    home.run(&["client", "remove", "../x"])
        .failed(2, "is not a valid name");
    home.run(&["logout", "op"]).done();
    home.run(&["client", "remove", "op"]).done();
}

#[test]
fn keys_go_to_another_machine_in_an_age_file_and_logins_do_not() {
    let issuer = Issuer::start();
    let (home, other) = (Home::logged_in(&issuer), Home::new());
    home.with_key(&issuer, "acme", "planted-key-1\n").done();
    home.with_key(&issuer, "acme/two", "planted-key-2\n").done();
    // The other home's vault has an age identity and its recipient at hand.
    let recipient = std::fs::read_to_string(other.file("vault/recipient")).unwrap();
    let identity = other.file("vault/identity.age");
    let file = home.file("keys.age");
    let file = file.to_str().unwrap();
    home.run(&[
        "key",
        "export",
        "op",
        "--to-age",
        recipient.trim(),
        "--output",
        file,
    ])
    .failed(2, "is a login, and logins cannot be exported");
    home.run(&["key", "export", "--to-age", "age1x", "--output", file])
        .failed(2, "not an age recipient");
    home.run(&[
        "key",
        "export",
        "--to-age",
        recipient.trim(),
        "--output",
        file,
    ])
    .done();
    home.run(&[
        "key",
        "export",
        "--to-age",
        recipient.trim(),
        "--output",
        file,
    ])
    .failed(1, "exists");
    assert!(
        !std::fs::read(file)
            .unwrap()
            .windows(7)
            .any(|window| window == b"planted")
    );
    let identity = identity.to_str().unwrap();
    let ours = home.file("vault/identity.age");
    other
        .run(&["key", "import", file, "--identity", ours.to_str().unwrap()])
        .failed(1, "is not encrypted to the identity");
    other
        .run(&["key", "import", file, "--identity", identity])
        .done();
    assert_eq!(
        other.run(&["token", "acme/two"]).done().stdout,
        "planted-key-2\n"
    );
    other
        .run(&[
            "header",
            "acme",
            "--format",
            "raw",
            "--url",
            "https://elsewhere.test/",
        ])
        .failed(7, "is not bound to");
    other
        .run(&["key", "import", file, "--identity", identity])
        .failed(7, "a key named `acme` already exists");
    other
        .run(&["key", "import", file, "--identity", identity, "--replace"])
        .done();
    std::fs::write(home.file("garbage"), b"garbage").unwrap();
    other
        .run(&[
            "key",
            "import",
            home.file("garbage").to_str().unwrap(),
            "--identity",
            identity,
        ])
        .failed(1, "the file is damaged, or not an age file");
}

#[test]
fn the_audit_log_has_every_change_and_no_secret() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    home.with_key(&issuer, "acme", "planted-key\n").done();
    home.run(&["token", "acme"]).done();
    home.run(&["refresh", "op"]).done();
    issuer.end_logins();
    home.run(&["refresh", "op"]).failed(4, "no valid login");
    home.run(&["logout", "op", "--local"]).done();
    let events: Vec<String> = home
        .json(&["audit"])
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            format!(
                "{} {}",
                event["event"].as_str().unwrap(),
                event["outcome"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        events,
        [
            "vault init done",
            "login done",
            "key add done",
            "refresh done",
            "refresh login_required",
            "logout done"
        ]
    );
    assert_eq!(home.json(&["audit", "acme"]).as_array().unwrap().len(), 1);
    assert_eq!(
        home.json(&["audit", "--last", "2"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(
        !std::fs::read_to_string(home.file("audit.jsonl"))
            .unwrap()
            .contains("planted")
    );
    std::fs::write(home.file("audit.jsonl"), b"\xff\xfe\n{}\n").unwrap();
    let ran = home.run(&["audit"]).done();
    assert!(
        ran.stderr
            .contains("skipped 2 unreadable lines in the audit log"),
        "{ran:#?}"
    );
}

#[test]
fn the_ssh_command_is_shown_over_ssh() {
    let issuer = Issuer::start();
    let home = Home::new();
    let arguments = [
        "login",
        &issuer.url,
        "--as",
        "op",
        "--client-id",
        "tool",
        "--timeout",
        "1s",
        "--port",
        "8975",
    ];
    let mut command = home.command(&arguments);
    command
        .env("SSH_CONNECTION", "192.0.2.1 5000 192.0.2.7 2222")
        .env("USER", "ann")
        .args(["--no-browser"]);
    let ran = crate::support::Ran::from(command.output().unwrap())
        .failed(1, "timed out waiting for the browser");
    assert!(
        ran.stderr
            .contains("ssh -N -L 8975:127.0.0.1:8975 -p 2222 ann@192.0.2.7"),
        "{ran:#?}"
    );
}

#[test]
fn one_browser_opens_for_many_that_wait() {
    let issuer = Issuer::start();
    let home = Home::new();
    let mut first = home.begin_login(&issuer, "op", &[]);
    let others: Vec<_> = (0..4)
        .map(|_| {
            let arguments = [
                "login",
                issuer.url.as_str(),
                "--as",
                "op",
                "--client-id",
                "tool",
                "--no-browser",
            ];
            home.command(&arguments)
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let _ = http::get(&first.authorize());
    first.end().done();
    for other in others {
        let ran = crate::support::Ran::from(other.wait_with_output().unwrap()).done();
        assert!(
            ran.stderr
                .contains("another authctl process logged in to op"),
            "{ran:#?}"
        );
        assert!(
            !ran.stderr.contains("open this URL"),
            "a second browser: {ran:#?}"
        );
    }
    assert_eq!(issuer.token_requests(), 1);
}
