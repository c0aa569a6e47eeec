//! What people type and paste: secrets in the wrong place, and keys in the forms in which pages and
//! files show them.

use crate::support::Home;

const KEY: &str = "sk_test_000000000000000000000007";

/// A secret that was typed as an argument is in the history of the shell; it gets no further.
#[test]
fn a1_a_secret_in_the_place_of_a_name_is_repeated_nowhere() {
    let home = Home::new();
    let hexadecimal = "0123456789abcdef0123456789abcdef";
    let uuid = "7f1c0a9e-53b2-4a1e-9c55-d1a2b3c4d5e6";
    let capitals = "SG.ABCDEFGHIJ0123456789.abcdefghij";
    let custom = ["--header", "X-Key: {key}", "--origin", "https://a.test"];
    for secret in [KEY, hexadecimal, uuid, capitals] {
        let account = format!("github/{secret}");
        for words in [
            &["login", secret][..],
            &["login", &account],
            &["logout", secret],
            &["key", "add", secret],
            &[&["key", "add", secret], custom.as_slice()].concat(),
            &["key", "remove", secret],
            &["key", "set", secret, "--expires", "2030-01-01"],
            &["client", "add", secret, "--client-id", "x"],
            &["rename", secret, "github"],
            &["move", secret, "--to", "vault"],
            &["token", secret],
            &["header", secret],
            &["status", secret],
            &["rotate", secret],
            &["provider", "show", secret],
            &["vault", secret],
            &["--json", "token", secret],
            &["--json", "vault", secret],
        ] {
            let ran = home.run_with_input(words, b"k\n");
            assert_ne!(ran.code, 0, "{words:?}: {ran:#?}");
            let told = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!told.contains(secret), "{words:?}: {told}");
            assert!(told.contains("looks like a secret"), "{words:?}: {told}");
        }
    }
    let log = std::fs::read_to_string(home.file("audit.jsonl")).unwrap();
    for secret in [KEY, hexadecimal, uuid, capitals] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(log.contains("\"event\":\"login\"") && log.contains("\"event\":\"key remove\""));
}

#[test]
fn a1_a_password_in_a_url_is_repeated_nowhere() {
    let home = Home::new();
    for url in [
        "https://user:hunter2pw@h.example",
        "https://hunter2pw@h.example/realm",
        "https://h.example/realm?api_key=hunter2pw",
        "https://h.example/#hunter2pw",
        "ftp://user:hunter2pw@h.example",
    ] {
        for words in [
            &["login", url, "--as", "q"][..],
            &["login", url],
            &["token", url],
            &["key", "add", "q", "--header", "X: {key}", "--origin", url],
        ] {
            let ran = home.run_with_input(words, b"k\n");
            assert_ne!(ran.code, 0, "{words:?}: {ran:#?}");
            let told = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!told.contains("hunter2pw"), "{words:?}: {told}");
        }
    }
    let log = std::fs::read_to_string(home.file("audit.jsonl")).unwrap();
    assert!(!log.contains("hunter2pw"), "{log}");
}

/// A password may look like a name; only names that exist are written to the log.
#[test]
fn a1_the_audit_log_names_only_what_exists() {
    let home = Home::new();
    home.run_with_input(
        &[
            "key",
            "add",
            "acme/known",
            "--header",
            "X: {key}",
            "--origin",
            "https://a.test",
        ],
        b"some-key\n",
    )
    .done();
    for words in [
        &["login", "correcthorse"][..],
        &["logout", "correcthorse"],
        &["key", "remove", "correcthorse"],
        &["key", "add", "correcthorse"],
        &["rename", "correcthorse", "correcthorse/b"],
        &["rename", "acme/known", "acme/known"],
        &["logout", "acme/known"],
        &["key", "add", "github"],
    ] {
        assert_ne!(home.run(words).code, 0, "{words:?}");
    }
    home.run(&["key", "remove", "acme/known"]).done();
    let log = std::fs::read_to_string(home.file("audit.jsonl")).unwrap();
    assert!(!log.contains("correcthorse"), "{log}");
    for line in [
        "\"event\":\"key add\",\"name\":\"acme/known\",\"outcome\":\"done\"",
        "\"event\":\"rename\",\"name\":\"acme/known\"",
        "\"event\":\"logout\",\"name\":\"acme/known\"",
        "\"event\":\"key add\",\"name\":\"github\"",
        "\"event\":\"key remove\",\"name\":\"acme/known\",\"outcome\":\"done\"",
    ] {
        assert!(log.contains(line), "{line} in {log}");
    }
}

