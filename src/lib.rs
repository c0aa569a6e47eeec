//! authctl stores API keys and OAuth logins in the OS keychain and hands out fresh tokens and
//! headers.
//!
//! `.github/DESIGN.md` has the promises, the command line, the files and the two protocols that
//! must not lose anything.
//!
//! # The map
//!
//! A module uses only what stands to its right in this table, and nothing in its own row. A test
//! reads the table.
//!
//! ```text
//! main fuzz | commands | app | intake | failure | rotation | lifecycle
//! | oauth store sealed handover audit schedule output ui
//! | keeper http | provider | config | credential | disk process signals secret text time code
//! ```
//!
//! - `fuzz`: the readers of untrusted input, for `tests/fuzz`.
//! - `commands`: one file per command: its arguments (their comments are the help), its profile,
//!   and its run.
//! - `app`: the parts that a command works with, and the choice of a store for a new credential.
//! - `intake`: reading keys from prompts, pipes and other programs' files, and recognizing their
//!   providers.
//! - `failure`: the message, the hint and the exit code of every error.
//! - `rotation`: rotating keys. `plan` decides what is due; `rotate` has the order of the steps.
//! - `lifecycle`: getting a token, and every change of a record. `look` reads, `decide` decides,
//!   `get` goes from a name to a token, `refresh` is its part under the lock, `put` is the one way
//!   in which a record changes.
//! - `oauth`: the exchanges with authorization servers, in two halves if a user acts between them.
//!   It never prints.
//! - `store`: keychain and vault behind one `match`. `sealed`: the encrypted file beside each item.
//!   `handover`: headers for curl in an in-memory file. `keeper`: this program again, as the
//!   process that talks to the provider and outlives its caller. `audit`: the audit log.
//!   `schedule`: the daily run. `output`: standard output. `ui`: the terminal and the browser.
//! - `http`: the network, set up on first use. `provider`: the catalogue, whose rows are data.
//!   `config`: folders, settings and OAuth clients.
//! - `credential`: names, ids, origins, records and the index. `disk`: atomic writes, locks and
//!   file modes. `process`: other programs, with a time limit. `signals`: when a signal may end
//!   this process. `secret`: the one type for secrets. `text`: text for a terminal. `time`: durations and intervals. `code`:
//!   exit codes.
//!
//! # The walk
//!
//! `authctl token github`: `main` → `commands::run` → `commands::token` → `lifecycle::parts` → `look`
//! (index, store, sealed file, which must fit together) → `decide::first_step`. If the cached token
//! is valid for long enough, that is all: no lock, no network, no write. Otherwise `refresh` takes
//! the lock, reads everything again (`current`), sends the request (`exchange`, `oauth::token`) and
//! saves (`save`).
//!
//! `authctl login github`: `commands::login` finds the provider and the client, `oauth::begin` makes
//! the URL, and `Listener` waits. `commands::login::finish` takes the claim and runs `existing`,
//! `redeem`, `identify` and `put_login`.
//!
//! `authctl header github` takes the walk of `token`; then `lifecycle::sending` reads from the
//! provider's row in which headers the token is sent, and `handover` gives them to curl.
//!
//! # Glossary
//!
//! - **credential**: an API key or an OAuth login. Its **name** is `PROVIDER` or
//!   `PROVIDER/ACCOUNT`.
//! - **account**: the user or key owner, as the provider names it; also the second part of a name.
//! - **store**: to save a credential; a **credential store** is the keychain or the vault.
//! - **record**: the secret part of a credential, in its store. **entry**: the other part, in the
//!   index.
//! - **sealed file**: an encrypted file with the cached tokens and the newest record of a
//!   credential.
//! - **row**: the definition of a provider in the catalogue.
//! - **origin**: scheme, host and port that a credential may be sent to. It is **bound** to its
//!   origins and endpoints.
//! - **scopes**: the permissions of a login.
//! - **refresh**: get a new access token. **rotate**: replace a key at its provider. **verify**:
//!   ask the provider whether a key works. **revoke**: invalidate at the provider. **expire**:
//!   become invalid by itself.
//! - **pending key**: created by a rotation, not verified yet. **previous key**: replaced, but
//!   still valid.
//! - **incomplete**: left in the middle by an interrupted command.
//! - **finding**: something that `status` or `doctor` reports.
//! - **audit log**: the record of every change.
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
mod code;
mod commands;
mod config;
mod credential;
mod disk;
mod failure;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod handover;
mod http;
mod intake;
mod keeper;
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
mod text;
mod time;
mod ui;

pub use commands::{COMPLETE, complete, keep, report_defect, run};
pub use handover::{HOLD, hold};
pub use keeper::KEEP;
