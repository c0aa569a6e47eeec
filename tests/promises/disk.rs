//! What lies on the disk, and what must not.

use crate::issuer::Issuer;
use crate::support::Home;

#[cfg(unix)]
#[test]
fn promise_07_files_are_private_and_hold_no_secret() {
    use base64::Engine as _;
    use std::os::unix::fs::PermissionsExt;
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    home.run(&["refresh", "op"]).done();
    let planted = "sk_live_PlantedSecretOfThisTest";
    home.run_with_input(&["key", "add", "stripe", "--no-verify"], planted.as_bytes())
        .done();
    let token = home.run(&["token", "op"]).done().stdout.trim().to_owned();
    for secret in [planted, token.as_str(), "refresh-"] {
        let forms = [
            secret.to_owned(),
            base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret),
        ];
        for (path, bytes) in home.files() {
            let text = String::from_utf8_lossy(&bytes);
            for form in &forms {
                assert!(
                    !text.contains(form.as_str()),
                    "{} holds {form}",
                    path.display()
                );
            }
        }
    }
    for (path, _) in home.files() {
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            path.display()
        );
        let folder = path.parent().unwrap();
        if folder != home.path() {
            assert_eq!(
                std::fs::metadata(folder).unwrap().permissions().mode() & 0o777,
                0o700,
                "{}",
                folder.display()
            );
        }
    }
}

#[test]
fn an_interrupted_removal_is_finished_by_the_next_command() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    home.edit(
        "credentials/op/default.toml",
        "state = \"active\"",
        "state = \"removing\"",
    );
    assert!(
        home.run(&["list"])
            .done()
            .stdout
            .contains("(removal incomplete)")
    );
    home.run(&["token", "op"])
        .failed(3, "no credential named `op`");
    assert_eq!(issuer.revocations(), 1);
    assert!(!home.file("credentials/op/default.toml").exists());
}

#[test]
fn an_interrupted_addition_is_finished_or_undone_by_the_next_command() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    home.edit(
        "credentials/op/default.toml",
        "state = \"active\"",
        "state = \"adding\"",
    );
    home.run(&["token", "op"]).done();
    assert!(
        std::fs::read_to_string(home.file("credentials/op/default.toml"))
            .unwrap()
            .contains("state = \"active\"")
    );
    home.edit(
        "credentials/op/default.toml",
        "state = \"active\"",
        "state = \"adding\"",
    );
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
    home.run(&["token", "op"])
        .failed(3, "no credential named `op`");
    assert!(!home.file("credentials/op/default.toml").exists());
    home.login(&issuer, &[]).done();
}

/// What a process leaves that dies while it replaces an entry that could not be used.
#[test]
fn an_interrupted_replacement_restores_the_previous_credential() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let path = home.file("credentials/op/default.toml");
    let whole = std::fs::read_to_string(&path).unwrap();
    let unfinished = |until: &str| {
        let (head, bound) = whole.split_once("[bound]").unwrap();
        let id = head.lines().find(|line| line.starts_with("id = ")).unwrap();
        let new = head
            .replace(id, "id = \"00000000000000000000000000000000\"")
            .replace("\"active\"", "\"adding\"");
        format!("{new}{until}[bound]{bound}\n[earlier]\n{head}\n[earlier.bound]{bound}")
    };
    std::fs::write(&path, unfinished("")).unwrap();
    home.run(&["token", "op"]).done();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
    // A write that may still land keeps its name until then; a new login takes over both.
    std::fs::write(
        &path,
        unfinished("may_land_until = \"2099-01-01T00:00:00Z\"\n"),
    )
    .unwrap();
    home.run(&["token", "op"]).failed(3, "no credential");
    assert!(std::fs::read_to_string(&path).unwrap().contains("2099"));
    home.login(&issuer, &[]).done();
    home.run(&["token", "op"]).done();
    let left = |folder: &str| std::fs::read_dir(home.file(folder)).unwrap().count();
    // One record beside identity, recipient and lock.
    assert_eq!(
        (left("sealed"), left("vault")),
        (1, 4),
        "{:?}",
        home.files()
    );
}

#[test]
fn a_missing_item_needs_a_login_which_restores_it() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
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
    home.run(&["token", "op"])
        .failed(4, "it is missing from the vault");
    home.login(&issuer, &[]).done();
    home.run(&["token", "op"]).done();
    assert_eq!(
        std::fs::read_dir(home.file("sealed")).unwrap().count(),
        1,
        "the old sealed file is gone"
    );
}

#[test]
fn a_store_that_is_behind_is_brought_up_before_anything_is_sent() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let record = std::fs::read_dir(home.file("vault"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let record = record
        .into_iter()
        .find(|path| {
            path.extension().is_some_and(|e| e == "age") && !path.ends_with("identity.age")
        })
        .unwrap();
    let old = std::fs::read(&record).unwrap();
    home.run(&["refresh", "op"]).done();
    // As if the store's write of the last refresh had been lost with the process.
    std::fs::write(&record, &old).unwrap();
    home.run(&["refresh", "op"]).done();
    home.run(&["refresh", "op"]).done();
    assert_eq!(issuer.refreshes(), 3);
}

#[test]
fn no_vault_is_not_an_empty_vault() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    std::fs::rename(home.file("vault"), home.file("unmounted")).unwrap();
    home.run(&["token", "op"]).failed(5, "there is no vault");
    std::fs::rename(home.file("unmounted"), home.file("vault")).unwrap();
    home.run(&["token", "op"]).done();
}

/// An index that cannot be read is not an empty one: nobody knows what is due or has to be exported.
#[cfg(unix)]
#[test]
fn m2_an_index_that_cannot_be_read_is_an_error_of_every_command() {
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    let commands = [
        &["list"][..],
        &["--json", "list"],
        &["status"],
        &["rotate", "--due"],
        &["rotate", "--due", "--dry-run"],
        &["rotate", "--due", "--scheduled"],
        &[
            "key",
            "export",
            "all.age",
            "--to",
            "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq",
        ],
        &["client", "list"],
    ];
    let index = home.file("credentials");
    std::fs::rename(&index, home.file("away")).unwrap();
    let kinds: [(&str, &dyn Fn()); 2] = [
        ("a link to itself", &|| {
            std::os::unix::fs::symlink("credentials", &index).unwrap();
        }),
        ("a file", &|| std::fs::write(&index, "").unwrap()),
    ];
    for (kind, make) in kinds {
        make();
        for arguments in commands {
            let ran = home.run(arguments);
            assert_ne!(ran.code, 0, "{kind}: {arguments:?} {ran:#?}");
            assert!(!ran.stdout.contains("nothing is due"), "{kind}: {ran:#?}");
        }
        let ran = home.run(&["--json", "schedule", "status"]);
        assert!(!ran.stdout.contains("\"done\""), "{kind}: {ran:#?}");
        let ran = home.run(&["doctor"]);
        assert!(
            ran.code == 8 && ran.stdout.contains("credentials"),
            "{ran:#?}"
        );
        std::fs::remove_file(&index).unwrap();
    }
    std::fs::rename(home.file("away"), &index).unwrap();
    // One folder of several hides only what is in it.
    std::os::unix::fs::symlink("acme", index.join("acme")).unwrap();
    let ran = home.run(&["list"]);
    assert!(ran.code == 8 && ran.stdout.contains("op "), "{ran:#?}");
    let ran = home.run(&["rotate", "--due"]);
    assert!(ran.code == 8 && ran.stdout.contains("acme"), "{ran:#?}");
    std::fs::remove_file(index.join("acme")).unwrap();
    home.run(&["list"]).done();
}
