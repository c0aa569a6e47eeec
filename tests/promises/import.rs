//! Files of keys that other programs wrote: nothing is sent to the wrong provider, and nothing is
//! left out without a word.

use crate::support::{Home, Ran};

/// Keys of a valid form that are in nobody's use.
fn stripe(number: u8) -> String {
    format!("sk_test_{number:024}")
}

fn sendgrid() -> String {
    format!("SG.{:022}.{:043}", 1, 1)
}

/// Imports a file.
fn import(home: &Home, text: &str, options: &[&str]) -> Ran {
    std::fs::write(home.file("x.env"), text).unwrap();
    let file = home.file("x.env");
    home.run(&[&["key", "import", file.to_str().unwrap()], options].concat())
}

/// The names of the stored credentials.
fn stored(home: &Home) -> Vec<String> {
    let list = home.run(&["list", "--json"]).done().stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let names = list.as_array().unwrap().iter();
    names
        .map(|entry| entry["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn j1_a_temporary_key_is_not_stored_without_its_session_token() {
    let secret = "a".repeat(40);
    for (file, says) in [
        (
            format!(
                "AWS_ACCESS_KEY_ID=ASIAABCDEFGHIJKLMNOP\nAWS_SECRET_ACCESS_KEY={secret}\nAWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjEXAMPLEt0\n"
            ),
            "only valid together with AWS_SESSION_TOKEN",
        ),
        (
            format!(
                "AWS_SECURITY_TOKEN=IQoJ\nAWS_ACCESS_KEY_ID=AKIAABCDEFGHIJKLMNOP\nAWS_SECRET_ACCESS_KEY={secret}\n"
            ),
            "only valid together with AWS_SECURITY_TOKEN",
        ),
        (
            format!(
                "{{\"Credentials\":{{\"AWS_ACCESS_KEY_ID\":\"ASIAABCDEFGHIJKLMNOP\",\"AWS_SECRET_ACCESS_KEY\":\"{secret}\",\"AWS_SESSION_TOKEN\":\"IQoJ\"}}}}"
            ),
            "only valid together with AWS_SESSION_TOKEN",
        ),
        (
            format!("AWS_ACCESS_KEY_ID=ASIAABCDEFGHIJKLMNOP\nAWS_SECRET_ACCESS_KEY={secret}\n"),
            "is temporary, and only valid together with a session token",
        ),
        (
            format!(
                "TWILIO_ACCOUNT_SID=AC{}\nTWILIO_API_KEY=SK{}\nTWILIO_API_SECRET={}\n",
                "0".repeat(32),
                "1".repeat(32),
                "2b".repeat(16)
            ),
            "its other part, TWILIO_AUTH_TOKEN, is not in the file",
        ),
    ] {
        let home = Home::new();
        let ran = import(&home, &file, &[]);
        assert_eq!(ran.code, 8, "{ran:#?}");
        assert!(ran.stdout.contains(says), "{says} in {ran:#?}");
        assert!(!stored(&home).contains(&"aws".to_owned()), "{ran:#?}");
    }
    let home = Home::new();
    let pair = format!("ASIAABCDEFGHIJKLMNOP\n{secret}\n");
    home.run_with_input(&["key", "add", "aws"], pair.as_bytes())
        .failed(
            7,
            "is temporary, and only valid together with a session token",
        );
}

#[test]
fn j2_the_form_of_a_key_alone_never_decides_where_it_goes() {
    for (variable, value) in [
        ("CLERK_SECRET_KEY", format!("sk_test_{}", "4".repeat(42))),
        ("PAYMENTS_KEY", stripe(7)),
        ("MAIL_TOKEN", sendgrid()),
        ("API_KEY", format!("glpat-{}", "a1".repeat(10))),
        ("TOKEN", format!("ghp_{}", "a1".repeat(18))),
    ] {
        let home = Home::new();
        let ran = import(&home, &format!("{variable}={value}\n"), &[]);
        assert_eq!(ran.code, 8, "{ran:#?}");
        assert!(
            ran.stdout.contains("if it is one, run `authctl key add"),
            "{ran:#?}"
        );
        assert_eq!(stored(&home), Vec::<String>::new());
        let mut command = home.command(&["key", "add", "--from-env", variable]);
        let ran = Ran::from(command.env(variable, &value).output().unwrap());
        ran.failed(3, "does not name its provider");
        assert_eq!(stored(&home), Vec::<String>::new());
    }
    // A variable that names the provider is enough, also in its path.
    let home = Home::new();
    let file = format!(
        "{{\"stripe\":{{\"secret\":\"{}\"}},\"MY_SENDGRID\":\"Bearer {}\"}}",
        stripe(1),
        sendgrid()
    );
    import(&home, &file, &[]).done();
    assert_eq!(stored(&home), ["sendgrid", "stripe"]);
}

#[test]
fn j3_an_open_quote_hides_no_key_below() {
    for (file, open) in [
        (
            format!(
                "STRIPE_API_KEY={}\nMOTD=\"hi\nSENDGRID_API_KEY={}\n",
                stripe(7),
                sendgrid()
            ),
            "MOTD",
        ),
        (
            format!(
                "STRIPE_API_KEY={}\nA='x\nSENDGRID_API_KEY={}\nB='y'\n",
                stripe(7),
                sendgrid()
            ),
            "A",
        ),
        (
            format!(
                "A=\"x\nSTRIPE_API_KEY=\"{}\"\nSENDGRID_API_KEY={}\n",
                stripe(7),
                sendgrid()
            ),
            "A",
        ),
        (
            format!(
                "SENDGRID_API_KEY={}\r\nSTRIPE_API_KEY={}\r\nLAST='x\r\n",
                sendgrid(),
                stripe(7)
            ),
            "LAST",
        ),
    ] {
        let home = Home::new();
        let ran = import(&home, &file, &[]);
        assert_eq!(ran.code, 8, "{file}: {ran:#?}");
        let line = ran
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{open} ")))
            .unwrap();
        assert!(
            line.contains("quotes are never closed") && line.contains("line "),
            "{line}"
        );
        assert_eq!(stored(&home), ["sendgrid", "stripe"], "{file}");
    }
}

#[test]
fn j4_every_line_with_something_like_a_key_is_named() {
    let home = Home::new();
    let ran = import(
        &home,
        &format!(
            "STRIPE_API_KEY={}\nSENDGRID_API_KEY: {}\n",
            stripe(7),
            sendgrid()
        ),
        &[],
    );
    ran.done();
    assert_eq!(stored(&home), ["sendgrid", "stripe"]);
    for (line, says) in [
        (
            "SLACK_APP_TOKEN=xapp-1-A012345-123456789012-abcdefghijkl".to_owned(),
            "looks like a Slack app token",
        ),
        (
            "NPM_TOKEN=npm_0123456789abcdefghijklmnopqrstuvwxyz".into(),
            "looks like an npm token",
        ),
        (
            "X=glcbt-64_0123456789abcdef".into(),
            "looks like a GitLab job token",
        ),
        (
            "ADMIN=sk-ant-admin01-0123456789abcdef".into(),
            "looks like an Anthropic admin key",
        ),
        (
            "ROLE=eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2ln".into(),
            "looks like a JSON Web Token",
        ),
        ("DB_PASSWORD=correct-horse".into(), "looks like a secret"),
        (
            format!("# OLD={}", stripe(9)),
            "looks like a key for Stripe",
        ),
        (
            format!("curl -H 'Authorization: Bearer {}'", sendgrid()),
            "looks like a key for SendGrid",
        ),
        (
            format!("HELP=\"\nuse {}\n\"", stripe(9)),
            "looks like a key for Stripe",
        ),
    ] {
        let home = Home::new();
        let ran = import(
            &home,
            &format!("STRIPE_API_KEY={}\n{line}\n", stripe(7)),
            &[],
        );
        assert_eq!(ran.code, 8, "{line}: {ran:#?}");
        assert!(
            ran.stdout.contains(says) && ran.stdout.contains("line 2")
                || ran.stdout.contains("line 3"),
            "{line}: {ran:#?}"
        );
        assert_eq!(stored(&home), ["stripe"], "{line}");
        let json = import(
            &home,
            &format!("STRIPE_API_KEY={}\n{line}\n", stripe(7)),
            &["--json"],
        );
        let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(json["left"].as_array().unwrap().len(), 1, "{line}: {json}");
    }
    for line in [
        "DEBUG=true",
        "DATABASE_URL=postgres://h/d",
        "GIT_SHA=0123456789abcdef0123456789abcdef01234567",
        "API_KEY=your-key-here",
    ] {
        let home = Home::new();
        import(
            &home,
            &format!("STRIPE_API_KEY={}\n{line}\n", stripe(7)),
            &[],
        )
        .done();
    }
    // The settings of other programs.
    let home = Home::new();
    let settings = format!(
        "{{\"servers\":{{\"stripe\":{{\"args\":[\"--api-key={}\"]}},\"sendgrid\":{{\"headers\":{{\"Authorization\":\"Bearer {}\"}}}}}}}}",
        stripe(3),
        sendgrid()
    );
    import(&home, &settings, &[]).done();
    assert_eq!(stored(&home), ["sendgrid", "stripe"]);
}

#[test]
fn j5_a_second_import_stores_only_what_is_new() {
    let home = Home::new();
    let one = format!("STRIPE_API_KEY={}\n", stripe(7));
    import(&home, &one, &[]).done();
    let again = import(&home, &one, &[]).done();
    assert!(again.stdout.contains("already stored"), "{again:#?}");
    let two = format!("{one}SENDGRID_API_KEY={}\n", sendgrid());
    let dry = import(&home, &two, &["--dry-run"]).done();
    assert!(dry.stdout.contains("already stored") && dry.stdout.contains("would be stored"));
    import(&home, &two, &[]).done();
    assert_eq!(stored(&home), ["sendgrid", "stripe"]);
    let other = format!(
        "STRIPE_API_KEY={}\nOPENROUTER_API_KEY=sk-or-v1-{}\n",
        stripe(8),
        "a1".repeat(32)
    );
    for options in [&["--dry-run"][..], &[]] {
        import(&home, &other, options).failed(7, "already exists");
    }
    assert_eq!(stored(&home), ["sendgrid", "stripe"]);
    import(&home, &other, &["--replace"]).done();
    let empty = Home::without_vault();
    for options in [&["--dry-run"][..], &[]] {
        import(&empty, &one, options).failed(5, "there is no vault");
    }
}

#[cfg(unix)]
#[test]
fn j6_a_pipe_is_read_once() {
    let file = format!("STRIPE_API_KEY={}\n", stripe(7));
    for path in ["-", "/dev/stdin", "/proc/self/fd/0"] {
        let home = Home::new();
        let ran = home
            .run_with_input(&["key", "import", path], file.as_bytes())
            .done();
        assert!(!ran.stderr.contains("now delete"), "{ran:#?}");
        assert_eq!(stored(&home), ["stripe"]);
        let large = vec![b'\n'; 2 * 1024 * 1024];
        home.run_with_input(&["key", "import", path], &large)
            .failed(1, "larger than");
    }
    let home = Home::new();
    home.run(&["key", "import", home.path().to_str().unwrap()])
        .failed(1, "not a regular file");
}

#[test]
fn j7_one_key_under_two_names_is_one_key() {
    let both = |one: &str, two: &str| {
        let home = Home::new();
        import(
            &home,
            &format!("STRIPE_SECRET_KEY={one}\nSTRIPE_API_KEY={two}\nMY_STRIPE={one}\n"),
            &[],
        )
        .done();
        stored(&home)
    };
    assert_eq!(both(&stripe(1), &stripe(1)), ["stripe"]);
    assert_eq!(
        both(&stripe(1), &stripe(2)),
        ["stripe", "stripe/stripe-secret-key"]
    );
}

#[test]
fn j8_the_further_names_of_variables_are_known() {
    let auth = "0123456789abcdef0123456789abcdef";
    for (file, name) in [
        (
            format!("TWILIO_ACCOUNT_SID=AC{auth}\nTWILIO_AUTH_TOKEN={auth}\n"),
            "twilio",
        ),
        (
            format!("DATADOG_API_KEY={auth}\nDATADOG_APP_KEY={auth}01234567\n"),
            "datadog",
        ),
        (format!("CF_API_TOKEN={auth}01234567\n"), "cloudflare"),
        (format!("GH_TOKEN=ghp_{}\n", "a1".repeat(18)), "github"),
    ] {
        let home = Home::new();
        import(&home, &file, &[]).done();
        assert_eq!(stored(&home), [name]);
    }
    let home = Home::new();
    let account = format!("AC{auth}\n{auth}\n");
    home.run_with_input(&["key", "add", "twilio", "--no-verify"], account.as_bytes())
        .done();
    let shown = home
        .run(&["exec", "twilio", "--", "printenv", "TWILIO_ACCOUNT_SID"])
        .done();
    assert_eq!(shown.stdout.trim(), format!("AC{auth}"));
    assert_eq!(
        home.run(&["exec", "twilio", "--", "printenv", "TWILIO_API_KEY"])
            .code,
        1
    );
}

#[test]
fn j9_an_example_is_no_key_and_utf_16_is_text() {
    let home = Home::new();
    let text = format!(
        "MISTRAL_API_KEY={}\nSTRIPE_API_KEY={}\n",
        "x".repeat(32),
        stripe(7)
    );
    let ran = import(&home, &text, &[]);
    assert_eq!(ran.code, 8);
    assert!(ran.stdout.contains("it is a placeholder"), "{ran:#?}");
    assert_eq!(stored(&home), ["stripe"]);
    let file = format!("\u{feff}SENDGRID_API_KEY={}\r\n", sendgrid());
    for (name, bytes) in [
        (
            "little",
            file.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>(),
        ),
        (
            "big",
            file.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ),
    ] {
        let home = Home::new();
        std::fs::write(home.file(name), bytes).unwrap();
        home.run(&["key", "import", home.file(name).to_str().unwrap()])
            .done();
        assert_eq!(stored(&home), ["sendgrid"]);
    }
    std::fs::write(home.file("latin"), b"\xe9=1\n").unwrap();
    home.run(&["key", "import", home.file("latin").to_str().unwrap()])
        .failed(1, "not UTF-8 text");
}

#[test]
fn k1_a_variable_of_another_credential_does_not_reach_the_program() {
    let home = Home::new();
    let aws = format!("AKIAABCDEFGHIJKLMNOP\n{:040}\n", 0);
    home.run_with_input(&["key", "add", "aws", "--no-verify"], aws.as_bytes())
        .done();
    home.run_with_input(&["key", "add", "github", "--no-verify"], b"ghp_a\n")
        .done();
    home.run_with_input(&["key", "add", "google", "--no-verify"], b"AIzaX\n")
        .done();
    home.run_with_input(&["key", "add", "fly", "--no-verify"], b"fm2_x\n")
        .done();
    let seen = |name: &str, variable: &str| {
        let mut command = home.command(&["exec", name, "--", "/usr/bin/printenv", variable]);
        let ran = Ran::from(command.env(variable, "stale").output().unwrap());
        (
            ran.stdout.trim().to_owned(),
            ran.stderr.contains("is not passed to the program"),
        )
    };
    for (name, variable) in [
        ("aws", "AWS_SESSION_TOKEN"),
        ("aws", "AWS_SECURITY_TOKEN"),
        ("github", "GH_TOKEN"),
        ("google", "GOOGLE_API_KEY"),
        ("fly", "FLY_ACCESS_TOKEN"),
    ] {
        assert_eq!(seen(name, variable), (String::new(), true), "{variable}");
    }
    assert_eq!(seen("aws", "AWS_REGION"), ("stale".into(), false));
    assert_eq!(seen("github=MY_TOKEN", "GH_TOKEN"), ("stale".into(), false));
}
