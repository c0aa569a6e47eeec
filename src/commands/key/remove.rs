use super::super::logout::take_away;
use super::super::{answer, complete, documents};
use crate::app::App;
use crate::credential::{Kind, Name};
use crate::failure::Failure;

/// Delete a key from its store
///
/// The key stays valid at the provider until it is revoked there.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl key remove stripe")]
pub struct RemoveArgs {
    /// The key: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::keys())]
    pub(super) name: Name,
}

pub(super) fn run(app: &App, args: &RemoveArgs) -> Result<(), Failure> {
    let (_, entry) = take_away(app, &args.name, Kind::Key, false)?;
    let page = app
        .catalogue
        .find(entry.name.provider())
        .ok()
        .flatten()
        .and_then(|row| row.resolve(&entry.bound.variables).ok())
        .and_then(|row| row.key?.page)
        .map(|page| format!(" at {page}"))
        .unwrap_or_default();
    app.ui.say(&format!(
        "deleted {}; the key stays valid until you revoke it{page}",
        args.name
    ));
    if entry.rotation.progress.is_some() {
        app.ui
            .warn("keys of an incomplete rotation also stay valid at the provider");
    }
    answer(
        app,
        || documents::Removed::of(&args.name, false),
        |_| Ok(()),
    )
}
