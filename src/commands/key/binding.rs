//! How and where a new key is sent: as its provider's definition says, or as the flags say.

use crate::app::App;
use crate::credential::{Bound, Kind, Name, Origin};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Look, look};
use crate::provider::{KeySpec, Template};
use std::collections::BTreeMap;

/// What the flags say about it.
#[derive(Clone, Copy)]
pub(super) struct Flags<'a> {
    /// Header templates, with `{key}` in place of the key.
    pub header: &'a [String],
    /// Where the key may be sent.
    pub origin: &'a [Origin],
    /// Values of the variables of the provider's definition.
    pub set: &'a [(String, String)],
    /// Whether it replaces the credential of the same name.
    pub replace: bool,
}

/// How and where the key is sent: in the same way as the key that it replaces, unless the user says
/// otherwise.
pub(super) fn binding(
    app: &App,
    name: &Name,
    args: Flags<'_>,
) -> Result<(KeySpec, Bound), Failure> {
    let (before, error) = before(app, name, args);
    let is_custom = !(args.header.is_empty() && args.origin.is_empty());
    if let Some(bound) = before
        .as_ref()
        .filter(|bound| !bound.headers.is_empty() && !is_custom)
    {
        // A key with a header of its own is replaced by one that is sent in the same way.
        let headers = bound.headers.iter().map(Template::new).collect();
        return Ok((KeySpec::from_headers(headers), bound.clone()));
    }
    let mut values = before
        .as_ref()
        .map(|bound| bound.variables.clone())
        .unwrap_or_default();
    values.extend(args.set.iter().cloned());
    let chosen = match before.filter(|bound| bound.chosen_origins && args.origin.is_empty()) {
        Some(bound) => bound.origins,
        None => args.origin.to_vec(),
    };
    shape(app, name, args, chosen, values).map_err(|failure| match error {
        // A record that cannot be used does not say what it is bound to.
        Some(error) => Failure {
            message: format!("{}; {error}", failure.message),
            ..failure
        },
        None => failure,
    })
}

/// What the key that is replaced is bound to, or why that is not known.
fn before(app: &App, name: &Name, args: Flags<'_>) -> (Option<Bound>, Option<String>) {
    if !args.replace {
        return (None, None);
    }
    match look(&app.context(), name) {
        Ok(Look::Found(found)) if found.entry.kind == Kind::Key => (Some(found.record.bound), None),
        Ok(_) => (None, None),
        Err(error) => (None, Some(error.to_string())),
    }
}

/// How and where a key is sent: as the provider definition says or, for an unknown provider, as the
/// flags say. `chosen` are the origins that the user chose.
fn shape(
    app: &App,
    name: &Name,
    args: Flags<'_>,
    chosen: Vec<Origin>,
    variables: BTreeMap<String, String>,
) -> Result<(KeySpec, Bound), Failure> {
    let row = app
        .catalogue
        .find(name.provider())?
        .map(|row| row.resolve(&variables))
        .transpose()?;
    let given = headers(args)?;
    if let Some(row) = row.as_ref().filter(|row| row.key.is_some())
        && !(args.header.is_empty() && args.origin.is_empty())
    {
        app.ui.warn(&format!(
            "using your --header or --origin for `{name}` instead of the definition of {}",
            row.title
        ));
    }
    let chosen_origins = !chosen.is_empty();
    let origins = match (&row, chosen_origins) {
        (_, true) => chosen,
        (Some(row), false) => row.bound_origins().map_err(Failure::usage)?,
        (None, false) => Vec::new(),
    };
    let shape = row
        .as_ref()
        .filter(|_| given.is_empty())
        .map(|row| row.shape(Kind::Key));
    let known = row.and_then(|row| row.key);
    let (spec, headers) = match (known, given.is_empty()) {
        (Some(spec), true) => (spec, Vec::new()),
        (_, false) => (KeySpec::from_headers(given), args.header.to_vec()),
        (None, true) => {
            let message = format!(
                "the format of API keys is not known for the provider `{}`",
                name.provider()
            );
            return Err(Failure::new(Code::NotFound, message).hint(format!(
                "specify the header and the origin: `authctl key add {name} --header 'Authorization: Bearer {{key}}' --origin https://HOST`"
            )));
        }
    };
    if origins.is_empty() {
        return Err(
            Failure::usage(format!("no origin was given for the key `{name}`"))
                .hint("add `--origin https://HOST` (can be repeated)"),
        );
    }
    let bound = Bound {
        origins,
        chosen_origins,
        headers,
        shape,
        variables,
        ..Bound::default()
    };
    Ok((spec, bound))
}

/// The headers of the command line, checked.
fn headers(args: Flags<'_>) -> Result<Vec<Template>, Failure> {
    let given: Vec<Template> = args.header.iter().map(Template::new).collect();
    for template in &given {
        template
            .check(&["key"])
            .map_err(|reason| Failure::usage(format!("--header: {reason}")))?;
    }
    if !given.is_empty() && !given.iter().any(|template| template.uses("key")) {
        return Err(Failure::usage(
            "--header: no header contains `{key}`, so the key would never be sent",
        ));
    }
    Ok(given)
}
