use super::super::{answer, args, complete, documents, words};
use super::binding::{Flags, binding};
use super::{check_manager, from_env};
use crate::app::{App, store_for};
use crate::credential::{Bound, Name, Origin, Parts, StoreKind};
use crate::failure::{Code, Failure};
use crate::intake::{OddForm, check_new_name, key_parts};
use crate::lifecycle::{Every, NewKey, existing, put_key};
use crate::provider::KeySpec;
use crate::rotation::{Verdict, verify};
use crate::secret::Secret;
use crate::time::Interval;
use jiff::Timestamp;
use std::io::IsTerminal;

/// Store an API key
///
/// The key is read from a hidden prompt, or from standard input if that is not a terminal; it is
/// never passed as an argument. Enter a key with two parts as two lines. Without a name, the
/// provider is recognized by the prefix of the key. The key is verified with the provider before it
/// is stored, if the provider has a request that can do so without side effects.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl key add stripe\n  authctl key add openai < key.txt\n  authctl key add gitlab --set host=gitlab.example.com\n  authctl key add acme --header 'X-API-Key: {key}' --origin https://api.acme.example"
)]
pub struct AddArgs {
    /// PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::key_providers())]
    pub(super) name: Option<Name>,
    /// The header to send the key in, with `{key}` in place of the key; for unknown providers
    #[arg(long, value_name = "HEADER")]
    header: Vec<String>,
    /// An origin that the key may be sent to, such as https://api.example.com; for unknown
    /// providers
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<Origin>,
    /// A value for the provider definition, such as host=gitlab.example.com
    #[arg(long, value_name = "NAME=VALUE", value_parser = args::assignment)]
    set: Vec<(String, String)>,
    /// How often to rotate the key, such as 30d, or `never`
    #[arg(long, value_name = "INTERVAL")]
    rotate_every: Option<Interval>,
    /// The day on which the key expires, such as 2027-01-31, or `never`
    #[arg(long, value_name = "DATE", value_parser = args::expiry)]
    expires: Option<args::Expiry>,
    /// The provider's id for the key, if rotation requires it
    #[arg(long, value_name = "ID", value_parser = args::word)]
    id: Option<String>,
    /// The credential that manages the key, if the key cannot manage keys itself
    #[arg(long, value_name = "NAME", add = complete::credentials())]
    manager: Option<Name>,
    /// Read the key from this environment variable (repeat the option for each part)
    #[arg(long, value_name = "VAR")]
    from_env: Vec<String>,
    /// Do not verify the key with the provider
    #[arg(long)]
    no_verify: bool,
    /// Replace the credential with this name
    #[arg(long)]
    replace: bool,
}

impl AddArgs {
    fn flags(&self) -> Flags<'_> {
        Flags {
            header: &self.header,
            origin: &self.origin,
            set: &self.set,
            replace: self.replace,
        }
    }
}

/// A key that is about to be stored.
struct Candidate {
    name: Name,
    spec: KeySpec,
    bound: Bound,
    parts: Parts,
    store: StoreKind,
    /// Whether the user named the provider: a key is not sent to a provider that was only guessed.
    is_named: bool,
}

pub(super) fn run(app: &App, args: &AddArgs) -> Result<(), Failure> {
    if let (Some(name), Some(manager)) = (&args.name, &args.manager) {
        check_manager(app, name, manager)?;
    }
    let today = words::day(Timestamp::now());
    let given = args.expires.map(|args::Expiry(day)| day);
    if let Some(day) = given.flatten().filter(|day| *day < today) {
        return Err(Failure::usage(format!("{day} is in the past")));
    }
    let of_variable = match args.from_env.first().filter(|_| args.name.is_none()) {
        Some(variable) => from_env::name_of(app, variable)?,
        None => None,
    };
    let key = match args.name.as_ref().or(of_variable.as_ref()) {
        Some(name) => named(app, name, args)?,
        None => recognized(app, args)?,
    };
    let told = check(app, &key, args)?;
    let account = told
        .account
        .map(|account| format!(" of {account}"))
        .unwrap_or_default();
    let expires = given.unwrap_or(told.expires);
    store(app, &key, args, expires)?;
    let end = expires
        .map(|day| format!("; it expires on {day}"))
        .unwrap_or_default();
    app.ui
        .say(&format!("stored the key{account} as {}{end}", key.name));
    for variable in &args.from_env {
        let places = from_env::places(variable);
        let places = if places.is_empty() {
            "from wherever it is set".to_owned()
        } else {
            format!("from {}", places.join(", "))
        };
        app.ui.say(&format!(
            "now delete {variable} {places}, and run `unset {variable}` in open shells"
        ));
    }
    answer(app, || documents::Added::key(&key.name), |_| Ok(()))
}

/// What the provider says about a key.
#[derive(Default)]
struct Told {
    account: Option<String>,
    expires: Option<jiff::civil::Date>,
}