#[test]
fn k2_a_program_without_dashes_before_it_is_told_so() {
    let home = Home::new();
    for words in [
        &["exec", "stripe", "printenv", "X"][..],
        &["exec", "stripe", "openai", "./job"],
        &["exec", "stripe", "Makefile"],
        &["exec", "stripe", "printenv", "HOME", "PATH"],
    ] {
        let ran = home.run(words);
        assert_eq!(ran.code, 125, "{ran:#?}");
        assert!(ran.stderr.contains("has no `--` before it"), "{ran:#?}");
        assert!(
            ran.stderr.contains("run `authctl exec NAME -- PROGRAM`"),
            "{ran:#?}"
        );
    }
}

#[test]
fn p1_a_name_of_the_user_s_own_may_change() {
    let home = Home::new();
    let add = [
        "key",
        "add",
        "acme",
        "--header",
        "X: {key}",
        "--origin",
        "https://a.test",
    ];
    home.run_with_input(&add, b"k1\n").done();
    home.run(&["rename", "nosuch", "x"])
        .failed(3, "no credential named `nosuch`");
    for (old, new) in [
        ("acme", "acme2"),
        ("acme2", "other/one"),
        ("other/one", "acme/two"),
    ] {
        home.run(&["rename", old, new]).done();
        assert_eq!(home.run(&["token", new]).done().stdout, "k1\n");
        home.run(&["token", old]).failed(3, "no credential named");
    }
    // The name of a provider in the catalogue says how a key is sent.
    home.run(&["rename", "acme/two", "stripe"])
        .failed(2, "the provider of a credential cannot be changed");
    home.run_with_input(
        &["key", "add", "stripe", "--no-verify"],
        format!("{KEY}\n").as_bytes(),
    )
    .done();
    home.run(&["rename", "stripe", "acme3"])
        .failed(2, "the provider of a credential cannot be changed");
}

/// What is stored for `name`, as `header` sends it.
fn sent(home: &Home, name: &str) -> String {
    home.run(&["header", name, "--format", "raw"]).done().stdout
}

#[test]
fn i1_what_is_pasted_around_a_key_is_removed() {
    let home = Home::new();
    for pasted in [
        format!("\"{KEY}\"\n"),
        format!("Bearer {KEY}\n"),
        format!("Authorization: Bearer {KEY}\n"),
        format!("STRIPE_API_KEY={KEY}\n"),
        format!("export X_KEY=\"{KEY}\"\n"),
        format!("STRIPE_API_KEY: '{KEY}'\n"),
        format!(" \"STRIPE_API_KEY\": \"{KEY}\",\r\n"),
    ] {
        let add = ["key", "add", "stripe/q", "--replace", "--no-verify"];
        let ran = home.run_with_input(&add, pasted.as_bytes()).done();
        assert!(ran.stderr.contains("note: removed text around"), "{ran:#?}");
        assert_eq!(
            sent(&home, "stripe/q"),
            format!("Authorization: Bearer {KEY}\n")
        );
    }
    // Where the user says how it is sent, the word before the token may belong to it.
    let own = [
        "key",
        "add",
        "own",
        "--header",
        "Authorization: {key}",
        "--origin",
        "https://a.test",
    ];
    home.run_with_input(&own, b"Bearer abc\n").done();
    assert_eq!(sent(&home, "own"), "Authorization: Bearer abc\n");
}

#[test]
fn i1_a_key_of_another_form_is_not_stored_without_a_word() {
    let home = Home::new();
    let sendgrid = format!("SG.{:022}.{:043}", 1, 1);
    for (name, key, says) in [
        (
            "stripe",
            sendgrid.as_str(),
            "this looks like a key for SendGrid, not for stripe",
        ),
        (
            "sendgrid",
            KEY,
            "this looks like a key for Stripe, not for sendgrid",
        ),
        (
            "grafana",
            KEY,
            "this looks like a key for Stripe, not for grafana",
        ),
        ("stripe", "hello", "does not look like a key for stripe"),
        ("stripe", "sk_test_", "does not look like a key for stripe"),
        ("stripe", "two words", "does not look like a key for stripe"),
        (
            "stripe",
            "\"sk_test_",
            "does not look like a key for stripe",
        ),
    ] {
        let mut add = vec!["key", "add", name];
        if name == "grafana" {
            add.extend(["--set", "host=grafana.example.com"]);
        }
        let ran = home.run_with_input(&add, key.as_bytes());
        ran.failed(7, says);
        assert!(home.run(&["list", "--json"]).done().stdout.trim() == "[]");
        add.push("--no-verify");
        home.run_with_input(&add, key.as_bytes()).done();
        home.run(&["key", "remove", name]).done();
    }
}

