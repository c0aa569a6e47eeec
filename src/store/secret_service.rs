//! A quick read from the Secret Service (Linux): over a plain session, which crosses nothing but a socket of the same
//! user, who may ask the service for the secret anyway. The session that `keyring` opens agrees on a key first
//! (Diffie-Hellman), which takes several times as long as the read itself.
//!
//! It only ever answers "here it is". Whatever else comes of it (no such item, a locked one, no service, a service that
//! wants no plain session), `keyring` is asked, which can tell these apart.

use crate::secret::Secret;
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use zbus::Connection;
use zbus::address::transport::{Transport, UnixSocket};
use zbus::connection::Builder;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

const DESTINATION: &str = "org.freedesktop.secrets";
const PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const ITEM: &str = "org.freedesktop.Secret.Item";

/// The text of the one unlocked item with these attributes.
pub(super) fn read(service: &str, user: &str) -> Option<Secret> {
    match find(service, user) {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, "no quick read from the Secret Service");
            None
        }
    }
}

fn find(service: &str, user: &str) -> zbus::Result<Option<Secret>> {
    zbus::block_on(async {
        // Without a thread of the library's own: this one waits for nothing else.
        let bus = session()?.internal_executor(false).build().await?;
        let executor = bus.executor().clone();
        tokio::select! {
            found = ask(&bus, service, user) => found,
            () = async { loop { executor.tick().await } } => Ok(None),
        }
    })
}

/// The session bus, connected here where its address is a path: the library would start a thread for it.
fn session() -> zbus::Result<Builder<'static>> {
    let address = zbus::Address::session()?;
    if let Transport::Unix(unix) = address.transport()
        && let UnixSocket::File(path) = unix.path()
    {
        return Ok(Builder::async_io_unix_stream(UnixStream::connect(path)?));
    }
    Builder::address(address)
}

async fn ask(bus: &Connection, service: &str, user: &str) -> zbus::Result<Option<Secret>> {
    // The attributes that `keyring` gives its items. Asked, and answered, before the session is opened, and not only since
    // that may turn out not to be needed: gnome-keyring 42 may abort when a session is the first thing it is asked for, or
    // when it is asked for one while it still looks at the first question.
    let attributes = HashMap::from([("service", service), ("username", user)]);
    let found = bus.call_method(Some(DESTINATION), PATH, Some(SERVICE), "SearchItems", &(attributes,)).await?;
    let (unlocked, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = found.body().deserialize()?;
    let ([item], []) = (unlocked.as_slice(), locked.as_slice()) else { return Ok(None) };
    let opened = bus.call_method(Some(DESTINATION), PATH, Some(SERVICE), "OpenSession", &("plain", Value::from(""))).await?;
    let (_, session): (OwnedValue, OwnedObjectPath) = opened.body().deserialize()?;
    let secret = bus.call_method(Some(DESTINATION), item, Some(ITEM), "GetSecret", &(session,)).await?;
    let ((_, _, value, _),): ((OwnedObjectPath, Vec<u8>, Vec<u8>, String),) = secret.body().deserialize()?;
    Ok(String::from_utf8(value).ok().map(Secret::new))
}
