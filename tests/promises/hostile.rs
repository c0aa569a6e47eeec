//! Editing a file cannot redirect a secret, and a credential goes only where it belongs.

use crate::issuer::Issuer;
use crate::support::Home;

/// Whatever is asked, nothing leaves: exit 7, no request anywhere.
#[track_caller]
fn nothing_leaves(home: &Home, issuer: &Issuer, thief: &Issuer, says: &str) {
    let before = issuer.token_requests();
    for arguments in [
        &["token", "op"][..],
        &["refresh", "op"],
        &["header", "op", "--format", "raw"],
        &["token", "op", "--refresh"],
    ] {
        home.run(arguments).failed(7, says);
    }
    let curl = home.run(&["header", "op"]);
    assert_eq!(
        curl.code,
        if cfg!(target_os = "linux") { 7 } else { 2 },
        "{curl:#?}"
    );
    assert!(
        curl.stdout.starts_with("-K\n/dev/null/authctl-"),
        "{curl:#?}"
    );
    assert_eq!(
        (issuer.token_requests(), thief.token_requests()),
        (before, 0)
    );
}

#[test]
fn promise_04_an_edited_token_endpoint_is_refused() {
    let (issuer, thief) = (Issuer::start(), Issuer::start());
    let home = Home::logged_in(&issuer);
    home.edit(
        "providers/op.toml",
        &format!("{}/token", issuer.url),
        &format!("{}/token", thief.url),
    );
    nothing_leaves(&home, &issuer, &thief, "it is bound to the token endpoint");
}

#[test]
fn promise_04_an_edited_index_is_refused() {
    let (issuer, thief) = (Issuer::start(), Issuer::start());
    let home = Home::logged_in(&issuer);
    let index = "credentials/op/default.toml";
    let original = std::fs::read_to_string(home.file(index)).unwrap();
    for (from, to) in [
        (
            format!("origins = [\"{}\"]", issuer.url),
            format!("origins = [\"{}\"]", thief.url),
        ),
        (
            format!("{}/token", issuer.url),
            format!("{}/token", thief.url),
        ),
        (
            format!("{}/revoke", issuer.url),
            format!("{}/revoke", thief.url),
        ),
        (
            "client_id = \"tool\"".into(),
            "client_id = \"thief\"".into(),
        ),
    ] {
        home.edit(index, &from, &to);
        nothing_leaves(&home, &issuer, &thief, "its index file was edited");
        std::fs::write(home.file(index), &original).unwrap();
    }
    home.run(&["token", "op"]).done();
}

#[test]
fn promise_04_edited_origins_and_clients_are_refused() {
    let (issuer, thief) = (Issuer::start(), Issuer::start());
    let home = Home::logged_in(&issuer);
    home.edit(
        "providers/op.toml",
        &format!("origins = [\"{}\"]", issuer.url),
        &format!("origins = [\"{}\"]", thief.url),
    );
    nothing_leaves(
        &home,
        &issuer,
        &thief,
        "names origins that the credential is not bound to",
    );
    let home = Home::logged_in(&issuer);
    home.edit("clients/op.toml", "tool", "other");
    let before = issuer.token_requests();
    for arguments in [&["refresh", "op"][..], &["token", "op", "--refresh"]] {
        home.run(arguments)
            .failed(7, "it is bound to the client `tool`");
    }
    assert_eq!(issuer.token_requests(), before);
    // A cached token is not sent to the client's endpoints, so the file has no part in it.
    home.run(&["token", "op"]).done();
}

#[test]
fn promise_04_a_record_under_another_name_is_refused() {
    let (issuer, thief) = (Issuer::start(), Issuer::start());
    let home = Home::logged_in(&issuer);
    home.login_as(&issuer, "op/two", &[]).done();
    let id = |account: &str| {
        let text =
            std::fs::read_to_string(home.file(&format!("credentials/op/{account}.toml"))).unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix("id = "))
            .unwrap()
            .trim_matches('"')
            .to_owned()
    };
    let (one, two) = (id("default"), id("two"));
    std::fs::copy(
        home.file(&format!("vault/{two}.age")),
        home.file(&format!("vault/{one}.age")),
    )
    .unwrap();
    nothing_leaves(
        &home,
        &issuer,
        &thief,
        "the store contains the record of `op/two` in its place",
    );
    home.edit("credentials/op/default.toml", &one, &two);
    nothing_leaves(
        &home,
        &issuer,
        &thief,
        "the store contains the record of `op/two` in its place",
    );
}