#[test]
fn i2_white_space_around_a_key_is_no_error() {
    let home = Home::new();
    for pasted in [
        format!(" {KEY} "),
        format!("{KEY}\n\n"),
        format!("\u{feff}{KEY}\n"),
        format!("\r\n\t{KEY}\r\n\r\n"),
    ] {
        let add = ["key", "add", "stripe/q", "--replace", "--no-verify"];
        let ran = home.run_with_input(&add, pasted.as_bytes()).done();
        assert!(!ran.stderr.contains("note: removed"), "{ran:#?}");
        assert_eq!(
            sent(&home, "stripe/q"),
            format!("Authorization: Bearer {KEY}\n")
        );
    }
    let aws = format!(
        "AWS_ACCESS_KEY_ID=AKIAABCDEFGHIJKLMNOP\n\nAWS_SECRET_ACCESS_KEY='{:040}'\n",
        0
    );
    home.run_with_input(&["key", "add", "aws", "--no-verify"], aws.as_bytes())
        .done();
    let shown = home
        .run(&["exec", "aws", "--", "printenv", "AWS_SECRET_ACCESS_KEY"])
        .done();
    assert_eq!(shown.stdout, format!("{:040}\n", 0));
    home.run_with_input(
        &["key", "add", "stripe/two"],
        format!("{KEY}\n{KEY}\n").as_bytes(),
    )
    .failed(2, "one line");
    let secret = [
        "client",
        "add",
        "google",
        "--client-id",
        "x",
        "--client-secret-stdin",
    ];
    for pasted in [
        "s3cret\n\n",
        " s3cret ",
        "\"s3cret\"\n",
        "GOOGLE_CLIENT_SECRET=s3cret\n",
    ] {
        home.run_with_input(&secret, pasted.as_bytes()).done();
    }
}

/// Q4: a command of another program leads to ours.
#[test]
fn q4_what_was_meant_is_named() {
    let home = Home::new();
    for (arguments, hint) in [
        (&["key", "list"][..], "run `authctl list`"),
        (&["key", "show", "x"], "run `authctl status NAME`"),
        (&["get", "stripe"], "run `authctl token NAME`"),
        (&["ls"], "run `authctl list`"),
        (&["rm", "stripe"], "run `authctl key remove NAME`"),
        (
            &["login", "GitHub", "--no-browser"],
            "run `authctl login github`",
        ),
        (
            &["login", "githb", "--no-browser"],
            "did you mean `github`?",
        ),
        (
            &["login", "github.com", "--no-browser"],
            "did you mean `github`?",
        ),
        (&["provider", "show", "strpie"], "did you mean `stripe`?"),
    ] {
        let ran = home.run(arguments);
        assert!(ran.code != 0 && ran.stderr.contains(hint), "{ran:#?}");
    }
}

/// P3: a definition that nothing uses can be removed.
#[test]
fn p3_a_definition_stays_as_long_as_it_is_used() {
    let issuer = crate::issuer::Issuer::start();
    let home = Home::logged_in(&issuer);
    home.run(&["provider", "remove", "op"])
        .failed(7, "`op` uses this definition");
    home.run(&["logout", "op"]).done();
    home.run(&["provider", "remove", "op"])
        .failed(7, "the client of `op` is still stored");
    home.run(&["client", "remove", "op"]).done();
    std::fs::write(home.file("config.toml"), "").unwrap();
    for path in ["../config", "./op", "OP", "op/x", "", "/etc/hostname"] {
        home.run(&["provider", "remove", path])
            .failed(3, "no provider named");
    }
    assert!(home.file("config.toml").exists());
    home.run(&["provider", "remove", "op"]).done();
    home.run(&["provider", "remove", "op"])
        .failed(3, "no provider named `op`");
    home.run(&["provider", "remove", "stripe"])
        .failed(7, "`stripe` is a built-in provider");
    let list = home.run(&["provider", "list", "--json"]).done().stdout;
    assert!(!list.contains("yours"), "{list}");
}

/// O4: a relative home folder would be another one in each working folder.
#[cfg(unix)]
#[test]
fn o4_a_relative_home_folder_is_refused() {
    let home = Home::new();
    for relative in ["relative", "./x", ".", ""] {
        let ran = home
            .command(&["list"])
            .env_remove("AUTHCTL_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .env("HOME", relative)
            .current_dir(home.file(""))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        // An empty one is that of the user database.
        if !relative.is_empty() {
            assert_eq!(ran.status.code(), Some(1), "{relative}: {told}");
            assert!(told.contains("absolute path"), "{relative}: {told}");
        }
    }
}
