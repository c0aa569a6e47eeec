//! authctl keeps API keys and OAuth logins in the OS keychain and hands out fresh tokens and headers.
//!
//! # The map
//!
//! A module uses only what stands to its right in this table, never its own row; a test holds it.
//!
//! ```text
//! commands | app | failure | rotation | lifecycle | oauth store sealed handover audit schedule output ui | http | provider | config | credential | disk process signals secret
//! ```
//!
//! - `commands`: one command, one file: arguments (their comments are the help) and run. Only here things come together.
//! - `app`: the parts of one command, and the choice of a store for something new.
//! - `failure`: the sentence, the hint and the exit code of everything that can go wrong.
//! - `rotation`: replacing keys without losing one: `plan` says what is due, `engine` and `roll` have the steps, `remote` and
//!   `program` ask the provider or the user's program.
//! - `lifecycle`: the protocol. `look` reads, `decide` decides (pure, takes `now`), `get` goes from a name to a token,
//!   `refresh` is its part under the lock, `save` is the only way in which a record changes.
//! - `oauth`: the exchanges with authorization servers, in two halves where a person is between them; never prints.
//! - `store`: keychain and vault behind one `match`. `sealed`: the encrypted file beside each item. `handover`: headers
//!   for curl through a memory file. `audit`: the trail. `schedule`: what the system is told to run daily. `output`: standard output. `ui`: the terminal and the browser.
//! - `http`: the network, made on demand. `provider`: rows of data. `config`: folders, settings, clients.
//! - `credential`: names, ids, origins, records, index files. `disk`: atomic writes, locks, modes. `process`: other programs, with a deadline. `signals`: when one may end
//!   this process. `secret`: the one type for what must not be seen.
//!
//! # The walk
//!
//! `authctl token github`: `main` → `commands::run` → `commands::token` → `lifecycle::parts` → `look` (index, store,
//! sealed file) → `decide::first_step`. A good cached token ends it there: no lock, no network, no write. Else the lock,
//! everything read again, `refresh` → `oauth::request` → `save`. `authctl login`: `commands::login` finds the row and the
//! client, `oauth::begin` makes the URL, `Listener` waits, `finish` redeems the code under the lock and saves.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests may fail"
    )
)]

mod app;
mod audit;
mod commands;
mod config;
mod credential;
mod disk;
mod failure;
mod handover;
mod http;
mod lifecycle;
mod oauth;
mod output;
mod process;
mod provider;
mod rotation;
mod schedule;
mod sealed;
mod secret;
mod signals;
mod store;
mod ui;

pub use commands::{complete, report_defect, run};

/// Runs the holder of a handed-over header when the arguments say so, before anything that would spoil it: the holder
/// must stay readable for other processes of this user.
#[must_use]
pub fn run_as_holder(arguments: &[std::ffi::OsString]) -> Option<std::process::ExitCode> {
    let [_, command, descriptor] = arguments else {
        return None;
    };
    if command != handover::HOLD {
        return None;
    }
    let descriptor: i32 = descriptor.to_str()?.parse().ok()?;
    #[cfg(target_os = "linux")]
    if handover::hold(descriptor).is_ok() {
        return Some(std::process::ExitCode::SUCCESS);
    }
    let _ = descriptor;
    Some(std::process::ExitCode::FAILURE)
}

/// Completes a command line when a completion script asks for it: by a variable, and by the `--` before the words, which no
/// ordinary run begins with. A variable that is merely there changes nothing.
#[must_use]
pub fn asks_for_completion(arguments: &[std::ffi::OsString]) -> bool {
    arguments.get(1).is_some_and(|first| first == "--")
        && std::env::var_os(commands::COMPLETE).is_some()
}

/// Keeps this process's memory to itself: no core dump, no debugger of the same user (Linux).
pub fn harden() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // One byte: too little for a file, and the one value at which Linux does not hand the dump to a program either
        // (core(5)). Where the limit is lower already, nothing. It only lowers what is allowed.
        let limit = |bytes| {
            setrlimit(
                Resource::Core,
                Rlimit {
                    current: Some(bytes),
                    maximum: Some(bytes),
                },
            )
        };
        if limit(1).is_err() {
            let _ = limit(0);
        }
        #[cfg(target_os = "linux")]
        let _ =
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
}
