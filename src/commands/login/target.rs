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
        return Ok(Target { name, row, variables, is_new: false });
    }
    let issuer = trusted_url(&args.what)?;
    let name = args.name.clone().ok_or_else(|| {
        Failure::new(Code::Usage, "a login at a URL needs a name").hint(format!("run `authctl login {} --as NAME`", args.what))
    })?;
    // A known provider on a host of its own (a self-managed instance) needs no metadata.
    if let Some(row) = app.catalogue.find(name.provider())?
        && row.variables.contains_key(HOST)
    {
        variables.insert(HOST.into(), authority(&issuer));
        let row = row.resolve(&variables)?;
        return Ok(Target { name, row, variables, is_new: false });
    }
    let row = from_metadata(app, args, &name, &Origin::of(&issuer))?;
    Ok(Target { name, row, variables, is_new: true })
}

fn authority(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn from_metadata(app: &App, args: &LoginArgs, name: &Name, own: &Origin) -> Result<Row, Failure> {
    let spinner = app.ui.spinner(&format!("asking {own} how it works"));
    let spec = app.network.run(discover(&app.network, &args.what))??;
    drop(spinner);
    if let Some(row) = app.catalogue.find(name.provider())? {
        // The name is taken by a row: only the same server may have it, or other logins of it would be redirected.
        let same = row.oauth.as_ref().is_some_and(|oauth| oauth.token_endpoint == spec.token_endpoint);
        if !same {
            return Err(Failure::new(Code::Refused, format!("the provider `{}` is another server", name.provider()))
                .hint("choose another name with `--as`"));
        }
    }
    let row = Row {
        name: name.provider().to_owned(),
        title: name.provider().to_owned(),
        verified: None,
        sources: vec![args.what.clone()],
        unverified: Vec::new(),
        origins: if args.origin.is_empty() { vec![own.to_string()] } else { args.origin.iter().map(ToString::to_string).collect() },
        variables: BTreeMap::new(),
        oauth: Some(spec),
        key: None,
    };
    Ok(row.resolve(&BTreeMap::new())?)
}
