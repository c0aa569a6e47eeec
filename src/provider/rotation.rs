//! The rotation half of a row: how a key is replaced at the provider. Providers differ in the
//! values of these fields; the order of the steps is that of the engine, the same for all.

use super::Template;
use super::call::Call;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One way to rotate the keys of a provider.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The name of the recipe, if the definition has several recipes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The keys to which the recipe applies; by default, all keys to which no earlier recipe
    /// applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// The kind of rotation.
    pub kind: RotationKind,
    /// The credential that authorizes the requests: the key itself or a manager.
    #[serde(default)]
    pub caller: Caller,
    /// The permissions that the caller needs, as shown in messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// Values that only the user knows (a project, an account), given with `--set`; `${name}`
    /// stands for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Setting>,
    /// The headers of the rotation requests, if they differ from those of the credential.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Template>,
    /// Further headers, without a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_headers: Vec<Template>,
    /// The function that authorizes the rotation requests, instead of headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// A request that exchanges the credential for a session token, `{session}` in `headers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// How the id of the active key is found, if no rotation created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identify: Option<Identify>,
    /// The request that reads the permissions of the current key; `${old:/pointer}` stands for
    /// values in its response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Call>,
    /// Values to remove from the lists in that response, because the provider adds them to every key
    /// itself and refuses a request that contains them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omit: Vec<String>,
    /// How the lifetime of the current key is determined; the new key gets the same lifetime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Lifetime>,
    /// Permissions that the new key may have but the current key lacks, if the current permissions
    /// cannot be read. The rotation is then refused without `--force`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widens: Option<String>,
    /// Creates the new key (for `roll`: the new value of the same key).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<Create>,
    /// Lists the existing keys, to find a new key if the response that contained it was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<List>,
    /// The maximum number of keys at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_live: Option<usize>,
    /// Verifies a key, if the row's `key.check` cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Call>,
    /// Revokes a key by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke: Option<Call>,
    /// The names of the two slots (`two_slot`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<String>,
    /// Whether a manager may repeat a roll whose response was lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub roll_again: bool,
    /// What the user does on the provider's page (`assisted`, `disable_only`), if there is more to
    /// it than replacing the previous key with a new one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// The user's own program and its arguments (`command`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub program: Vec<String>,
}

/// The kinds of rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RotationKind {
    /// One request replaces the value; the previous one is revoked at the same moment.
    Roll,
    /// A second key is created, and the previous one is revoked after a grace period.
    CreateRevoke,
    /// There are always two values; the idle one is regenerated.
    TwoSlot,
    /// The user creates the new key; a request disables the previous one.
    DisableOnly,
    /// The user creates the new key, and revokes the previous one unless there is a request for it.
    Assisted,
    /// The user's own program creates and revokes keys.
    Command,
}

impl std::fmt::Display for RotationKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Roll => "roll",
            Self::CreateRevoke => "create and revoke",
            Self::TwoSlot => "two slots",
            Self::DisableOnly => "manual, then disable",
            Self::Assisted => "manual",
            Self::Command => "your program",
        })
    }
}

impl RotationKind {
    /// Whether the user has to create the new key.
    pub fn wants_a_person(self) -> bool {
        matches!(self, Self::Assisted | Self::DisableOnly)
    }
}

/// The credential that authorizes the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// Only the key itself: the requests apply to the key that authorizes them.
    #[default]
    Own,
    /// The key itself, or a manager if one is set: the requests contain the id of the key.
    Either,
    /// A credential that may manage keys; it must be set.
    Manager,
}

/// The keys that a recipe applies to.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct When {
    /// A part of the key.
    pub part: String,
    /// Its possible prefixes.
    pub prefixes: Vec<String>,
}

/// A value that only the user knows.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its description.
    pub help: String,
    /// Whether the setting may be left unset; the field that uses it is then omitted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// A function that authorizes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// AWS Signature Version 4, with the parts `id` and `secret`; the service is the first label of
    /// the host name.
    Aws4,
}

/// An exchange for a session token.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The request; `${part:NAME}` stands for the parts of the credential.
    pub call: Call,
    /// JSON pointer to the token.
    pub token: String,
}

/// How the id of the active key is found; the first way that succeeds counts.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Identify {
    /// The part of the key that is its id, or that contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// A regular expression with one group: the id within that part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// A request that is authorized by the key itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// JSON pointer to the id in its response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// JSON pointer to the value of a key (or a prefix of it) in an item of `list`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<String>,
}

