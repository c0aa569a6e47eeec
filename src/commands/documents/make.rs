//! Documents that several commands print.

use super::{Added, Entry, LoggedIn, Removed};
use crate::credential::{Entry as IndexEntry, Kind, Name, StoreKind};

impl Added {
    pub(in crate::commands) fn key(name: &Name) -> Self {
        Self {
            name: name.to_string(),
            kind: Kind::Key,
        }
    }
}

impl Removed {
    pub(in crate::commands) fn of(name: &Name, revoked: bool) -> Self {
        Self {
            name: name.to_string(),
            revoked,
            deleted: true,
        }
    }
}

impl LoggedIn {
    pub(in crate::commands) fn of(name: &Name, scopes: Vec<String>, store: StoreKind) -> Self {
        Self {
            name: name.to_string(),
            kind: Kind::Login,
            scopes,
            store,
        }
    }
}

impl Entry {
    pub(in crate::commands) fn of(entry: &IndexEntry, is_due: bool) -> Self {
        let bound = &entry.bound;
        let rotation = &entry.rotation;
        Self {
            name: entry.name.to_string(),
            provider: entry.name.provider().to_owned(),
            account: entry.name.account().to_owned(),
            kind: entry.kind,
            store: entry.store,
            state: entry.state.name().to_owned(),
            created_at: entry.created_at.to_string(),
            changed_at: entry.changed_at.to_string(),
            access_expires_at: entry.login.access_expires_at.map(|time| time.to_string()),
            expires: rotation.expires.map(|day| day.to_string()),
            rotate_every: rotation.every.as_ref().map(ToString::to_string),
            lifetime: rotation.lifetime.as_ref().map(ToString::to_string),
            is_due,
            scopes: bound.scopes.clone(),
            origins: bound.origins.iter().map(ToString::to_string).collect(),
            subject: bound.subject.clone(),
            label: bound.label.clone(),
            client_id: bound.client_id.clone(),
            issuer: bound.issuer.clone(),
        }
    }
}