#[test]
fn promise_04_an_edited_client_secret_endpoint_is_refused_too() {
    let home = Home::new();
    // A row of the user's may not send a credential in the clear.
    std::fs::write(
        home.file("bad.toml"),
        "name = \"bad\"\ntitle = \"Bad\"\norigins = [\"http://example.com\"]\n[key]\nheaders = [\"X: {key}\"]\n",
    )
    .unwrap();
    home.run(&["provider", "add", home.file("bad.toml").to_str().unwrap()])
        .failed(1, "must begin with `https://`");
}

#[test]
fn promise_04_a_header_for_another_origin_is_refused() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let own = format!("{}/api/x", issuer.url);
    home.run(&["header", "op", "--format", "raw", "--url", &own])
        .done();
    for url in [
        "https://evil.example/",
        "http://127.0.0.1:1/",
        "http://localhost/",
    ] {
        home.run(&["header", "op", "--format", "raw", "--url", url])
            .failed(7, "is not bound to");
    }
    // What curl would read as another host than this program does.
    let split = format!("{}\\@127.0.0.1:1/", issuer.url);
    for url in [
        split.as_str(),
        "http://user@127.0.0.1/",
        "x",
        "",
        "http:/127.0.0.1/",
    ] {
        home.run(&["header", "op", "--format", "raw", "--url", url])
            .failed(7, "is not a valid URL");
    }
}

#[test]
fn promise_04_an_edited_revocation_endpoint_is_refused() {
    let (issuer, thief) = (Issuer::start(), Issuer::start());
    let home = Home::logged_in(&issuer);
    home.edit(
        "providers/op.toml",
        &format!("{}/revoke", issuer.url),
        &format!("{}/revoke", thief.url),
    );
    nothing_leaves(
        &home,
        &issuer,
        &thief,
        "names an issuer or revocation endpoint that the credential is not bound to",
    );
    home.run(&["logout", "op"]).done();
    assert_eq!(
        (issuer.revocations(), thief.revocations()),
        (1, 0),
        "what is bound is revoked where it is bound"
    );
}

#[test]
fn promise_10_no_header_is_an_error_and_never_an_empty_answer() {
    let issuer = Issuer::start();
    let home = Home::new();
    let row = format!(
        "name = \"mine\"\ntitle = \"Mine\"\norigins = [\"{}\"]\n[key]\nheaders = [\"X: {{key}}\"]\n",
        issuer.url
    );
    std::fs::write(home.file("mine.toml"), row).unwrap();
    home.run(&["provider", "add", home.file("mine.toml").to_str().unwrap()])
        .done();
    home.run_with_input(&["key", "add", "mine"], b"k").done();
    std::fs::remove_file(home.file("providers/mine.toml")).unwrap();
    home.run(&["header", "mine", "--format", "raw"]).failed(
        7,
        "providers/mine.toml, which said how the key is sent, is missing",
    );
}

