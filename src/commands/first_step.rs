//! The hint for a credential that is not stored.

use crate::app::App;
use crate::failure::Failure;

/// If a credential is missing and there is none of its provider: how to store the first one.
pub(super) fn first_step(app: &App, failure: Failure) -> Failure {
    let Some(name) = &failure.missing else {
        return failure;
    };
    let provider = name.provider();
    let has_others = app.index.all().map_or(true, |entries| {
        let mut readable = entries.readable.iter();
        !entries.damaged.is_empty() || readable.any(|entry| entry.name.provider() == provider)
    });
    let row = app.catalogue.find(provider).ok().flatten();
    let Some(row) = row.filter(|_| !has_others) else {
        return failure;
    };
    let is_set = |name: &&String| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let key = row.key.as_ref().filter(|key| key.parts.len() == 1);
    let groups = key.iter().flat_map(|key| key.variable_groups()).flatten();
    let hint = match (groups.into_iter().find(is_set), &row.oauth, &row.key) {
        (Some(variable), ..) => {
            format!("{variable} is set: run `authctl key add {name} --from-env {variable}`")
        }
        (None, Some(_), Some(_)) => {
            format!("run `authctl login {name}`, or `authctl key add {name}`")
        }
        (None, Some(_), None) => format!("run `authctl login {name}`"),
        (None, None, Some(_)) => format!("run `authctl key add {name}`"),
        (None, None, None) => return failure,
    };
    failure.hint(hint)
}
