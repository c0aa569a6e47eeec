//! Refreshing: the promise that nobody is logged out.

use crate::issuer::{Issuer, Misbehaviour};
use crate::support::{Home, Ran, copy_folder, expired};
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn promise_01_one_refresh_for_twenty_processes_at_once() {
    let issuer = Issuer::start();
    let home = expired(&issuer);
    issuer.misbehave([Misbehaviour::Slow(Duration::from_millis(300))]);
    let children: Vec<_> = (0..20)
        .map(|_| {
            home.command(&["token", "op"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let tokens: Vec<String> = children
        .into_iter()
        .map(|child| Ran::from(child.wait_with_output().unwrap()).done().stdout)
        .collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    assert_eq!(issuer.refreshes(), 1);
    home.run(&["refresh", "op"]).done();
    assert_eq!(issuer.refreshes(), 2);
}

#[test]
fn promise_01_a_lost_request_is_sent_again_with_the_same_token() {
    let issuer = Issuer::start();
    let home = expired(&issuer);
    issuer.misbehave([Misbehaviour::Reset, Misbehaviour::Reset]);
    home.run(&["token", "op"]).done();
    // Three for the refresh, one for the login's code.
    assert_eq!((issuer.refreshes(), issuer.token_requests()), (1, 4));
}

#[test]
fn promise_01_a_server_with_a_fixed_token_survives_a_lost_reply() {
    let issuer = Issuer::start();
    issuer.set(|settings| settings.rotates = false);
    let home = expired(&issuer);
    issuer.misbehave([Misbehaviour::LoseReply]);
    home.run(&["token", "op"]).done();
}

#[test]
fn promise_05_errors_of_the_server_keep_the_login() {
    let issuer = Issuer::start();
    let home = expired(&issuer);
    let html = "<html><body>Service Unavailable</body></html>";
    for (status, kind, body) in [
        (503, "text/html", html),
        (500, "application/json", "{\"error\":\"server_error\"}"),
        (429, "text/plain", ""),
        (
            400,
            "application/json",
            "{\"error\":\"temporarily_unavailable\"}",
        ),
    ] {
        issuer.misbehave([Misbehaviour::Answer(status, kind, body)]);
        home.run(&["token", "op", "--refresh"])
            .failed(6, "the login is still stored");
        forget_failure(&home);
    }
    // What is complete, but not understood, is not asked for again, and says what it is.
    for (body, says) in [
        (html, "(text/html, \"Service Unavailable\")"),
        ("", "it is empty"),
        ("{}", "(text/html"),
    ] {
        let before = issuer.token_requests();
        issuer.misbehave([Misbehaviour::Answer(200, "text/html", body)]);
        home.run(&["token", "op", "--refresh"]).failed(1, says);
        assert_eq!(issuer.token_requests(), before + 1);
        forget_failure(&home);
    }
    issuer.misbehave([Misbehaviour::Answer(
        401,
        "application/json",
        "{\"error\":\"invalid_client\"}",
    )]);
    home.run(&["token", "op", "--refresh"])
        .failed(1, "invalid_client");
    forget_failure(&home);
    issuer.misbehave([Misbehaviour::Answer(403, "text/plain", "")]);
    home.run(&["token", "op", "--refresh"])
        .failed(1, "status 403");
    let ran = home.run(&["status"]);
    assert!(
        ran.code == 8 && ran.stdout.contains("status 403"),
        "{ran:#?}"
    );
    forget_failure(&home);
    home.run(&["token", "op", "--refresh"]).done();
}

/// Waits until a kept failure is nobody's answer any more.
fn forget_failure(home: &Home) {
    let began = Instant::now();
    while matches!(home.run(&["refresh", "op"]).code, 1 | 6) {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn promise_05_waiting_processes_report_the_failure_without_a_request() {
    let issuer = Issuer::start();
    let home = expired(&issuer);
    issuer.misbehave([Misbehaviour::Busy]);
    let children: Vec<_> = (0..12)
        .map(|_| {
            home.command(&["token", "op"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        Ran::from(child.wait_with_output().unwrap()).failed(6, "the server returned status 503");
    }
    // One for the login's code, one for all of these.
    assert_eq!(issuer.token_requests(), 2);
}

#[test]
fn promise_05_a_dead_network_does_not_ask_for_a_new_login() {
    let issuer = Issuer::start();
    let home = expired(&issuer);
    issuer.stop();
    home.run(&["token", "op"]).failed(6, "cannot refresh `op`");
}

#[test]
fn promise_05_an_expired_login_has_its_own_exit_code() {
    let issuer = Issuer::start();
    let home = expired(&issuer);
    issuer.end_logins();
    home.run(&["token", "op"]).failed(
        4,
        "no valid login for `op`: the server refused the request: invalid_grant",
    );
    home.run(&["list"]).done();
    home.login(&issuer, &[]).done();
    home.run(&["token", "op"]).done();
}

#[test]
fn lifetimes_that_say_nothing_are_used_until_refused() {
    for odd in [
        None,
        Some("\"3600\""),
        Some("-5"),
        Some("\"soon\""),
        Some("0"),
    ] {
        let issuer = Issuer::start();
        let home = expired(&issuer);
        issuer.misbehave([Misbehaviour::ExpiresIn(odd)]);
        let token = home.run(&["token", "op"]).done().stdout;
        assert_eq!(home.run(&["token", "op"]).done().stdout, token, "{odd:?}");
    }
}

#[test]
fn promise_10_hostile_tokens_and_answers_change_nothing() {
    let issuer = Issuer::start();
    issuer.set(|settings| settings.rotates = false);
    let home = expired(&issuer);
    for bad in ["\nX-Evil: 1", "\0", "ä", " "] {
        issuer.misbehave([Misbehaviour::Tokens(bad)]);
        home.run(&["token", "op", "--refresh"])
            .failed(1, "the server sent a malformed");
        forget_failure(&home);
    }
    issuer.misbehave([Misbehaviour::Huge]);
    home.run(&["token", "op", "--refresh"])
        .failed(1, "larger than");
    forget_failure(&home);
    home.run(&["token", "op"]).done();
}

#[test]
fn promise_01_an_answer_that_cannot_be_used_still_brings_the_next_refresh_token() {
    let issuer = Issuer::start();
    let home = expired(&issuer);
    for bad in [" with a space", "\n"] {
        issuer.misbehave([Misbehaviour::AccessToken(bad)]);
        home.run(&["token", "op", "--refresh"])
            .failed(1, "malformed access token");
        home.run(&["token", "op", "--refresh"]).done();
    }
    assert_eq!(issuer.refreshes(), 4);
}

#[test]
fn a_lost_sealed_file_costs_one_refresh_and_not_one_for_every_command() {
    let issuer = Issuer::start();
    issuer.set(|settings| settings.rotates = false);
    let home = Home::logged_in(&issuer);
    let sealed = std::fs::read_dir(home.file("sealed"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::remove_file(&sealed).unwrap();
    for _ in 0..3 {
        home.run(&["token", "op"]).done();
    }
    assert_eq!(issuer.refreshes(), 1);
    std::fs::remove_file(&sealed).unwrap();
    issuer.misbehave(vec![Misbehaviour::Busy; 3]);
    let before = issuer.token_requests();
    for _ in 0..3 {
        home.run(&["token", "op"]).failed(6, "503");
    }
    assert_eq!(issuer.token_requests(), before + 1);
}

#[cfg(unix)]
#[test]
fn promise_01_a_sealed_file_that_cannot_be_read_is_not_an_empty_one() {
    use std::os::unix::fs::PermissionsExt;
    let issuer = Issuer::start();
    let home = expired(&issuer);
    let before = issuer.token_requests();
    let sealed = std::fs::read_dir(home.file("sealed"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::set_permissions(&sealed, std::fs::Permissions::from_mode(0o644)).unwrap();
    home.run(&["token", "op"])
        .failed(7, "can be read by other users");
    assert_eq!(issuer.token_requests(), before);
    std::fs::set_permissions(&sealed, std::fs::Permissions::from_mode(0o600)).unwrap();
    home.run(&["token", "op"]).done();
}

#[test]
fn promise_04_a_token_request_is_never_redirected() {
    let issuer = Issuer::start();
    let thief = Issuer::start();
    let home = expired(&issuer);
    issuer.misbehave([Misbehaviour::Redirect(format!("{}/token", thief.url))]);
    let elsewhere = format!("it redirects to {}/token", thief.url);
    home.run(&["token", "op"]).failed(1, &elsewhere);
    assert_eq!(thief.token_requests(), 0);
    forget_failure(&home);
    home.run(&["token", "op"]).done();
}

#[test]
fn a_narrower_scope_has_a_token_of_its_own_and_a_wider_one_is_refused() {
    let issuer = Issuer::start();
    let home = Home::new();
    home.login(&issuer, &["--scope", "openid read write"])
        .done();
    let whole = home.run(&["token", "op"]).done().stdout;
    let narrow = home.run(&["token", "op", "--scope", "read"]).done().stdout;
    assert_ne!(whole, narrow);
    assert_eq!(
        home.run(&["token", "op", "--scope", "read"]).done().stdout,
        narrow
    );
    assert_eq!(home.run(&["token", "op"]).done().stdout, whole);
    home.run(&["token", "op", "--scope", "admin"])
        .failed(7, "the scope `admin` was not granted");
    assert_eq!(issuer.refreshes(), 1);
    assert_eq!(issuer.refresh_scopes(), [Some("read".to_owned())]);
    // RFC 6749 section 6: without a scope, the whole grant is refreshed.
    home.run(&["refresh", "op"]).done();
    assert_eq!(issuer.refresh_scopes()[1], None);
    home.edit(
        "providers/op.toml",
        "[oauth.refresh]",
        "[oauth.refresh]\nsend_scope = true",
    );
    home.run(&["refresh", "op"]).done();
    let whole = issuer.refresh_scopes()[2].clone().unwrap();
    let mut scopes: Vec<&str> = whole.split(' ').collect();
    scopes.sort_unstable();
    // H4: also those without which no refresh token may come.
    assert_eq!(scopes, ["offline_access", "openid", "read", "write"]);
    home.run(&["token", "op", "--refresh", "--scope", "read"])
        .done();
    assert_eq!(issuer.refresh_scopes()[3].as_deref(), Some("read"));
}

/// Another machine with the same store has refreshed, so the token of this one is refused. The newer
/// record in the store is used.
#[test]
fn promise_01_a_token_that_another_machine_replaced_is_read_again() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let other = home.copy();
    other.run(&["refresh", "op"]).done();
    issuer.misbehave([Misbehaviour::SlowRefusal(Duration::from_secs(2))]);
    let requests = issuer.token_requests();
    let child = home
        .command(&["token", "op", "--refresh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while issuer.token_requests() == requests && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    copy_folder(&other.file("vault"), &home.file("vault"));
    let ran = Ran::from(child.wait_with_output().unwrap()).done();
    assert!(ran.stdout.starts_with("access-"), "{ran:#?}");
    assert_eq!(
        (issuer.token_requests(), issuer.refreshes()),
        (requests + 2, 2)
    );
}

/// After a login was refused, the next command asks the server no more.
#[test]
fn a_refused_login_is_not_asked_for_again_at_once() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    issuer.expire_access_tokens();
    issuer.end_logins();
    home.run(&["token", "op", "--refresh"])
        .failed(4, "invalid_grant");
    let requests = issuer.token_requests();
    home.run(&["token", "op", "--refresh"])
        .failed(4, "invalid_grant");
    assert_eq!(issuer.token_requests(), requests);
}

#[test]
fn promise_09_the_cached_path_needs_no_server_and_writes_nothing() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    issuer.stop();
    let before: Vec<_> = home.files();
    let modified = |home: &Home| {
        home.files()
            .iter()
            .map(|(path, _)| std::fs::metadata(path).unwrap().modified().unwrap())
            .collect::<Vec<_>>()
    };
    let times = modified(&home);
    for _ in 0..3 {
        home.run(&["token", "op"]).done();
        home.run(&["header", "op", "--format", "raw"]).done();
    }
    assert_eq!(home.files(), before);
    assert_eq!(modified(&home), times);
}
