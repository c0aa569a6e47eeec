//! Reading and writing a text in the Secret Service (Linux) quickly, over a plain session, whose
//! data only crosses a socket of the same user, who may read the secret anyway. The session that
//! `keyring` opens starts with a Diffie-Hellman key exchange, which takes several times as long as
//! the call itself, and which some services occasionally refuse or do not support.
//!
//! Only success is reported. In every other case (nothing to read, a locked item, no service, a
//! service without plain sessions, one that wants to ask the user) `keyring` is asked, which can
//! tell them apart. A write that was not answered in time is then sent a second time: the bus
//! delivers both in order, so the answer to the second covers the first.
//!
//! zbus reads and writes through a socket of ours, on the calling thread only, and
//! [`Bus::wait_for`] sleeps until there is something to read. The reactor of the library would need
//! two threads and a dozen more context switches, which take longer than the calls themselves.

mod bus;
mod socket;

use crate::secret::Secret;
use crate::text::harmless;
use bus::Bus;
use serde::Serialize;
use std::collections::HashMap;
use std::time::Instant;
use zbus::connection::Builder;
use zbus::zvariant::{DynamicType, ObjectPath, OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, Message};

/// The id of the bus, which it sends while the first call is on its way.
const UNKNOWN: &str = "00000000000000000000000000000000";

const DESTINATION: &str = "org.freedesktop.secrets";
const PATH: &ObjectPath<'_> = &ObjectPath::from_static_str_unchecked("/org/freedesktop/secrets");
const SERVICE: &str = "org.freedesktop.Secret.Service";
const ITEM: &str = "org.freedesktop.Secret.Item";
const COLLECTION: &str = "org.freedesktop.Secret.Collection";

/// The collection in which new items are stored.
const DEFAULT: &ObjectPath<'_> =
    &ObjectPath::from_static_str_unchecked("/org/freedesktop/secrets/aliases/default");

const LABEL: &str = "org.freedesktop.Secret.Item.Label";
const ATTRIBUTES: &str = "org.freedesktop.Secret.Item.Attributes";

/// The content type that `keyring` gives its items.
const CONTENT_TYPE: &str = "application/octet-stream";

/// The text of the unlocked item with these attributes, if it arrives before the deadline. Several
/// items with the same text count as one: a keyring that was copied contains them.
pub(super) fn read(service: &str, user: &str, deadline: Instant) -> Option<Secret> {
    on_bus(deadline, async |bus| {
        let items = find(bus, service, user).await?;
        if items.is_empty() {
            return Ok(None);
        }
        let session = open_session(bus).await?;
        same_text(bus, &session, &items).await
    })
}

/// Stores a text: in the item with these attributes, whose copies are deleted, or in a new item of
/// the default collection if there is none; `None` if the service did not confirm it before the
/// deadline, or if an item is locked or differs.
pub(super) fn write(service: &str, user: &str, text: &Secret, deadline: Instant) -> Option<()> {
    on_bus(deadline, async |bus| {
        let found = search(bus, of(service, user)).await?;
        let (unlocked, locked) = &found;
        let session = open_session(bus).await?;
        let no_parameters: &[u8] = &[];
        let text = text.expose().as_bytes();
        let secret = (&session, no_parameters, text, CONTENT_TYPE);
        match (unlocked.as_slice(), locked.as_slice()) {
            ([item, copies @ ..], []) => {
                // First of all: items that differ would be refused by every later read.
                if !copies.is_empty()
                    && (same_text(bus, &session, unlocked).await?.is_none()
                        || delete_all(bus, copies).await?.is_none())
                {
                    return Ok(None);
                }
                call(bus, item, ITEM, "SetSecret", &(secret,)).await?;
                Ok(Some(()))
            }
            ([], []) => {
                let properties = HashMap::from([
                    // The label that `keyring` gives its items.
                    (LABEL, Value::from(format!("keyring:{user}@{service}"))),
                    (ATTRIBUTES, Value::from(of(service, user))),
                ]);
                // An item with these attributes that appeared meanwhile is replaced.
                let item = (properties, secret, true);
                let made = call(bus, DEFAULT, COLLECTION, "CreateItem", &item).await?;
                let (item, _prompt): (OwnedObjectPath, OwnedObjectPath) =
                    made.body().deserialize()?;
                // Without a path, the service wants to ask the user first.
                Ok((item.as_str() != "/").then_some(()))
            }
            _ => Ok(None),
        }
    })
}

