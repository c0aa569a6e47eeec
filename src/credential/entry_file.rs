//! How an entry is written to its file. The file is flat and its fields never change their meaning,
//! so that an older authctl can read what a newer one wrote.

use super::{
    Bound, Entry, Id, Kind, LastError, Leftover, LoginState, Name, Other, Progress, RotationState,
    State, StoreKind,
};
use crate::time::Interval;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The format this program writes.
pub(super) const VERSION: u32 = 1;

/// An entry as its file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryFile {
    pub version: u32,
    pub name: Name,
    id: Id,
    kind: Kind,
    store: StoreKind,
    #[serde(default)]
    state: StateName,
    generation: u64,
    created_at: Timestamp,
    changed_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provided_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refreshed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_error: Option<LastError>,
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    refreshable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token_expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotate_every: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifetime: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manager: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipe: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    agreed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<Progress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation_error: Option<LastError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<jiff::civil::Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    may_land_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logged_in_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    successor: Option<Other>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    predecessor: Option<Other>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    leftovers: Vec<Leftover>,
    bound: Bound,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier: Option<Box<EntryFile>>,
}

/// The name of a [`State`]; what belongs to it stands in fields of its own.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateName {
    Adding,
    #[default]
    Active,
    Removing,
    Forgetting,
    Renaming,
}

impl StateName {
    /// The name of a state, and the successor that it names.
    fn of(state: &State) -> (Self, Option<Other>) {
        match state {
            State::Active => (Self::Active, None),
            State::Adding { .. } => (Self::Adding, None),
            State::Removing { .. } => (Self::Removing, None),
            State::Forgetting { .. } => (Self::Forgetting, None),
            State::Renaming { successor } => (Self::Renaming, Some(successor.clone())),
        }
    }
}

fn yes() -> bool {
    true
}

impl From<&Entry> for EntryFile {
    /// Takes an entry apart field by field: one that is added to [`Entry`] cannot be forgotten
    /// here.
    fn from(entry: &Entry) -> Self {
        let Entry {
            name,
            id,
            kind,
            store,
            provided_by,
            state,
            generation,
            created_at,
            changed_at,
            login:
                LoginState {
                    logged_in_at,
                    refreshed_at,
                    refreshable,
                    access_expires_at,
                    refresh_token_expires_at,
                    last_error,
                },
            rotation:
                RotationState {
                    key_since,
                    expires,
                    every,
                    lifetime,
                    manager,
                    recipe,
                    agreed,
                    progress,
                    last_error: rotation_error,
                },
            predecessor,
            leftovers,
            bound,
        } = entry.clone();
        let may_land_until = state.may_land_until();
        let (state_name, successor) = StateName::of(&state);
        let earlier = state
            .into_earlier()
            .map(|earlier| Box::new(Self::from(&*earlier)));
        Self {
            version: VERSION,
            name,
            id,
            kind,
            store,
            provided_by,
            state: state_name,
            generation,
            created_at,
            changed_at,
            key_since,
            refreshed_at,
            last_error,
            refreshable,
            access_expires_at,
            refresh_token_expires_at,
            rotate_every: every.map(|every| every.to_string()),
            lifetime: lifetime.map(|lifetime| lifetime.to_string()),
            manager,
            recipe,
            agreed,
            rotation: progress,
            rotation_error,
            expires,
            may_land_until,
            logged_in_at,
            successor,
            predecessor,
            leftovers,
            bound,
            earlier,
        }
    }
}

impl From<EntryFile> for Entry {
    fn from(file: EntryFile) -> Self {
        let earlier = file.earlier.map(|earlier| Box::new(Self::from(*earlier)));
        let may_land_until = file.may_land_until;
        let state = match (file.state, file.successor) {
            (StateName::Adding, _) => State::Adding {
                earlier,
                may_land_until,
            },
            (StateName::Removing, _) => State::Removing { earlier },
            (StateName::Forgetting, _) => State::Forgetting {
                earlier,
                may_land_until,
            },
            (StateName::Renaming, Some(successor)) => State::Renaming { successor },
            // A rename without a successor has not changed anything yet.
            (StateName::Active | StateName::Renaming, _) => State::Active,
        };
        Self {
            name: file.name,
            id: file.id,
            kind: file.kind,
            store: file.store,
            provided_by: file.provided_by,
            state,
            generation: file.generation,
            created_at: file.created_at,
            changed_at: file.changed_at,
            login: LoginState {
                logged_in_at: file.logged_in_at,
                refreshed_at: file.refreshed_at,
                refreshable: file.refreshable,
                access_expires_at: file.access_expires_at,
                refresh_token_expires_at: file.refresh_token_expires_at,
                last_error: file.last_error,
            },
            rotation: RotationState {
                key_since: file.key_since,
                expires: file.expires,
                every: file.rotate_every.map(Interval::from_file),
                lifetime: file.lifetime.map(Interval::from_file),
                manager: file.manager,
                recipe: file.recipe,
                agreed: file.agreed,
                progress: file.rotation,
                last_error: file.rotation_error,
            },
            predecessor: file.predecessor,
            leftovers: file.leftovers,
            bound: file.bound,
        }
    }
}