/// The lifetime of the new key. Times are RFC 3339, dates, or numbers of seconds or milliseconds.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Lifetime {
    /// JSON pointer to the creation time of the current key, in the response of `read`; if it is not
    /// set, the day on which the key was stored is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// JSON pointer to its expiry.
    pub expires: String,
    /// The lifetime in days, if the current key has no expiry but the new one needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
}

/// How a key is created.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The request.
    pub call: Call,
    /// JSON pointer to the id of the new key, or a string that contains `${label}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// JSON pointers to the parts of the new key; other parts stay as they were.
    pub parts: BTreeMap<String, String>,
    /// A second request that returns the value, if the first does not; it is repeated until the
    /// value is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Call>,
}

/// How keys are listed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The request.
    pub call: Call,
    /// JSON pointer to the array; empty if the response is the array.
    #[serde(default)]
    pub items: String,
    /// JSON pointer to an item's id.
    pub id: String,
    /// JSON pointer to the label of an item; without it, an unknown key that was created at the
    /// time of a lost request is assumed to be its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// JSON pointer to the creation time of an item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// JSON pointer to the value of an item (`two_slot`: to find the slot that contains the active
    /// key).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The number of keys on a full page; if a page has this many, there may be more pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<usize>,
    /// JSON pointer to a value that is set if there are further pages: then a key that is not
    /// listed may still exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<String>,
}

impl Recipe {
    /// Every request in it.
    pub fn calls(&self) -> impl Iterator<Item = (&'static str, &Call)> {
        let create = self.create.iter().flat_map(|create| {
            [
                ("create.call", Some(&create.call)),
                ("create.value", create.value.as_ref()),
            ]
        });
        [
            (
                "session.call",
                self.session.as_ref().map(|session| &session.call),
            ),
            (
                "identify.call",
                self.identify
                    .as_ref()
                    .and_then(|identify| identify.call.as_ref()),
            ),
            ("read", self.read.as_ref()),
            ("list.call", self.list.as_ref().map(|list| &list.call)),
            ("verify", self.verify.as_ref()),
            ("revoke", self.revoke.as_ref()),
        ]
        .into_iter()
        .chain(create)
        .filter_map(|(field, call)| Some((field, call?)))
    }

    /// Whether the id of the current key is needed.
    pub fn names_the_old_key(&self) -> bool {
        self.read.as_ref().is_some_and(Call::needs_id) || self.kind == RotationKind::CreateRevoke
    }

    pub(super) fn urls_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let create = self
            .create
            .iter_mut()
            .flat_map(|create| [Some(&mut create.call), create.value.as_mut()]);
        [
            self.session.as_mut().map(|session| &mut session.call),
            self.identify
                .as_mut()
                .and_then(|identify| identify.call.as_mut()),
            self.read.as_mut(),
            self.list.as_mut().map(|list| &mut list.call),
            self.verify.as_mut(),
            self.revoke.as_mut(),
        ]
        .into_iter()
        .chain(create)
        .flatten()
        .map(|call| &mut call.url)
    }

    /// Checks everything except the condition on the parts of a key.
    pub(super) fn check(&self) -> Result<(), String> {
        let needs = |field: &str, there: bool| {
            if there {
                Ok(())
            } else {
                Err(format!("{field}: required for this kind of rotation"))
            }
        };
        match self.kind {
            RotationKind::Roll => needs("create", self.create.is_some())?,
            RotationKind::CreateRevoke => {
                needs(
                    "create",
                    self.create
                        .as_ref()
                        .is_some_and(|create| create.id.is_some()),
                )?;
                needs("list", self.list.is_some())?;
                needs("revoke", self.revoke.is_some())?;
            }
            RotationKind::TwoSlot => {
                needs("create", self.create.is_some())?;
                needs(
                    "list.value",
                    self.list.as_ref().is_some_and(|list| list.value.is_some()),
                )?;
                if self.slots.len() != 2 {
                    return Err("slots: this kind of rotation requires exactly two names".into());
                }
            }
            RotationKind::DisableOnly => needs("revoke", self.revoke.is_some())?,
            RotationKind::Assisted => {}
            RotationKind::Command => needs("program", !self.program.is_empty())?,
        }
        for (field, call) in self.calls() {
            call.check(&self.settings)
                .map_err(|reason| format!("{field}: {reason}"))?;
        }
        if self
            .session
            .as_ref()
            .is_some_and(|session| !session.call.bare)
        {
            return Err("session.call: must be `bare`".into());
        }
        if let Some(pattern) = self
            .identify
            .as_ref()
            .and_then(|identify| identify.pattern.as_ref())
        {
            regex_lite::Regex::new(pattern)
                .map_err(|error| format!("identify.pattern: {error}"))?;
        }
        Ok(())
    }
}
