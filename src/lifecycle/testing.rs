//! A home directory for unit tests: an unattended vault in a temporary folder.

use super::put::{Put, put};
use super::{Claim, Context, Found, Look, look};
use crate::config::CacheTimes;
use crate::config::Paths;
use crate::credential::{
    AccessToken, Bound, Entry, Index, Name, Record, SecretPart, Slots, StoreKind,
};
use crate::disk;
use crate::http::Network;
use crate::provider::Catalogue;
use crate::sealed::Sealed;
use crate::secret::Secret;
use crate::store::{Protection, Settings, Slot, Stores};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A server on loopback that gives prepared answers.
pub struct Server {
    pub url: String,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Gives one answer after the other; `None` closes the connection without one. After the last
    /// one, it refuses every request.
    pub fn answering(answers: Vec<Option<String>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&bodies);
        std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut length) = (String::new(), 0);
                while reader.read_line(&mut head).unwrap() > 2 {
                    let last = head.lines().last().unwrap().to_ascii_lowercase();
                    if let Some(value) = last.strip_prefix("content-length: ") {
                        length = value.parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                seen.lock().unwrap().push(String::from_utf8(body).unwrap());
                let refused = || Some(json(400, r#"{"error":"server_error"}"#));
                if let Some(answer) = answers.next().unwrap_or_else(refused) {
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        Self { url, bodies }
    }

    /// The bodies of the requests so far.
    pub fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

/// A JSON answer.
pub fn json(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A home directory, and everything that the layer works with.
pub struct Home {
    folder: tempfile::TempDir,
    pub paths: Paths,
    pub index: Index,
    stores: Stores,
    catalogue: Catalogue,
    network: Network,
}

impl Home {
    pub fn new() -> Self {
        Self::caching("")
    }

    /// A home with this `config.toml`, of which only `cache` counts.
    pub fn caching(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::in_one(folder.path());
        let stores = Stores::new(Settings {
            vault: paths.vault(),
            identity: None,
            opened: None,
            cache: CacheTimes::of(&toml::from_str(config).unwrap()),
            patience: Duration::from_secs(1),
            on_wait: Box::new(|| {}),
            passphrase: Box::new(|| None),
        });
        stores.vault().init(&Protection::None).unwrap();
        Self {
            index: paths.index(),
            catalogue: Catalogue::new(&paths),
            network: Network::default(),
            folder,
            paths,
            stores,
        }
    }

    /// The context of a keeper: nothing starts another process.
    pub fn context(&self) -> Context<'_> {
        Context {
            paths: &self.paths,
            index: &self.index,
            stores: &self.stores,
            catalogue: &self.catalogue,
            network: &self.network,
            is_keeper: true,
        }
    }

    /// Stores a secret under a name, in place of what is there.
    pub fn put(&self, name: &Name, bound: Bound, secret: SecretPart) -> Found {
        self.put_with(name, bound, secret, None)
    }

    /// The same, with a cached access token.
    pub fn put_with(
        &self,
        name: &Name,
        bound: Bound,
        secret: SecretPart,
        access: Option<AccessToken>,
    ) -> Found {
        let context = self.context();
        let claim = context.claim(name).unwrap();
        self.put_claimed(&claim, bound, secret, access)
    }

    /// The same, for a name that is claimed already.
    fn put_claimed(
        &self,
        claim: &Claim<'_>,
        bound: Bound,
        secret: SecretPart,
        access: Option<AccessToken>,
    ) -> Found {
        let before = self.found(claim.name());
        let what = Put {
            bound,
            secret,
            access,
            store: StoreKind::Vault,
        };
        put(claim, before.as_ref(), what, |_| {}).unwrap();
        self.found(claim.name()).unwrap()
    }

    /// Stores an API key that is sent in a header.
    pub fn key(&self, name: &Name, slots: Slots) -> Found {
        self.put(name, key_bound(), SecretPart::Key(slots))
    }

    /// The same, for a name that is claimed already.
    pub fn key_of(&self, claim: &Claim<'_>, slots: Slots) -> Found {
        self.put_claimed(claim, key_bound(), SecretPart::Key(slots), None)
    }

    /// Stores a login.
    pub fn login(&self, name: &Name, bound: Bound, refresh_token: &str) -> Found {
        let secret = SecretPart::Login {
            refresh_token: Some(Secret::new(refresh_token)),
            access: None,
        };
        self.put(name, bound, secret)
    }

    /// The credential under a name.
    pub fn found(&self, name: &Name) -> Option<Found> {
        match look(&self.context(), name).unwrap() {
            Look::Found(found) => Some(*found),
            _ => None,
        }
    }

    /// Changes an entry behind the program's back, as an interrupted command leaves it.
    pub fn leave(&self, name: &Name, change: impl FnOnce(&mut Entry)) -> Entry {
        let mut entry = self.index.find(name).unwrap().unwrap();
        change(&mut entry);
        self.index.write(&entry).unwrap();
        entry
    }

    /// Writes a record to the vault alone.
    pub fn store(&self, record: &Record) {
        let slot = Slot::record(&record.name, &record.id);
        self.stores
            .write(StoreKind::Vault, &slot, &record.to_text())
            .unwrap();
    }

    /// Whether the vault contains the item of an entry.
    pub fn has_item(&self, entry: &Entry) -> bool {
        let slot = Slot::record(&entry.name, &entry.id);
        self.stores.read(StoreKind::Vault, &slot).unwrap().is_some()
    }

    /// The number of items in the vault.
    pub fn items(&self) -> usize {
        let files = std::fs::read_dir(self.paths.vault()).unwrap().flatten();
        files
            .filter(|file| {
                let name = file.file_name().into_string().unwrap();
                name.ends_with(".age") && name != "identity.age"
            })
            .count()
    }

    /// Overwrites the sealed file of a record.
    pub fn seal(&self, record: &Record, sealed: &Sealed) {
        sealed
            .write(
                &self.paths.sealed(),
                &record.id,
                &record.seal_key().unwrap(),
            )
            .unwrap();
    }

    /// Damages the sealed file of a record.
    pub fn damage_seal(&self, record: &Record) {
        let path = self.paths.sealed().join(record.id.to_string());
        disk::write(&path, b"not sealed").unwrap();
    }

    /// Damages the item of an entry.
    pub fn damage_item(&self, entry: &Entry) {
        let slot = Slot::record(&entry.name, &entry.id);
        self.stores
            .write(StoreKind::Vault, &slot, &Secret::new("not a record"))
            .unwrap();
    }

    /// Makes the vault unusable until [`Home::mend_vault`].
    pub fn break_vault(&self) {
        std::fs::rename(self.paths.vault(), self.folder.path().join("away")).unwrap();
        std::fs::write(self.paths.vault(), "in the way").unwrap();
    }

    pub fn mend_vault(&self) {
        std::fs::remove_file(self.paths.vault()).unwrap();
        std::fs::rename(self.folder.path().join("away"), self.paths.vault()).unwrap();
    }

    /// Writes a row of the user's.
    pub fn row(&self, name: &str, text: &str) {
        disk::write(&self.catalogue.path(name), text.as_bytes()).unwrap();
    }
}

fn key_bound() -> Bound {
    Bound {
        headers: vec!["X-Key: {key}".to_owned()],
        ..Bound::default()
    }
}

/// The parts of a key of one part.
pub fn parts(value: &str) -> crate::credential::Parts {
    [("key".to_owned(), Secret::new(value))].into()
}