/// Deletes every item with these attributes; `None` if the service did not confirm it before the
/// deadline, if there is no such item, or if one is locked.
pub(super) fn delete(service: &str, user: &str, deadline: Instant) -> Option<()> {
    on_bus(deadline, async |bus| {
        let items = find(bus, service, user).await?;
        if items.is_empty() {
            return Ok(None);
        }
        delete_all(bus, &items).await
    })
}

/// What the collection is like in which new items are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collection {
    /// There is none: the service has been started for the first time, or another service is meant.
    Missing,
    /// It is locked.
    Locked,
    /// It is open.
    Open,
}

/// The default collection; `None` if the service does not say before the deadline.
pub(super) fn default_collection(deadline: Instant) -> Option<Collection> {
    on_bus(deadline, async |bus| {
        greet(bus).await?;
        let alias = call(bus, PATH, SERVICE, "ReadAlias", &("default",)).await?;
        let (collection,): (OwnedObjectPath,) = alias.body().deserialize()?;
        if collection.as_str() == "/" {
            return Ok(Some(Collection::Missing));
        }
        let property = (COLLECTION, "Locked");
        let properties = "org.freedesktop.DBus.Properties";
        let locked = call(bus, &collection, properties, "Get", &property).await?;
        let (locked,): (OwnedValue,) = locked.body().deserialize()?;
        Ok(Some(match bool::try_from(locked)? {
            true => Collection::Locked,
            false => Collection::Open,
        }))
    })
}

/// Whether the service holds unlocked items of `service`, and none that is locked; `None` if it
/// does not say before the deadline.
pub(super) fn holds(service: &str, deadline: Instant) -> Option<bool> {
    on_bus(deadline, async |bus| {
        let attributes = HashMap::from([("service", service)]);
        let (unlocked, locked) = search(bus, attributes).await?;
        Ok(Some(!unlocked.is_empty() && locked.is_empty()))
    })
}

/// KWallet, which answers before it writes its file.
pub(super) const KWALLET: &str = "KWallet";

/// KeePassXC, which moves a deleted item to its recycle bin.
pub(super) const KEEPASSXC: &str = "KeePassXC";

/// The programs that provide the Secret Service, as the kernel and as people call them.
const PROGRAMS: [(&str, &str); 4] = [
    ("gnome-keyring-d", "GNOME Keyring"),
    ("keepassxc", KEEPASSXC),
    ("kwalletd", KWALLET),
    ("ksecretd", KWALLET),
];

/// The program that provides the Secret Service; `None` if the bus does not say before the deadline.
pub(super) fn provider(deadline: Instant) -> Option<String> {
    on_bus(deadline, async |bus| {
        greet(bus).await?;
        let process = call_bus(bus, "GetConnectionUnixProcessID", &(DESTINATION,)).await?;
        let process: u32 = process.body().deserialize()?;
        let program = std::fs::read_to_string(format!("/proc/{process}/comm"))?;
        let known = PROGRAMS.iter().find(|(name, _)| program.starts_with(name));
        Ok(Some(known.map_or_else(
            || harmless(program.trim_end()),
            |(_, name)| (*name).to_owned(),
        )))
    })
}

/// Does some work on a connection to the session bus.
fn on_bus<T>(
    deadline: Instant,
    work: impl AsyncFnOnce(&Connection) -> zbus::Result<Option<T>>,
) -> Option<T> {
    let done = Bus::session().map_err(zbus::Error::from).and_then(|bus| {
        bus.wait_for(deadline, async {
            let connection = Builder::authenticated_socket(bus.clone(), UNKNOWN)?
                .internal_executor(false)
                .build()
                .await?;
            let executor = connection.executor().clone();
            tokio::select! {
                done = work(&connection) => done,
                () = async { loop { executor.tick().await } } => Ok(None),
            }
        })?
    });
    done.unwrap_or_else(|error| {
        tracing::debug!(%error, "cannot call the Secret Service directly; using the keychain library instead");
        None
    })
}

