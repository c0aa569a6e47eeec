//! The rotation half of a row: how a key is replaced at the provider. What differs between providers is named fields;
//! the order of the steps is the engine's and the same for all.

use super::Template;
use super::call::Call;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One way to rotate the keys of a provider.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// How it is called, where a row has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which keys it is for; without it, all that no earlier recipe is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// In which steps.
    pub kind: RotationKind,
    /// Who asks: the key itself, or a stronger credential.
    #[serde(default)]
    pub caller: Caller,
    /// What the one who asks must be allowed to do, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// Values that only the user knows (a project, an account), given with `--set`; `${name}` stands for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Setting>,
    /// Headers of these requests in place of those that the caller's credential usually goes in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Template>,
    /// Further headers, without a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_headers: Vec<Template>,
    /// A named function that authorizes these requests in place of headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// The caller's credential is exchanged for a short token first, `{session}` in `headers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// Where the id of the active key comes from, where it was not made by a rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identify: Option<Identify>,
    /// Reads what the old key may do; `${old:/pointer}` stands for what it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Call>,
    /// How long the new key shall live: as long as the old one was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Lifetime>,
    /// What would be wider than before where the old key's rights cannot be read: refused then, unless forced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widens: Option<String>,
    /// Makes the new key (`roll`: the new value of the same key).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<Create>,
    /// Lists the keys there are: finds what a lost answer left behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<List>,
    /// At most so many keys at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_live: Option<usize>,
    /// Tells a good key from a bad one, where the row's own `key.check` cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Call>,
    /// Ends a key by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke: Option<Call>,
    /// The names of the two slots (`two_slot`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<String>,
    /// Whether a roll whose answer was lost may be repeated by a manager.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub roll_again: bool,
    /// What a person does on the provider's page (`assisted`, `disable_only`).
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
    /// One request replaces the value; the old one ends in the same moment.
    Roll,
    /// A second key is made, and the first ended after a grace.
    CreateRevoke,
    /// There are two values at any time; the idle one is made anew.
    TwoSlot,
    /// A person makes the new key; the old one is switched off by a request.
    DisableOnly,
    /// A person makes the new key, and ends the old one unless there is a request for it.
    Assisted,
    /// A program of the user's makes and ends keys.
    Command,
}

impl std::fmt::Display for RotationKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Roll => "roll",
            Self::CreateRevoke => "create and revoke",
            Self::TwoSlot => "two slots",
            Self::DisableOnly => "by hand, then disable",
            Self::Assisted => "by hand",
            Self::Command => "your program",
        })
    }
}

impl RotationKind {
    /// Whether a person has to make the new key.
    pub fn wants_a_person(self) -> bool {
        matches!(self, Self::Assisted | Self::DisableOnly)
    }
}

/// Who asks the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// The key itself, and nobody else: the requests are about whoever makes them.
    #[default]
    Own,
    /// The key itself, or a manager where one is named: the requests name the key.
    Either,
    /// A credential that may manage keys; it must be named.
    Manager,
}

/// Which keys a recipe is for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct When {
    /// A part of the key.
    pub part: String,
    /// What it begins with: one of these.
    pub prefixes: Vec<String>,
}

/// A value that only the user knows.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What it is, for people.
    pub help: String,
    /// Without it the field that uses it is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// A named function that authorizes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// AWS Signature Version 4, with the parts `id` and `secret`; the service is the first word of the host.
    Aws4,
}

/// An exchange for a short token.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The request; `${part:NAME}` stands for the caller's parts.
    pub call: Call,
    /// JSON pointer to the token.
    pub token: String,
}

/// Where the id of the active key comes from; the first that gives one counts.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Identify {
    /// A part of the key is its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// A regular expression with one group: what of that part is the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// A request, made with the key itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// JSON pointer to the id in its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// JSON pointer to a key's value (or its beginning) in an item of `list`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<String>,
}

/// How long the new key shall live. Times are RFC 3339, dates, or numbers of seconds or milliseconds.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Lifetime {
    /// JSON pointer to when the old key was made, in the answer of `read`; else the day it was stored here counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// JSON pointer to when it ends.
    pub expires: String,
    /// Days, where the old key has no end and the new one must have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
}

/// Making a key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The request.
    pub call: Call,
    /// JSON pointer to the new key's id, or a text with `${label}` in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// JSON pointers to the parts of the new key; parts that are not named stay as they were.
    pub parts: BTreeMap<String, String>,
    /// A second request that shows the value, where the first does not; repeated while it is not there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Call>,
}

/// Listing keys.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The request.
    pub call: Call,
    /// JSON pointer to the array; empty for the whole answer.
    #[serde(default)]
    pub items: String,
    /// JSON pointer to an item's id.
    pub id: String,
    /// JSON pointer to an item's label; without it an unknown key that is as old as the intent is taken for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// JSON pointer to when an item was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// JSON pointer to an item's value (`two_slot`: to tell which slot holds the active key).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// So many keys fill a page: then there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<usize>,
    /// JSON pointer to what says that there are further pages: then what is not seen is not known to be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<String>,
}

impl Recipe {
    /// Every call in it.
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

    /// Whether the old key must be named by its id.
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

    /// What must hold of it, beside the parts of the key it is for.
    pub(super) fn check(&self) -> Result<(), String> {
        let needs = |field: &str, there: bool| {
            if there {
                Ok(())
            } else {
                Err(format!("{field}: a rotation of this kind needs it"))
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
                needs("slots: two names", self.slots.len() == 2)?;
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
            return Err("session.call: it must be `bare`".into());
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