/// Whatever goes wrong, curl gets an option that stops it.
#[test]
fn promise_08_a_failed_header_stops_curl() {
    let home = Home::new();
    for arguments in [
        &["header", "absent"][..],
        &["header", "Bad Name"],
        &["header"],
        &["header", "absent", "--no-such-flag"],
        &["-v", "--store", "vault", "header", "absent"],
        &["--json", "header", "absent"],
        &["haeder", "absent"],
        &["headr", "absent"],
        &["Header", "absent"],
    ] {
        let ran = home.run(arguments);
        assert!(
            ran.code != 0
                && ran.stdout.starts_with("-K\n/dev/null/authctl-")
                && ran.stdout.lines().count() == 2,
            "{arguments:?}: {ran:#?}"
        );
    }
    for arguments in [
        &["header", "absent", "--format", "raw"][..],
        &["token", "header", "--typo"],
        &["header", "absent", "--format=json"],
        // Q6: what is no `header` fills a variable with nothing.
        &["get", "stripe"],
        &["key", "list"],
        &["tokn", "stripe"],
        &[],
    ] {
        assert_eq!(home.run(arguments).stdout, "", "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn promise_08_a_header_that_is_killed_while_it_waits_stops_curl() {
    let issuer = Issuer::start();
    issuer.set(|settings| settings.access_lifetime = 1);
    let home = Home::logged_in(&issuer);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let lock = std::fs::File::options()
        .write(true)
        .open(home.file("locks/op/default"))
        .unwrap();
    lock.lock().unwrap();
    let mut child = home
        .command(&["header", "op"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    child.kill().unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"-K\n");
}

#[test]
fn damaged_files_are_named_and_lose_nothing() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let damage = |path: &str, says: &str, code: i32| {
        // The file of the client is read only for a refresh.
        let command = if path.starts_with("clients/") {
            "refresh"
        } else {
            "token"
        };
        let path = home.file(path);
        let whole = std::fs::read(&path).unwrap_or_default();
        for bytes in [
            &b"\xff\xfe\x00"[..],
            b"= nonsense",
            b"x = 1\n",
            &vec![b'#'; 2_000_000],
        ] {
            std::fs::write(&path, bytes).unwrap();
            #[cfg(unix)]
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .unwrap();
            home.run(&[command, "op"]).failed(code, says);
        }
        if whole.is_empty() {
            std::fs::remove_file(&path).unwrap()
        } else {
            std::fs::write(&path, whole).unwrap()
        }
        home.run(&["token", "op"]).done();
    };
    damage("credentials/op/default.toml", "default.toml", 1);
    // Nobody knows whether it is due: a scheduled run must not end as if all were well.
    let entry = home.file("credentials/op/default.toml");
    let whole = std::fs::read(&entry).unwrap();
    std::fs::write(&entry, b"garbage").unwrap();
    let ran = home.run(&["rotate", "--due"]);
    assert!(
        ran.code == 8 && ran.stderr.contains("1 of 1 credential needs attention: op"),
        "{ran:#?}"
    );
    assert!(ran.stdout.contains("default.toml is damaged"), "{ran:#?}");
    let ran = home.run(&["status"]);
    assert!(ran.code == 8 && ran.stdout.contains("op: "), "{ran:#?}");
    std::fs::write(&entry, whole).unwrap();
    damage("providers/op.toml", "op.toml", 1);
    damage("clients/op.toml", "op.toml", 1);
    damage("config.toml", "config.toml", 1);
    // A damaged sealed file costs the cached token, not the login.
    let sealed = std::fs::read_dir(home.file("sealed"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::write(&sealed, b"garbage").unwrap();
    let ran = home.run(&["token", "op"]).done();
    assert!(
        ran.stderr.contains("ignoring the sealed file of `op`"),
        "{ran:#?}"
    );
    assert_eq!(home.run(&["token", "op"]).done().stderr, "");
    // A damaged record is an error of the store, never "not found".
    let record = std::fs::read_dir(home.file("vault"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let record = record
        .into_iter()
        .find(|path| {
            path.extension().is_some_and(|e| e == "age") && !path.ends_with("identity.age")
        })
        .unwrap();
    std::fs::write(&record, b"garbage").unwrap();
    home.run(&["token", "op"]).failed(1, "is damaged");
    home.login(&issuer, &[]).done();
    home.run(&["token", "op"]).done();
}

#[cfg(unix)]
#[test]
fn loose_modes_are_refused_with_the_remedy() {
    use std::os::unix::fs::PermissionsExt;
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let set = |path: &str, mode| {
        std::fs::set_permissions(home.file(path), std::fs::Permissions::from_mode(mode)).unwrap()
    };
    for (path, good) in [
        ("credentials/op/default.toml", 0o600),
        ("vault/identity.age", 0o600),
    ] {
        set(path, 0o644);
        let ran = home.run(&["token", "op"]);
        assert!(
            matches!(ran.code, 5 | 7)
                && ran
                    .stderr
                    .contains("can be read by other users (mode 0644)"),
            "{ran:#?}"
        );
        set(path, good);
    }
    set("clients/op.toml", 0o666);
    home.run(&["refresh", "op"])
        .failed(7, "hint: run `chmod go-w");
    set("clients/op.toml", 0o644);
    home.run(&["refresh", "op"]).done();
}
