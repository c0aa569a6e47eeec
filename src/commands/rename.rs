use super::{Profile, Run, answer, complete, documents};
use crate::app::App;
use crate::credential::Name;
use crate::failure::{Code, Failure};
use crate::intake::check_new_name;
use crate::lifecycle::rename;

/// Rename a credential
///
/// Only the account, the part after the slash, can change. The old name can then be reused.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl rename github github/work\n  authctl rename stripe/test stripe"
)]
pub struct RenameArgs {
    /// The current name
    #[arg(value_name = "OLD", add = complete::credentials())]
    old: Name,
    /// The new name
    #[arg(value_name = "NEW")]
    new: Name,
}

impl Run for RenameArgs {
    fn profile(&self) -> Profile {
        Profile::asking().logged("rename", Some(&self.old))
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

fn run(app: &App, args: &RenameArgs) -> Result<(), Failure> {
    let (old, new) = (&args.old, &args.new);
    if old == new {
        return Err(Failure::usage(format!(
            "the credential is already named `{new}`"
        )));
    }
    // Read before the lock, so that a mistyped name leaves no lock file behind.
    let entry = app.index.entry(old)?;
    // The first word of a key with a header of its own is the user's choice.
    let is_own = !entry.bound.headers.is_empty() && !app.catalogue.has(new.provider());
    if old.provider() != new.provider() && !is_own {
        return Err(
            Failure::usage("the provider of a credential cannot be changed").hint(format!(
                "choose another account: `authctl rename {old} {}/ACCOUNT`",
                old.provider()
            )),
        );
    }
    check_new_name(&app.index, new)?;
    if app.index.find(new)?.is_some() {
        return Err(Failure::new(
            Code::Refused,
            format!("a credential named `{new}` already exists"),
        )
        .hint("choose another name, or remove that credential first"));
    }
    app.stores.open_now(entry.store)?;
    let saved = {
        let _spinner = app.ui.spinner(&format!("renaming {old}"));
        rename(app.context(), old, new)?
    };
    app.ui.warn_all(&saved.warnings);
    app.ui.say(&format!("renamed {old} to {new}"));
    let document = || documents::Renamed {
        name: new.to_string(),
        was: old.to_string(),
    };
    answer(app, document, |_| Ok(()))
}
