//! What to log in to: a row of the catalogue, or an issuer by its URL.

use super::LoginArgs;
use crate::app::App;
use crate::credential::{Index, Name, Origin, trusted_url};
use crate::failure::{Code, Failure};
use crate::oauth::discover;
use crate::provider::Row;
use std::collections::BTreeMap;

/// The variable that a URL instead of a name stands for.
const HOST: &str = "host";

/// A name and a row to log in to.
pub(super) struct Target {
    /// The credential's name.
    pub name: Name,
    /// The row, its variables filled in.
    pub row: Row,
    /// The values of its variables.
    pub variables: BTreeMap<String, String>,
    /// Whether the row was made from metadata just now and must be stored.
    pub is_new: bool,
}

pub(super) fn find(app: &App, args: &LoginArgs) -> Result<Target, Failure> {
    let mut variables: BTreeMap<String, String> = args.set.iter().cloned().collect();
    if !args.what.contains("://") {
        let name: Name = args.what.parse()?;
        if args.name.is_some() {
            return Err(Failure::new(Code::Usage, "`--as` goes with a URL"));
        }
        if variables.is_empty()
            && let Some(index) = Index::read(&app.paths.credentials(), &name).ok().flatten()
        {
            variables = index.bound.variables;
        }
        let row = app.catalogue.get(name.provider())?.resolve(&variables)?;
        return Ok(Target {
            name,
            row,
            variables,
            is_new: false,
        });
    }
    let issuer = trusted_url(&args.what)?;
    let name = args.name.clone().ok_or_else(|| {
        Failure::new(Code::Usage, "a login at a URL needs a name")
            .hint(format!("run `authctl login {} --as NAME`", args.what))
    })?;
    // A known provider on a host of its own (a self-managed instance) needs no metadata.
    if let Some(row) = app.catalogue.find(name.provider())?
        && row.variables.contains_key(HOST)
    {
        // Its endpoints are where the row says, at the root of the host and over TLS.
        if issuer.scheme() != "https"
            || !matches!(issuer.path(), "" | "/")
            || issuer.query().is_some()
        {
            return Err(Failure::new(
                Code::Usage,
                format!("{} is known at the root of an https host alone", row.title),
            )
            .hint("give `https://HOST`, or another name with `--as` to use its metadata"));
        }
        variables.insert(HOST.into(), authority(&issuer));
        let row = row.resolve(&variables)?;
        return Ok(Target {
            name,
            row,
            variables,
            is_new: false,
        });
    }
    let spec = {
        let _spinner = app.ui.spinner(&format!(
            "asking {} how it works",
            issuer.host_str().unwrap_or_default()
        ));
        app.network.run(discover(&app.network, &args.what))??
    };
    // The provider is known already: its row counts, if it is the same server; else other logins of it would be
    // redirected.
    if let Some(row) = app.catalogue.find(name.provider())? {
        let row = row.resolve(&variables)?;
        if row
            .oauth
            .as_ref()
            .is_none_or(|oauth| oauth.token_endpoint != spec.token_endpoint)
        {
            return Err(Failure::new(
                Code::Refused,
                format!("the provider `{}` is another server", name.provider()),
            )
            .hint("choose another name with `--as`"));
        }
        return Ok(Target {
            name,
            row,
            variables,
            is_new: false,
        });
    }
    let origins = if args.origin.is_empty() {
        vec![Origin::of(&issuer)]
    } else {
        args.origin.clone()
    };
    let row = Row {
        rotation: Vec::new(),
        manager_origins: Vec::new(),
        name: name.provider().to_owned(),
        title: name.provider().to_owned(),
        verified: None,
        sources: vec![args.what.clone()],
        unverified: Vec::new(),
        origins: origins.iter().map(ToString::to_string).collect(),
        variables: BTreeMap::new(),
        oauth: Some(spec),
        key: None,
    };
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
