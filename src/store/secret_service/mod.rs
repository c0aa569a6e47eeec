//! A fast read from the Secret Service (Linux) over a plain session, whose data only crosses a
//! socket of the same user, who may read the secret anyway. The session that `keyring` opens starts
//! with a Diffie-Hellman key exchange, which takes several times as long as the read itself.
//!
//! Only success is reported. In every other case (no such item, a locked item, no service, a
//! service without plain sessions) `keyring` is asked, which can tell them apart.

mod bus;

use crate::secret::Secret;
use bus::Bus;
use std::collections::HashMap;
use std::time::Instant;
use zbus::Connection;
use zbus::connection::Builder;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

/// The id of the bus, which it sends while the first call is on its way.
const UNKNOWN: &str = "00000000000000000000000000000000";

const DESTINATION: &str = "org.freedesktop.secrets";
const PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const ITEM: &str = "org.freedesktop.Secret.Item";

/// The text of the one unlocked item with these attributes, if it arrives before the deadline.
pub(super) fn read(service: &str, user: &str, deadline: Instant) -> Option<Secret> {
    match find(service, user, deadline) {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, "cannot read directly from the Secret Service; using the keychain library instead");
            None
        }
    }
}

fn find(service: &str, user: &str, deadline: Instant) -> zbus::Result<Option<Secret>> {
    let bus = Bus::session()?;
    bus.wait_for(deadline, async {
        let connection = Builder::authenticated_socket(bus.clone(), UNKNOWN)?
            .internal_executor(false)
            .build()
            .await?;
        let executor = connection.executor().clone();
        tokio::select! {
            found = ask(&connection, service, user) => found,
            () = async { loop { executor.tick().await } } => Ok(None),
        }
    })?
}

async fn ask(bus: &Connection, service: &str, user: &str) -> zbus::Result<Option<Secret>> {
    // The attributes are those that `keyring` gives its items. The search is sent and answered
    // before the session is opened, and not only because the session may turn out not to be needed:
    // gnome-keyring 42 may abort if opening a session is the first call, or comes while it is still
    // working on the first call.
    let attributes = HashMap::from([("service", service), ("username", user)]);
    // The bus has to be greeted first, but need not have answered.
    let greeting = bus.call_method(
        Some("org.freedesktop.DBus"),
        "/org/freedesktop/DBus",
        Some("org.freedesktop.DBus"),
        "Hello",
        &(),
    );
    let search = (attributes,);
    let search = bus.call_method(
        Some(DESTINATION),
        PATH,
        Some(SERVICE),
        "SearchItems",
        &search,
    );
    let (_, found) = tokio::try_join!(greeting, search)?;
    let (unlocked, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) =
        found.body().deserialize()?;
    let ([item], []) = (unlocked.as_slice(), locked.as_slice()) else {
        return Ok(None);
    };
    let opened = bus
        .call_method(
            Some(DESTINATION),
            PATH,
            Some(SERVICE),
            "OpenSession",
            &("plain", Value::from("")),
        )
        .await?;
    let (_, session): (OwnedValue, OwnedObjectPath) = opened.body().deserialize()?;
    let secret = bus
        .call_method(
            Some(DESTINATION),
            item,
            Some(ITEM),
            "GetSecret",
            &(session,),
        )
        .await?;
    let body = secret.body();
    // Borrowed: a list of bytes would be read one by one.
    let ((_, _, value, _),): ((ObjectPath<'_>, &[u8], &[u8], &str),) = body.deserialize()?;
    Ok(std::str::from_utf8(value).ok().map(Secret::new))
}
