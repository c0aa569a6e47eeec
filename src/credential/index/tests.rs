//! Tests.

use super::*;
use crate::credential::{Bound, Kind, Record, SecretPart, State, StoreKind};
use jiff::Timestamp;
use proptest::prelude::*;

fn example() -> Entry {
    let bound = Bound {
        origins: vec!["https://api.example.com".parse().unwrap()],
        ..Bound::default()
    };
    let secret = SecretPart::Login {
        refresh_token: None,
        access: None,
    };
    let record = Record::new("example/me".parse().unwrap(), bound, secret).unwrap();
    Entry::adding(
        &record,
        Kind::Login,
        StoreKind::Vault,
        Timestamp::UNIX_EPOCH,
    )
}

fn index(home: &tempfile::TempDir) -> Index {
    Index::new(home.path().to_owned())
}

#[test]
fn an_entry_survives_the_disk_and_is_listed() {
    let home = tempfile::tempdir().unwrap();
    let (index, entry) = (index(&home), example());
    index.write(&entry).unwrap();
    let read = index.entry(&entry.name).unwrap();
    assert_eq!((&read.id, &read.bound), (&entry.id, &entry.bound));
    assert!(matches!(read.state, State::Adding { .. }));
    assert_eq!(index.all().unwrap().readable.len(), 1);
    index.delete(&entry.name).unwrap();
    assert!(index.find(&entry.name).unwrap().is_none());
    assert!(matches!(
        index.entry(&entry.name),
        Err(IndexError::NotFound(_))
    ));
}

#[test]
fn an_entry_under_another_name_is_damaged() {
    let home = tempfile::tempdir().unwrap();
    let (index, entry) = (index(&home), example());
    index.write(&entry).unwrap();
    let other: Name = "example/you".parse().unwrap();
    std::fs::rename(index.path(&entry.name), index.path(&other)).unwrap();
    assert!(matches!(
        index.find(&other),
        Err(IndexError::Damaged { .. })
    ));
    index.write(&entry).unwrap();
    let Entries { readable, damaged } = index.all().unwrap();
    assert_eq!(
        (
            readable.len(),
            &readable[0].name,
            damaged.len(),
            &damaged[0].0
        ),
        (1, &entry.name, 1, &other)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_malformed_entry_is_an_error_and_never_a_panic(garbage: Vec<u8>, cut in 0usize..300) {
        let home = tempfile::tempdir().unwrap();
        let (index, entry) = (index(&home), example());
        let path = index.path(&entry.name);
        let text = toml::to_string(&EntryFile::from(&entry)).unwrap();
        for bytes in [&garbage, &text.as_bytes()[..cut.min(text.len() / 2)]] {
            disk::write(&path, bytes).unwrap();
            prop_assert!(index.find(&entry.name).is_err());
        }
    }
}

/// The files in `tests/index` were written by the first version of the format: each is read, and
/// written again as it was.
#[test]
fn files_of_the_first_version_are_read_and_written_unchanged() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/index");
    let mut states = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("\r\n", "\n");
        let entry: Entry = toml::from_str::<EntryFile>(&text).unwrap().into();
        states.insert(entry.state.name());
        let written = toml::to_string(&EntryFile::from(&entry)).unwrap();
        assert_eq!(written, text, "{}", path.display());
    }
    let every = ["active", "adding", "forgetting", "removing", "renaming"];
    assert_eq!(states, every.into());
}

/// What cannot be read is not empty: nobody knows what is in it.
#[cfg(unix)]
#[test]
fn m2_a_folder_that_cannot_be_read_is_not_an_empty_one() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let home = tempfile::tempdir().unwrap();
    let there = Index::new(home.path().join("credentials"));
    assert_eq!(there.all().unwrap().readable.len(), 0, "there is none yet");
    let entry = example();
    there.write(&entry).unwrap();
    // The folder of one provider: the others are listed.
    symlink("loop", there.folder().join("loop")).unwrap();
    std::fs::write(there.folder().join("stray"), "").unwrap();
    let found = there.all().unwrap();
    assert_eq!((found.readable.len(), found.damaged.len()), (1, 1));
    assert_eq!(found.damaged[0].0.to_string(), "loop");
    // The folder itself.
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    symlink("turn", home.path().join("turn")).unwrap();
    for folder in [file.clone(), file.join("below"), home.path().join("turn")] {
        let error = Index::new(folder).all().unwrap_err();
        assert!(matches!(error, IndexError::Disk(_)), "{error}");
    }
    if !rustix::process::geteuid().is_root() {
        let closed = std::fs::Permissions::from_mode(0o000);
        std::fs::set_permissions(there.folder(), closed).unwrap();
        assert!(there.all().is_err());
        let open = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(there.folder(), open).unwrap();
    }
}
