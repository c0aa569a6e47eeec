//! What to log in to: a provider of the catalogue, or an issuer by its URL.

use super::args::LoginArgs;
use crate::app::App;
use crate::credential::{Name, Origin, trusted_url};
use crate::failure::{Code, Failure};
use crate::oauth::discover;
use crate::provider::Row;
use std::collections::BTreeMap;

/// The variable that is set from the URL, for a provider with self-managed instances.
const HOST: &str = "host";

/// What to log in to.
pub(super) struct Target {
    /// The name of the login.
    pub name: Name,
    /// The provider's row, with its variables filled in.
    pub row: Row,
    /// The values of its variables.
    pub variables: BTreeMap<String, String>,
    /// Whether the row was made from metadata and has to be stored.
    pub is_new: bool,
}

/// Finds what to log in to.
pub(super) fn find(app: &App, args: &LoginArgs) -> Result<Target, Failure> {
    let variables: BTreeMap<String, String> = args.set.iter().cloned().collect();
    if !args.what.contains("://") {
        return by_name(app, args, variables);
    }
    let asked = crate::oauth::issuer(&args.what);
    let issuer = trusted_url(&asked)?;
    let name = args.name.clone().ok_or_else(|| {
        Failure::usage("a login by URL needs a name")
            .hint(format!("run `authctl login {} --as NAME`", args.what))
    })?;
    match app.catalogue.find(name.provider())? {
        // A self-managed instance of a known provider needs no metadata.
        Some(row) if row.variables.contains_key(HOST) => {
            on_own_host(name, &row, &issuer, variables)
        }
        known => by_metadata(app, args, name, (&asked, &issuer), known, variables),
    }
}

/// A provider of the catalogue.
fn by_name(
    app: &App,
    args: &LoginArgs,
    mut variables: BTreeMap<String, String>,
) -> Result<Target, Failure> {
    let name: Name = args.what.parse().map_err(|error| {
        let (lower, failure) = (args.what.to_lowercase(), Failure::from(error));
        match lower.parse::<Name>() {
            Ok(_) => failure.hint(format!("run `authctl login {lower}`")),
            Err(_) => failure,
        }
    })?;
    if args.name.is_some() {
        return Err(Failure::usage("`--as` can only be used with a URL"));
    }
    if variables.is_empty()
        && let Some(entry) = app.index.find(&name).ok().flatten()
    {
        variables = entry.bound.variables;
    }
    let row = app.catalogue.get(name.provider())?.resolve(&variables)?;
    Ok(Target {
        name,
        row,
        variables,
        is_new: false,
    })
}

/// A self-managed instance of a known provider.
fn on_own_host(
    name: Name,
    row: &Row,
    issuer: &url::Url,
    mut variables: BTreeMap<String, String>,
) -> Result<Target, Failure> {
    // Its endpoints are at the root of the host and over TLS, as the row says.
    let is_root = matches!(issuer.path(), "" | "/") && issuer.query().is_none();
    if issuer.scheme() != "https" || !is_root {
        let message = format!(
            "{} is only supported at the root of an https host",
            row.title
        );
        return Err(Failure::usage(message)
            .hint("use `https://HOST`, or choose another name with `--as` to log in with the metadata published at the URL"));
    }
    variables.insert(HOST.into(), authority(issuer));
    let row = row.resolve(&variables)?;
    Ok(Target {
        name,
        row,
        variables,
        is_new: false,
    })
}

/// An issuer that publishes metadata.
fn by_metadata(
    app: &App,
    args: &LoginArgs,
    name: Name,
    (asked, issuer): (&str, &url::Url),
    known: Option<Row>,
    variables: BTreeMap<String, String>,
) -> Result<Target, Failure> {
    let spec = {
        let host = issuer.host_str().unwrap_or_default();
        let _spinner = app.ui.spinner(&format!("reading the metadata of {host}"));
        app.network.run(discover(&app.network, asked))??
    };
    // The row of a known provider counts if it is the same server; otherwise its other logins would
    // be redirected.
    if let Some(row) = known {
        let row = row.resolve(&variables)?;
        let endpoint = row.oauth.as_ref().map(|oauth| &oauth.token_endpoint);
        if endpoint != Some(&spec.token_endpoint) {
            let message = format!(
                "`{}` is already the name of another server",
                name.provider()
            );
            return Err(
                Failure::new(Code::Refused, message).hint("choose another name with `--as`")
            );
        }
        return Ok(Target {
            name,
            row,
            variables,
            is_new: false,
        });
    }
    let origins = if args.origin.is_empty() {
        vec![Origin::of(issuer)]
    } else {
        args.origin.clone()
    };
    let row = Row::of_issuer(name.provider(), asked, &origins, spec);
    let row = row.resolve(&BTreeMap::new())?;
    Ok(Target {
        name,
        row,
        variables,
        is_new: true,
    })
}

fn authority(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
