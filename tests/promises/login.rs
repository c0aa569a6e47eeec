//! Logging in and out.

use crate::issuer::{CLIENT_SECRET, Issuer, Misbehaviour, http};
use crate::support::{Home, Ran};
use std::time::{Duration, Instant};

#[test]
fn a_login_gives_tokens_and_a_logout_revokes_them() {
    let issuer = Issuer::start();
    let home = Home::new();
    let ran = home.login(&issuer, &[]).done();
    assert!(
        ran.stderr
            .contains("logged in to op as alice@example.com; stored in the vault"),
        "{ran:#?}"
    );
    assert_eq!(ran.stdout, "");

    let token = home.run(&["token", "op"]).done().stdout;
    assert!(
        token.starts_with("access-") && token.ends_with('\n') && token.lines().count() == 1,
        "{token:?}"
    );
    let header = home.run(&["header", "op", "--format", "raw"]).done().stdout;
    assert_eq!(header, format!("Authorization: Bearer {token}"));
    let list = home.run(&["list"]).done().stdout;
    assert!(
        list.contains("op") && list.contains("vault") && list.contains("alice@example.com"),
        "{list}"
    );

    let ran = home.run(&["logout", "op"]).done();
    assert!(
        ran.stderr.contains("revoked at the provider and deleted"),
        "{ran:#?}"
    );
    assert_eq!(issuer.revocations(), 1);
    home.run(&["token", "op"])
        .failed(3, "no credential named `op`");
    let left: Vec<_> = home
        .files()
        .into_iter()
        .filter(|(path, _)| {
            path.starts_with(home.file("sealed")) || path.starts_with(home.file("credentials"))
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_confidential_client_authenticates_with_encoded_basic() {
    let issuer = Issuer::start();
    let home = Home::new();
    let mut login = {
        let secret = home.file("secret");
        std::fs::write(&secret, CLIENT_SECRET).unwrap();
        let mut command = home.command(&[
            "login",
            &issuer.url,
            "--as",
            "op",
            "--no-browser",
            "--client-id",
            "confidential",
            "--client-secret-stdin",
        ]);
        command.stdin(std::fs::File::open(secret).unwrap());
        home.begin(command)
    };
    http::get(&login.authorize()).unwrap();
    login.end().done();
    std::fs::remove_file(home.file("secret")).unwrap();
    home.run(&["refresh", "op"]).done();
    home.run(&["logout", "op"]).done();
    assert_eq!((issuer.refreshes(), issuer.revocations()), (1, 1));
    for (path, bytes) in home.files() {
        assert!(
            !String::from_utf8_lossy(&bytes).contains("odd+chars"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_second_login_keeps_the_id_and_adds_scopes() {
    let issuer = Issuer::start();
    let home = Home::new();
    home.login(&issuer, &["--scope", "openid read"]).done();
    let id = |home: &Home| {
        std::fs::read_dir(home.file("sealed"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .file_name()
    };
    let first = id(&home);
    home.login(&issuer, &["--scope", "write"]).done();
    assert_eq!(id(&home), first);
    let list = home.run(&["list", "--json"]).done().stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(
        list[0]["scopes"],
        serde_json::json!(["openid", "read", "write"])
    );
    home.login(&issuer, &["--scope", "openid", "--only-scope"])
        .done();
    let list = home.run(&["list", "--json"]).done().stdout;
    assert!(!list.contains("write"), "{list}");
}

#[test]
fn h2_only_the_scopes_that_were_named_are_requested() {
    let issuer = Issuer::start();
    let home = Home::new();
    let requested = |more: &[&str]| {
        let login = home.begin_login(&issuer, "op", more);
        let url = url::Url::parse(&login.url).unwrap();
        login.kill();
        let scope = url.query_pairs().find(|(name, _)| name == "scope");
        scope.unwrap().1.into_owned()
    };
    for (scope, requested_only) in [
        ("openid", "openid"),
        ("read openid", "openid read"),
        ("write", "write"),
        ("openid offline_access", "offline_access openid"),
    ] {
        assert_eq!(
            requested(&["--scope", scope, "--only-scope"]),
            requested_only
        );
        assert!(requested(&["--scope", scope]).contains("offline_access"));
    }
}

#[test]
fn a_login_as_somebody_else_is_refused_and_the_first_one_stays() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let token = home.run(&["token", "op"]).done().stdout;
    issuer.set(|settings| settings.subject = "mallory".into());
    let ran = home.login(&issuer, &[]).failed(
        7,
        "`op` is the login of alice@example.com, but the browser logged in as mallory@example.com",
    );
    assert!(ran.stderr.contains("authctl login op/ACCOUNT"), "{ran:#?}");
    assert_eq!(home.run(&["token", "op"]).done().stdout, token);
    home.login(&issuer, &["--replace"]).done();
    home.login_as(&issuer, "op/two", &[]).done();
}

#[test]
fn a_login_without_a_refresh_token_works_as_long_as_its_access_token() {
    let issuer = Issuer::start();
    issuer.set(|settings| settings.refresh_tokens = false);
    issuer.set(|settings| settings.access_lifetime = 2);
    let home = Home::new();
    let ran = home.login(&issuer, &[]).done();
    assert!(
        ran.stderr.contains("the provider gave no refresh token"),
        "{ran:#?}"
    );
    home.run(&["token", "op"]).done();
    std::thread::sleep(Duration::from_millis(2100));
    home.run(&["token", "op"])
        .failed(4, "hint: run `authctl login op`");
    issuer.set(|settings| settings.access_lifetime = 3600);
    issuer.misbehave([Misbehaviour::ExpiresIn(None)]);
    home.login(&issuer, &[]).done();
    home.run(&["token", "op"]).done();
    home.run(&["refresh", "op"]).failed(2, "no refresh token");
}

#[test]
fn an_answer_from_another_issuer_is_refused() {
    let issuer = Issuer::start();
    for (iss, says) in [
        (
            "https://evil.example",
            "names the issuer `https://evil.example`",
        ),
        ("", "does not name its issuer"),
    ] {
        issuer.set(|settings| settings.sends_iss = Some(iss.into()));
        let home = Home::new();
        home.login(&issuer, &[]).failed(7, says);
        assert_eq!(issuer.token_requests(), 0, "no code was sent anywhere");
    }
}

#[test]
fn promise_06_a_login_without_an_answer_times_out_and_changes_nothing() {
    let issuer = Issuer::start();
    let home = Home::new();
    let began = Instant::now();
    let login = home.begin_login(&issuer, "op", &["--timeout", "1s"]);
    let ran = login.end().failed(1, "timed out waiting for the browser");
    assert!(
        ran.stderr.contains("register exactly http://127.0.0.1:"),
        "{ran:#?}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
    home.run(&["token", "op"]).failed(3, "no credential");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_incomplete() {
    let issuer = Issuer::start();
    let home = Home::new();
    let login = home.begin_login(&issuer, "op", &[]);
    let interrupted = std::process::Command::new("kill")
        .args(["-INT", &login.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    login.end().failed(130, "interrupted; no login was stored");
    home.run(&["token", "op"]).failed(3, "no credential");
    assert!(!home.file("clients").exists() && !home.file("providers").exists());
}

#[test]
fn the_first_login_explains_where_and_how_to_register() {
    let home = Home::new();
    let ran = home
        .run(&["login", "github", "--no-browser"])
        .failed(2, "the first login to GitHub needs the client id of an app");
    for says in [
        "https://github.com/settings/applications/new",
        "http://127.0.0.1/callback",
        "--client-id ID",
    ] {
        assert!(ran.stderr.contains(says), "{says}: {ran:#?}");
    }
    home.run(&["login", "github"])
        .failed(4, "needs a browser or a terminal");
    home.run(&["login", "stripe"])
        .failed(2, "Stripe supports API keys, but not logins");
    home.run(&["login", "nobody"])
        .failed(3, "no provider named `nobody`");
    home.run(&["login", "http://example.com", "--as", "x"])
        .failed(2, "must begin with `https://`");
    home.run(&["login", "https://example.com"])
        .failed(2, "needs a name");
}

#[test]
fn another_client_is_refused_while_a_login_uses_the_first_one() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let other = home
        .begin_login(&issuer, "op/two", &["--client-id", "other"])
        .end();
    other.failed(7, "the client `tool`: `op` uses it");
}

#[test]
fn a_logout_at_an_unreachable_provider_deletes_and_reports_it() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    issuer.stop();
    let ran = home.run(&["logout", "op"]);
    assert_eq!(ran.code, 8, "{ran:#?}");
    for says in [
        "logged out of op: deleted",
        "was not revoked at the provider",
        "its access token expires in",
        "its refresh token, if there is one, stays valid",
    ] {
        assert!(ran.stderr.contains(says), "{says}: {ran:#?}");
    }
    home.run(&["token", "op"]).failed(3, "no credential");
}

impl Home {
    fn begin(&self, mut command: std::process::Command) -> crate::support::Login {
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        crate::support::Login::from(command.spawn().unwrap())
    }
}

#[test]
fn a_login_never_takes_the_place_of_a_key_unasked() {
    let issuer = Issuer::start();
    let home = Home::new();
    let add = |more: &[&str]| {
        let arguments = [
            &[
                "key",
                "add",
                "op",
                "--header",
                "X: {key}",
                "--origin",
                "https://a.test",
            ],
            more,
        ]
        .concat();
        home.run_with_input(&arguments, b"k1")
    };
    // The key is added while the browser is open.
    let mut login = home.begin_login(&issuer, "op", &[]);
    let redirect = login.authorize();
    add(&[]).done();
    let page = http::get(&redirect).unwrap();
    assert!(page.contains("Not logged in"), "{page}");
    login.end().failed(7, "a key named `op` already exists");
    assert_eq!(home.run(&["token", "op"]).done().stdout, "k1\n");
    home.edit(
        "credentials/op/default.toml",
        "https://a.test",
        "https://b.test",
    );
    home.begin_login(&issuer, "op", &[])
        .end()
        .failed(7, "a key named `op` already exists");
    add(&["--replace"]).done();
    assert_eq!(home.run(&["token", "op"]).done().stdout, "k1\n");
    assert_eq!(
        std::fs::read_dir(home.file("sealed")).unwrap().count(),
        1,
        "nothing of the old one is left"
    );
    home.login(&issuer, &["--replace"]).done();
    assert!(
        home.run(&["token", "op"])
            .done()
            .stdout
            .starts_with("access-")
    );
}

#[test]
fn a_login_inherits_nothing_from_the_key_that_it_replaces() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let arguments = [
        "key",
        "add",
        "op/k",
        "--header",
        "X: {key}",
        "--origin",
        "https://proxy.test",
        "--rotate-every",
        "30d",
        "--expires",
        "2099-01-31",
    ];
    home.run_with_input(&arguments, b"k").done();
    home.login_as(&issuer, "op/k", &["--replace"]).done();
    home.run(&[
        "header",
        "op/k",
        "--format",
        "raw",
        "--url",
        "https://proxy.test/",
    ])
    .failed(7, "is not bound to");
    home.run(&["header", "op/k", "--format", "raw", "--url", &issuer.url])
        .done();
    assert!(!home.run(&["list", "--json"]).done().stdout.contains("2099"));
}

#[test]
fn another_login_at_a_known_url_uses_the_row_that_is_there() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    home.login(&issuer, &["--origin", "https://api.example.com"])
        .done();
    home.run(&[
        "header",
        "op",
        "--format",
        "raw",
        "--url",
        "https://api.example.com/x",
    ])
    .done();
    home.run(&["header", "op", "--format", "raw", "--url", &issuer.url])
        .failed(7, "is not bound to");
    // Without the flag the chosen origins stay.
    home.login(&issuer, &[]).done();
    home.run(&[
        "header",
        "op",
        "--format",
        "raw",
        "--url",
        "https://api.example.com/x",
    ])
    .done();
    home.login_as(&issuer, "op/two", &[]).done();
    home.run(&["header", "op/two", "--format", "raw", "--url", &issuer.url])
        .done();
    home.run(&["token", "op"]).done();
}

#[test]
fn account_names_cannot_control_the_terminal() {
    let issuer = Issuer::start();
    issuer.set(|settings| settings.subject = "e\u{1b}[31mvil\nx".into());
    let home = Home::new();
    home.login(&issuer, &[])
        .failed(7, "the subject of the ID token is not valid");
    let row = "name = \"mine\"\ntitle = \"a\\u001b[31m\"\norigins = [\"https://a.test\"]\n[key]\nheaders = [\"X: {key}\"]\n";
    std::fs::write(home.file("mine.toml"), row).unwrap();
    let ran = home
        .run(&["provider", "add", home.file("mine.toml").to_str().unwrap()])
        .failed(1, "`title` must be a line");
    assert!(!ran.stderr.contains('\u{1b}'), "{ran:#?}");
    let ran = home
        .run(&["token", "\u{1b}[31m"])
        .failed(2, "is not a valid name");
    assert!(!ran.stderr.contains('\u{1b}'), "{ran:#?}");
}

#[test]
fn scopes_that_were_not_granted_are_reported() {
    let issuer = Issuer::start();
    let home = Home::new();
    let ran = home
        .login(&issuer, &["--scope", "openid admin offline_access"])
        .done();
    // A refresh token came, which is what `offline_access` asks for.
    assert!(
        ran.stderr.contains("the provider did not grant admin\n"),
        "{ran:#?}"
    );
    home.run(&["login", "op", "--only-scope"])
        .failed(2, "--scope");
}

#[test]
fn an_interrupted_local_logout_stays_local() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    home.edit(
        "credentials/op/default.toml",
        "state = \"active\"",
        "state = \"forgetting\"",
    );
    home.run(&["token", "op"]).failed(3, "no credential");
    assert_eq!(issuer.revocations(), 0);
}

#[test]
fn errors_are_one_json_document_with_json() {
    let home = Home::new();
    let Ran {
        code,
        stdout,
        stderr,
    } = home.run(&["--json", "token", "op"]);
    assert_eq!((code, stdout.as_str()), (3, ""));
    let error: serde_json::Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(error["error"]["code"], "not_found");
    assert!(error["error"]["hint"].is_string());
    let Ran {
        code,
        stdout,
        stderr,
    } = home.run(&["--json", "token"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    let error: serde_json::Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(error["error"]["code"], "usage");
}

/// A code can be redeemed once, so a retry of the exchange is no way out.
#[test]
fn b6_a_login_that_the_server_put_off_says_to_log_in_again() {
    for misbehaviours in [
        vec![Misbehaviour::Busy],
        vec![Misbehaviour::Answer(429, "application/json", "{}")],
        vec![Misbehaviour::Answer(503, "text/html", "<p>later</p>")],
        vec![Misbehaviour::Reset],
    ] {
        let issuer = Issuer::start();
        let home = Home::new();
        issuer.misbehave(misbehaviours);
        let ran = home.login(&issuer, &[]);
        let says = "run the same command again later";
        ran.failed(6, says);
        home.login(&issuer, &[]).done();
    }
}

/// Q2: without a browser that starts and without a terminal, nobody waits for a page.
#[test]
fn q2_a_browser_that_does_not_exist_is_said_at_once() {
    let (issuer, home) = (Issuer::start(), Home::new());
    for (browser, says) in [
        ("/nonexistent/browser", "no program in BROWSER exists"),
        (
            "/nonexistent/a:/nonexistent/b %s",
            "no program in BROWSER exists",
        ),
        ("/etc/passwd", "cannot open a browser: Permission denied"),
        ("/", "cannot open a browser: Permission denied"),
        (" : ", "is available: no program in BROWSER exists"),
    ] {
        let mut command = home.command(&["login", &issuer.url, "--as", "op", "--client-id", "c"]);
        let began = Instant::now();
        let ran = Ran::from(command.env("BROWSER", browser).output().unwrap()).failed(4, says);
        assert!(began.elapsed().as_secs() < 60, "{browser}");
        assert!(ran.stderr.contains("--no-browser"), "{ran:#?}");
    }
}

/// Q1: a hint repeats the arguments that were given, and names all that is missing at once.
#[test]
fn q1_a_hint_can_be_pasted() {
    let (issuer, home) = (Issuer::start(), Home::new());
    let url = &issuer.url;
    for (arguments, says) in [
        (
            vec!["login", url, "--as", "op"],
            format!("login {url} --as op --client-id ID` in a terminal"),
        ),
        (
            vec![
                "login",
                url,
                "--as",
                "op/work",
                "--origin",
                "https://api.example",
            ],
            format!("login {url} --as op/work --origin https://api.example --client-id ID`"),
        ),
        (
            vec!["login", "gitlab", "--set", "host=gitlab.example"],
            "login gitlab --set host=gitlab.example --client-id ID".to_owned(),
        ),
        (
            vec!["login", "github"],
            "login github --client-id ID --client-secret-stdin < FILE`".to_owned(),
        ),
        (
            vec![
                "login",
                "github",
                "--client-id",
                "abc",
                "--port",
                "8080",
                "--scope",
                "a b",
            ],
            "login github --scope 'a b' --port 8080 --client-id abc --client-secret-stdin < FILE`"
                .to_owned(),
        ),
    ] {
        home.run(&arguments).failed(4, &says);
    }
}

/// H6: a second login of the same account may end the first one at some servers.
#[test]
fn h6_a_second_login_of_an_account_is_said() {
    let (issuer, home) = (Issuer::start(), Home::new());
    let says = "the same account and client are also used by";
    let login = |name: &str, more: &[&str]| home.login_as(&issuer, name, more).done();
    assert!(!login("op", &[]).stderr.contains(says));
    assert!(
        !login("op", &[]).stderr.contains(says),
        "it is the same one"
    );
    let second = login("op/two", &[]).stderr;
    assert!(second.contains(&format!("{says} `op`;")), "{second}");
    let third = login("op/three", &[]).stderr;
    assert!(
        third.contains(&format!("{says} `op`, `op/two`;")),
        "{third}"
    );
    home.run(&["logout", "op"]).done();
    home.run(&["logout", "op/two"]).done();
    let again = login("op/three", &[]).stderr;
    assert!(!again.contains(says), "{again}");
}

/// Q8: the server's reason is shown; a field that it demands is sent; of a login that was over before,
/// nothing stays valid.
#[test]
fn q8_a_refused_revocation_says_why() {
    for (status, body, says) in [
        (
            400,
            r#"{"error":"unsupported_token_type","error_description":"not this one"}"#,
            "status 400: unsupported_token_type, not this one;",
        ),
        (
            403,
            r#"{"error":{"code":"forbidden","message":"ask an admin"}}"#,
            "status 403: forbidden, ask an admin;",
        ),
        (503, "null", "status 503;"),
    ] {
        let issuer = Issuer::start();
        let home = Home::logged_in(&issuer);
        issuer.refuse_revocations(status, body);
        home.run(&["logout", "op"]).failed(8, says);
        assert_eq!(issuer.revocation_requests(), 1);
    }
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let body = r#"{"error":"invalid_request","error_description":"client_secret: Field required"}"#;
    issuer.refuse_revocations(400, body);
    home.run(&["logout", "op"]).done();
    assert_eq!(issuer.revocation_requests(), 2);

    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let answer = r#"{"error":"invalid_grant"}"#;
    issuer.misbehave([Misbehaviour::Answer(400, "application/json", answer)]);
    home.run(&["refresh", "op"]).failed(4, "invalid_grant");
    issuer.refuse_revocations(400, answer);
    let ran = home
        .run(&["logout", "op"])
        .failed(8, "the provider has already refused its refresh token");
    assert!(
        !ran.stderr.contains("stays valid until it expires"),
        "{ran:#?}"
    );
}

/// B2: after a failed login by URL there is something to correct.
#[test]
fn b2_a_failed_login_by_url_leaves_a_definition_to_correct() {
    for answer in [
        r#"{"error":"unauthorized_client"}"#,
        r#"{"access_token":"a","token_type":"user"}"#,
        r#"{"error":"invalid_request","error_description":"Missing parameter: client_id"}"#,
        "<html>no</html>",
    ] {
        let (issuer, home) = (Issuer::start(), Home::new());
        let status = if answer.contains("access_token") {
            200
        } else {
            400
        };
        issuer.misbehave([Misbehaviour::Answer(status, "application/json", answer)]);
        let show = format!("authctl provider show {} --as op > op.toml", issuer.url);
        home.login(&issuer, &[]).failed(1, &show);
        home.run(&["provider", "show", "github", "--as", "op"])
            .failed(2, "can only be used with a URL");
        home.run(&["provider", "show", "op"])
            .failed(3, "no provider");
        let text = home
            .run(&["provider", "show", &issuer.url, "--as", "op"])
            .done()
            .stdout;
        let file = home.file("op.toml");
        let text = text.replace(
            "[oauth]",
            "[oauth]\nassumed_lifetime = 77\ntoken_types = [\"user\"]",
        );
        std::fs::write(&file, text).unwrap();
        home.run(&["provider", "add", file.to_str().unwrap()])
            .done();
        let row = home.json(&["provider", "show", "op"]);
        assert_eq!(row["oauth"]["assumed_lifetime"], 77);
        home.login(&issuer, &[]).done();
    }
}

/// B2, Q1: the way to correct a definition keeps the name and the origins, and is offered only for
/// what the server said.
#[test]
fn b2_the_hint_keeps_what_was_given() {
    let (issuer, home) = (Issuer::start(), Home::new());
    let answer = Misbehaviour::Answer(400, "application/json", r#"{"error":"invalid_request"}"#);
    issuer.misbehave([answer]);
    let more = ["--origin", "https://api.example", "--scope", "a"];
    let ran = home.login_as(&issuer, "op/work", &more);
    for says in [
        "--as op --origin https://api.example > op.toml`",
        "`authctl login op/work --scope a --client-id tool`",
    ] {
        assert!(ran.stderr.contains(says), "{says}: {ran:#?}");
    }
    issuer.misbehave([Misbehaviour::Busy]);
    let ran = home.login_as(&issuer, "op/work", &more).failed(6, "later");
    assert!(!ran.stderr.contains("provider show"), "{ran:#?}");
}

#[test]
fn c6_a_client_that_the_server_no_longer_knows_is_said_before_a_browser_opens() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    issuer.set(|settings| settings.knows_clients = false);
    home.run(&["refresh", "op"]).failed(1, "invalid_client");
    let ran = home.run(&["status", "op"]);
    assert!(
        ran.code == 8 && ran.stdout.contains("invalid_client"),
        "{ran:#?}"
    );
    let ran = home.run(&["login", "op", "--no-browser", "--timeout", "1s"]);
    assert!(ran.code != 0, "{ran:#?}");
    for says in [
        "may no longer know the client `tool`: its page answers with status 400: Unknown client",
        "run `authctl login op --client-id ID`",
    ] {
        assert!(ran.stderr.contains(says), "{ran:#?}");
    }
    // A server that knows it again is asked by the browser, as always.
    issuer.set(|settings| settings.knows_clients = true);
    let ran = home.login(&issuer, &[]).done();
    assert!(!ran.stderr.contains("may no longer know"), "{ran:#?}");
    home.run(&["refresh", "op"]).done();
}