async fn call(
    bus: &Connection,
    path: &ObjectPath<'_>,
    interface: &str,
    method: &str,
    body: &(impl Serialize + DynamicType),
) -> zbus::Result<Message> {
    bus.call_method(Some(DESTINATION), path, Some(interface), method, body)
        .await
}

/// The text of all these items; `None` if they differ or contain something else.
async fn same_text(
    bus: &Connection,
    session: &OwnedObjectPath,
    items: &[OwnedObjectPath],
) -> zbus::Result<Option<Secret>> {
    let mut found: Option<Secret> = None;
    for item in items {
        let secret = call(bus, item, ITEM, "GetSecret", &(session,)).await?;
        let body = secret.body();
        // Borrowed: a list of bytes would be read one by one.
        let ((_, _, value, _),): ((ObjectPath<'_>, &[u8], &[u8], &str),) = body.deserialize()?;
        let Ok(text) = std::str::from_utf8(value) else {
            return Ok(None);
        };
        if found.as_ref().is_some_and(|found| !found.same_as(text)) {
            return Ok(None);
        }
        found = Some(Secret::new(text));
    }
    Ok(found)
}

/// Deletes items; `None` if the service wants to ask the user first.
async fn delete_all(bus: &Connection, items: &[OwnedObjectPath]) -> zbus::Result<Option<()>> {
    for item in items {
        let deleted = call(bus, item, ITEM, "Delete", &()).await?;
        let prompt: OwnedObjectPath = deleted.body().deserialize()?;
        if prompt.as_str() != "/" {
            return Ok(None);
        }
    }
    Ok(Some(()))
}

/// The items with these attributes; none if one of them is locked.
async fn find(bus: &Connection, service: &str, user: &str) -> zbus::Result<Vec<OwnedObjectPath>> {
    let (unlocked, locked) = search(bus, of(service, user)).await?;
    Ok(if locked.is_empty() {
        unlocked
    } else {
        Vec::new()
    })
}

/// The attributes that `keyring` gives its items.
fn of<'a>(service: &'a str, user: &'a str) -> HashMap<&'a str, &'a str> {
    HashMap::from([("service", service), ("username", user)])
}

/// The items with these attributes: the unlocked ones, and the locked ones.
async fn search(
    bus: &Connection,
    attributes: HashMap<&str, &str>,
) -> zbus::Result<(Vec<OwnedObjectPath>, Vec<OwnedObjectPath>)> {
    // It is sent and answered before the session is opened, and not only because the session may
    // turn out not to be needed: gnome-keyring 42 may abort if opening a session is the first call,
    // or comes while it is still working on the first call.
    // The bus has to be greeted first, but need not have answered.
    let greeting = greet(bus);
    let search = (attributes,);
    let search = call(bus, PATH, SERVICE, "SearchItems", &search);
    let (_, found) = tokio::try_join!(greeting, search)?;
    found.body().deserialize()
}

async fn greet(bus: &Connection) -> zbus::Result<Message> {
    call_bus(bus, "Hello", &()).await
}

/// A call to the bus itself.
async fn call_bus(
    bus: &Connection,
    method: &str,
    body: &(impl Serialize + DynamicType),
) -> zbus::Result<Message> {
    let name = "org.freedesktop.DBus";
    bus.call_method(
        Some(name),
        "/org/freedesktop/DBus",
        Some(name),
        method,
        body,
    )
    .await
}

async fn open_session(bus: &Connection) -> zbus::Result<OwnedObjectPath> {
    let algorithm = ("plain", Value::from(""));
    let opened = call(bus, PATH, SERVICE, "OpenSession", &algorithm).await?;
    let (_, session): (OwnedValue, OwnedObjectPath) = opened.body().deserialize()?;
    Ok(session)
}
