//! A program of the user's that creates and revokes keys. It reads one JSON document from standard
//! input and writes one to standard output, so that no secret is ever an argument or a variable.

use super::Verdict;
use super::api::CallError;
use super::backend::{Backend, Listed, Listing};
use super::fill::{Values, id, text_at};
use super::remote::Remote;
use super::times::time_at;
use crate::credential::{Made, Name, Parts, Slots};
use crate::process::run_within;
use crate::provider::Recipe;
use crate::secret::{Alphabet, Secret};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// The time limit for one call of the program.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program behind a recipe of the kind `command`.
pub struct Program<'a> {
    pub name: &'a Name,
    pub recipe: &'a Recipe,
    /// Verifies keys if the row has a request for that, and has the active key.
    pub remote: Remote<'a>,
}

impl Program<'_> {
    fn ask(&self, action: &str, values: &Values) -> Result<Value, CallError> {
        let expose = |parts: &Parts| -> Value {
            parts
                .iter()
                .map(|(name, part)| (name.clone(), Value::from(part.expose())))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let document = json!({
            "version": 1,
            "action": action,
            "name": self.name.to_string(),
            "label": values.label,
            "id": values.id.as_ref().map(Secret::expose),
            "key": expose(&values.parts),
            "active": expose(&self.remote.active),
            "settings": values.settings,
        });
        let input = Secret::new(document.to_string());
        let answer = self.run(&input)?;
        let answer: Value = serde_json::from_str(answer.expose())
            .map_err(|_| CallError::Lost("your program did not print a JSON document".into()))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(reason) => Err(
                CallError::Refused(reason.chars().take(200).collect()).without(
                    self.remote
                        .active
                        .values()
                        .chain(values.parts.values())
                        .chain(&values.id),
                ),
            ),
            None => Ok(answer),
        }
    }

    fn run(&self, input: &Secret) -> Result<Secret, CallError> {
        let Some((program, arguments)) = self.recipe.program.split_first() else {
            return Err(CallError::NotSent("the recipe names no program".into()));
        };
        let done = run_within(
            Command::new(program).args(arguments),
            input.expose().as_bytes(),
            PATIENCE,
        )
        .map_err(|error| CallError::NotSent(format!("cannot run {program}: {error}")))?;
        let late = || {
            CallError::Lost(format!(
                "your program did not finish within {} seconds",
                PATIENCE.as_secs()
            ))
        };
        let done = done.ok_or_else(late)?;
        if !done.status.success() {
            return Err(CallError::Lost(format!(
                "your program failed with {}",
                done.status
            )));
        }
        let text = std::str::from_utf8(&done.stdout).map_err(|_| {
            CallError::Lost("your program printed something that is not text".into())
        })?;
        Ok(Secret::new(text))
    }
}

fn is_unsupported(answer: &Value) -> bool {
    answer.get("unsupported") == Some(&Value::Bool(true))
}

impl Backend for Program<'_> {
    fn use_key(&mut self, active: &Parts) {
        self.remote.use_key(active);
    }

    fn has_labels(&self) -> bool {
        true
    }

    fn leaves_orphans(&self) -> bool {
        true
    }

    fn identify(&self, slots: &Slots, _: &Values) -> Result<Option<Secret>, CallError> {
        Ok(slots.active_id.clone())
    }

    fn read_rights(&self, _: &mut Values, _: Option<Timestamp>) -> Result<(), CallError> {
        Ok(())
    }

    fn prepare(&self, _: &Values) -> Result<(), CallError> {
        Ok(())
    }

    fn list(&self, values: &Values) -> Result<Option<Listing>, CallError> {
        let answer = self.ask("list", values)?;
        if is_unsupported(&answer) {
            return Ok(None);
        }
        let keys = answer
            .get("keys")
            .and_then(Value::as_array)
            .ok_or_else(|| CallError::Lost("your program printed no list of `keys`".into()))?;
        let read = |item: &Value| {
            Some(Listed {
                id: text_at(item, "/id").and_then(|text| id(text).ok())?,
                label: text_at(item, "/label"),
                created: time_at(item, "/created_at"),
                value: None,
            })
        };
        let read: Vec<Listed> = keys.iter().filter_map(read).collect();
        // A key that cannot be read may be the one that is looked for.
        let is_partial = read.len() < keys.len();
        Ok(Some(Listing {
            keys: read,
            is_partial,
        }))
    }

    fn create(&self, values: &Values) -> Result<Made, CallError> {
        let answer = self.ask("create", values)?;
        let lost = |what: &str| CallError::Lost(format!("your program printed no {what}"));
        let id =
            id(text_at(&answer, "/id").ok_or_else(|| lost("`id`"))?).map_err(CallError::Lost)?;
        let given = answer
            .get("key")
            .and_then(Value::as_object)
            .ok_or_else(|| lost("`key`"))?;
        let mut parts = self.remote.active.clone();
        for (name, value) in given {
            let value = Secret::new(
                value
                    .as_str()
                    .ok_or_else(|| lost("`key` with text values"))?,
            );
            value
                .check(Alphabet::Printable)
                .map_err(|error| CallError::Lost(format!("the new key {error}")))?;
            if parts.insert(name.clone(), value).is_none() {
                return Err(CallError::Lost(
                    "your program printed a `key` with a part that the current key does not have"
                        .into(),
                ));
            }
        }
        Ok(Made {
            parts,
            id: Some(id),
            at: Timestamp::now(),
            expires: None,
        })
    }

    fn clock(&self, parts: &Parts, values: &Values) -> Option<Timestamp> {
        self.remote.clock(parts, values)
    }

    fn verify(&self, parts: &Parts, values: &Values) -> Verdict {
        match self.remote.verify(parts, values) {
            Verdict::Unknowable => {}
            verdict => return verdict,
        }
        let values = Values {
            parts: parts.clone(),
            ..values.clone()
        };
        match self.ask("verify", &values) {
            Ok(answer) if is_unsupported(&answer) => Verdict::Unknowable,
            Ok(answer) => match answer.get("good").and_then(Value::as_bool) {
                Some(true) => Verdict::Good,
                Some(false) => Verdict::Bad,
                None => {
                    Verdict::Unclear("your program did not say whether the key is `good`".into())
                }
            },
            Err(error) => Verdict::Unclear(error.to_string()),
        }
    }

    fn revoke(&self, values: &Values) -> Result<(), CallError> {
        let answer = self.ask("revoke", values)?;
        if is_unsupported(&answer) {
            return Err(CallError::Refused("your program cannot revoke keys".into()));
        }
        Ok(())
    }
}