/// Verifies the key at its provider. Only an explicit rejection by the provider is an error.
fn check(app: &App, key: &Candidate, args: &AddArgs) -> Result<Told, Failure> {
    if let Some(odd) = odd_form(app, key) {
        // A key of another provider, or a password, must not be sent to this one.
        if args.no_verify {
            app.ui.warn(&odd.to_string());
        } else if !agrees(app, &odd)? {
            return Err(odd.failure("add `--no-verify` to store it anyway"));
        }
        return Ok(Told::default());
    }
    let Some(check) = key.spec.check.as_ref().filter(|_| !args.no_verify) else {
        return Ok(Told::default());
    };
    if !key.is_named {
        app.ui.say(&format!(
            "not verified, because the provider was guessed; to verify the key, run `authctl key add {} --replace`",
            key.name
        ));
        return Ok(Told::default());
    }
    let answer = {
        let _spinner = app
            .ui
            .spinner(&format!("verifying the key with {}", check.host()));
        verify(&app.context(), &key.spec, &key.bound, &key.parts)
    };
    match answer.verdict {
        Verdict::Good => {
            return Ok(Told {
                account: answer.account,
                expires: answer.expires,
            });
        }
        Verdict::Bad => {
            return Err(
                Failure::new(Code::Refused, "the provider does not accept this key")
                    .hint("nothing was stored; add `--no-verify` to store it anyway"),
            );
        }
        Verdict::Forbidden => app
            .ui
            .warn("cannot verify the key: it has no permission for the request that verifies it"),
        Verdict::Unclear(reason) | Verdict::Unreachable(reason) => {
            app.ui.warn(&format!("cannot verify the key: {reason}"))
        }
        Verdict::Elsewhere => app
            .ui
            .say("not verified: the origins of the key differ from those of its provider"),
        Verdict::Unknowable => {}
    }
    Ok(Told::default())
}

/// What is odd about a key, unless the user says how it is sent.
fn odd_form(app: &App, key: &Candidate) -> Option<OddForm> {
    if !key.bound.headers.is_empty() {
        return None;
    }
    OddForm::of(&app.catalogue, &key.name, &key.spec, &key.parts)
}

/// Whether a person wants to store a key of an unknown form.
fn agrees(app: &App, odd: &OddForm) -> Result<bool, Failure> {
    if !matches!(odd, OddForm::Unknown { .. }) || !app.ui.can_ask() {
        return Ok(false);
    }
    let answer = app.ui.ask(&format!("{odd}. Store it anyway? [y/N]"))?;
    Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
}

fn named(app: &App, name: &Name, args: &AddArgs) -> Result<Candidate, Failure> {
    check_new_name(&app.index, name)?;
    let (spec, bound) = binding(app, name, args.flags())?;
    // The store is tried before the key is asked for.
    let store = place(app, name, args.replace)?;
    if let Some(page) = spec.page.as_ref().filter(|_| is_typed(app, args)) {
        app.ui.must_say(&format!("create a key at {page}"));
    }
    let parts = given(app, args, &spec)?;
    Ok(Candidate {
        name: name.clone(),
        spec,
        bound,
        parts,
        store,
        is_named: args.name.is_some(),
    })
}

/// A key without a name. A variable that does not name the provider may belong to another one,
/// whose keys begin alike.
fn recognized(app: &App, args: &AddArgs) -> Result<Candidate, Failure> {
    if let Some(variable) = args.from_env.first() {
        let message = format!("the variable {variable} does not name its provider");
        return Err(Failure::new(Code::NotFound, message).hint(format!(
            "name the provider: `authctl key add NAME --from-env {variable}`"
        )));
    }
    let single = KeySpec::from_headers(Vec::new());
    let parts = given(app, args, &single)?;
    let key = parts.get("key").map(Secret::expose).unwrap_or_default();
    let row = app.catalogue.recognize(key)?.ok_or_else(|| {
        Failure::new(Code::NotFound, "cannot recognize the provider of this key")
            .hint("name the provider: `authctl key add NAME`")
    })?;
    let name: Name = row.name.parse()?;
    app.ui
        .say(&format!("this looks like a key for {}", row.title));
    let (spec, bound) = binding(app, &name, args.flags())?;
    if spec.parts.len() != 1 {
        let message = format!("a key for {} has several parts", row.title);
        return Err(Failure::usage(message).hint(format!("run `authctl key add {name}`")));
    }
    let store = place(app, &name, args.replace)?;
    Ok(Candidate {
        name,
        spec,
        bound,
        parts,
        store,
        is_named: false,
    })
}

/// Whether somebody is about to enter the key.
fn is_typed(app: &App, args: &AddArgs) -> bool {
    args.from_env.is_empty() && app.ui.can_ask() && std::io::stdin().is_terminal()
}

/// The parts of the key: from the named variables, or typed, or piped.
fn given(app: &App, args: &AddArgs, key: &KeySpec) -> Result<Parts, Failure> {
    if args.from_env.is_empty() {
        key_parts(app.ui, key)
    } else {
        from_env::parts(app.ui, &args.from_env, key)
    }
}

/// The store for the key; determined before anybody types a key.
fn place(app: &App, name: &Name, replace: bool) -> Result<StoreKind, Failure> {
    let existing = app.index.find(name)?.filter(|entry| {
        entry
            .chain()
            .any(|entry| entry.state.is_active() || entry.state.is_renaming())
    });
    match &existing {
        Some(entry) if !replace => Err(Failure::exists(entry)),
        _ => store_for(app, existing.as_ref()),
    }
}

fn store(
    app: &App,
    key: &Candidate,
    args: &AddArgs,
    expires: Option<jiff::civil::Date>,
) -> Result<(), Failure> {
    let claim = app.context().claim(&key.name)?;
    let existing = existing(&claim, args.replace)?;
    app.ui.warn_all(&existing.warnings);
    let before = existing.found;
    if let Some(found) = before.as_ref().filter(|_| !args.replace) {
        return Err(Failure::exists(&found.entry));
    }
    let new = NewKey {
        parts: key.parts.clone(),
        id: args.id.as_ref().map(Secret::new),
        every: args
            .rotate_every
            .clone()
            .map_or(Every::Keep, |every| Every::Set(Some(every))),
        expires,
        manager: args.manager.clone(),
        grace: app.policy.grace(),
    };
    let saved = put_key(&claim, before.as_deref(), key.bound.clone(), new, key.store)?;
    app.ui.warn_all(&saved.warnings);
    Ok(())
}
