//! The keychain of the operating system, through `keyring` (which opens the right one) and
//! `keyring-core`.
//!
//! A call to a keychain may never return: a dialog that nobody sees, a service that accepts a call
//! and does not answer. So all calls of a command run on one worker thread and share one time
//! limit; when it is over, the thread is abandoned.

use super::Error;
#[cfg(target_os = "linux")]
use super::secret_service;
use crate::credential::StoreKind;
use crate::secret::Secret;
#[cfg(target_os = "linux")]
use crate::text::harmless;
use keyring_core::api::CredentialStore;
use keyring_core::{Entry, Error as KeyringError};
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// The service name of every item.
const SERVICE: &str = "authctl";

/// How long to wait before telling the user that the keychain needs something.
const NOTICE: Duration = Duration::from_secs(1);

/// How long KWallet may take to write its file, with a second to spare.
#[cfg(target_os = "linux")]
const KWALLET_WRITES: Duration = Duration::from_secs(6);

type Job = Box<dyn FnOnce() + Send>;

/// The result of a keychain call.
enum Failed {
    Open(String),
    Call(KeyringError),
}

pub(super) struct Keychain {
    patience: Duration,
    on_wait: Box<dyn Fn()>,
    told: Cell<bool>,
    worker: OnceCell<Result<Sender<Job>, String>>,
    /// The time that was spent waiting for the keychain, not counting browsers and servers.
    spent: Cell<Duration>,
}

impl Keychain {
    pub(super) fn new(patience: Duration, on_wait: Box<dyn Fn()>) -> Self {
        Self {
            patience,
            on_wait,
            told: Cell::new(false),
            worker: OnceCell::new(),
            spent: Cell::new(Duration::ZERO),
        }
    }

    /// The time limit for all calls together.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// `provided_by` is the program that took the item, if that is known.
    pub(super) fn read(
        &self,
        user: &str,
        provided_by: Option<&str>,
    ) -> Result<Option<Secret>, Error> {
        #[cfg(target_os = "linux")]
        if let Some(secret) = self.quick(|until| secret_service::read(SERVICE, user, until)) {
            return Ok(Some(secret));
        }
        let user = user.to_owned();
        let bytes = match self.call(move |store| entry(store, &user)?.get_secret()) {
            Ok(bytes) => bytes,
            Err(Outcome::Absent) => return self.check_absent(provided_by).map(|()| None),
            Err(Outcome::Failed(error)) => return Err(error),
        };
        let text = String::from_utf8(bytes).map_err(|_| Error::Damaged {
            store: StoreKind::Keychain,
            reason: "the item is not UTF-8 text".into(),
        })?;
        Ok(Some(Secret::new(text)))
    }

    /// Calls the Secret Service on this thread, for as long as the user need not be told that it
    /// takes time.
    #[cfg(target_os = "linux")]
    fn quick<T>(&self, call: impl FnOnce(Instant) -> Option<T>) -> Option<T> {
        let (began, before) = (Instant::now(), self.spent.get());
        let patience = NOTICE.min(self.patience.saturating_sub(before));
        let done = call(began + patience);
        self.spent.set(before + began.elapsed());
        if done.is_none() && began.elapsed() >= patience {
            self.tell();
        }
        done
    }

    /// Tells the user, once, that the keychain is being waited for.
    fn tell(&self) {
        if !self.told.replace(true) {
            (self.on_wait)();
        }
    }

    pub(super) fn write(&self, user: &str, text: &Secret) -> Result<(), Error> {
        #[cfg(target_os = "linux")]
        if let Some(()) = self.quick(|until| secret_service::write(SERVICE, user, text, until)) {
            return Ok(());
        }
        let (user, text) = (user.to_owned(), text.clone());
        self.done(move |store| entry(store, &user)?.set_secret(text.expose().as_bytes()))
    }

    /// Waits until what was just written is on the disk: KWallet writes its file up to five seconds
    /// after it has answered, and a new item is left empty if KWallet exits before then.
    #[cfg(target_os = "linux")]
    pub(super) fn settle(&self) {
        if self.provider().as_deref() == Some(secret_service::KWALLET) {
            tracing::info!("waiting until KWallet has written its file");
            std::thread::sleep(KWALLET_WRITES);
        }
    }

    /// `provided_by` is the program that took the item, if that is known.
    pub(super) fn delete(&self, user: &str, provided_by: Option<&str>) -> Result<(), Error> {
        #[cfg(target_os = "linux")]
        {
            // What is deleted there stays readable in a recycle bin.
            if self.provider().as_deref() == Some(secret_service::KEEPASSXC)
                && self.read(user, None).is_ok_and(|found| found.is_some())
            {
                let _ = self.write(user, &Secret::new("deleted by authctl"));
            }
            if let Some(()) = self.quick(|until| secret_service::delete(SERVICE, user, until)) {
                return Ok(());
            }
        }
        let user = user.to_owned();
        match self.call(move |store| entry(store, &user)?.delete_credential()) {
            Ok(()) => Ok(()),
            Err(Outcome::Absent) => self.check_absent(provided_by),
            Err(Outcome::Failed(error)) => Err(error),
        }
    }

    /// The program that provides the keychain, where there are several.
    #[cfg(target_os = "linux")]
    pub(super) fn provider(&self) -> Option<String> {
        self.quick(secret_service::provider)
    }

    /// Whether an item that was not found is really absent. A keychain that is locked, that has no
    /// keyring yet, or that another program provides now, may not be the one that took the item.
    ///
    /// # Errors
    /// Nobody knows.
    #[cfg(target_os = "linux")]
    fn check_absent(&self, provided_by: Option<&str>) -> Result<(), Error> {
        use secret_service::Collection;
        let store = StoreKind::Keychain;
        let now = provided_by.and_then(|_| self.provider());
        if let (Some(then), Some(now)) = (provided_by, now)
            && then != now
        {
            return Err(Error::OtherKeychain {
                now,
                then: harmless(then),
            });
        }
        match self.quick(secret_service::default_collection) {
            Some(Collection::Locked) => Err(Error::Locked {
                store,
                reason: None,
            }),
            Some(Collection::Missing) => Err(Error::Unavailable {
                store,
                reason: "it has no keyring yet".into(),
            }),
            // A service without aliases knows no other collection either.
            Some(Collection::Open) | None => Ok(()),
        }
    }

    /// The keychains of other systems tell a locked one from an item that is absent.
    #[cfg(not(target_os = "linux"))]
    #[allow(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the same signature on every system"
    )]
    fn check_absent(&self, _provided_by: Option<&str>) -> Result<(), Error> {
        Ok(())
    }

    /// Checks that new items can be stored. A service that is open and has taken items of ours is
    /// not tried with one more: some keep what is deleted in a recycle bin.
    pub(super) fn probe(&self) -> Result<(), Error> {
        #[cfg(target_os = "linux")]
        if self.quick(|until| secret_service::holds(SERVICE, until)) == Some(true)
            && self.quick(secret_service::default_collection)
                == Some(secret_service::Collection::Open)
        {
            return Ok(());
        }
        self.try_item()
    }

    /// Writes, reads and deletes an item.
    pub(super) fn try_item(&self) -> Result<(), Error> {
        let odd = |reason: &str| Error::Refused {
            store: StoreKind::Keychain,
            reason: reason.into(),
        };
        let random = Secret::random().map_err(|error| odd(&error.to_string()))?;
        let user = format!("probe@{}", random.expose());
        self.write(&user, &random)?;
        let found = self.read(&user, None);
        self.delete(&user, None)?;
        match found? {
            Some(found) if found.same_as(random.expose()) => Ok(()),
            _ => Err(Error::Unreliable {
                store: StoreKind::Keychain,
            }),
        }
    }

    fn done(
        &self,
        job: impl FnOnce(&CredentialStore) -> keyring_core::Result<()> + Send + 'static,
    ) -> Result<(), Error> {
        self.call(job).map_err(|outcome| match outcome {
            Outcome::Failed(error) => error,
            Outcome::Absent => Error::Refused {
                store: StoreKind::Keychain,
                reason: "the item no longer exists".into(),
            },
        })
    }

    fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&CredentialStore) -> keyring_core::Result<T> + Send + 'static,
    ) -> Result<T, Outcome> {
        self.work(move || {
            open()
                .map_err(Failed::Open)
                .and_then(|store| job(&*store).map_err(Failed::Call))
        })
    }

    /// Runs a job on the worker thread, and waits for it until the time limit.
    fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, Outcome> {
        let unavailable = |reason: &str| Error::Unavailable {
            store: StoreKind::Keychain,
            reason: reason.to_owned(),
        };
        let worker = match self.worker.get_or_init(start) {
            Ok(worker) => worker,
            Err(reason) => return Err(unavailable(reason).into()),
        };
        let (answer, answered) = channel();
        let run = move || {
            // After the time limit, nobody waits for the result.
            let _ = answer.send(job());
        };
        let gone = || Outcome::Failed(unavailable("its worker thread ended"));
        worker.send(Box::new(run)).map_err(|_| gone())?;
        let (began, before) = (Instant::now(), self.spent.get());
        loop {
            let left = self.patience.saturating_sub(before + began.elapsed());
            let wait = if self.told.get() {
                left
            } else {
                left.min(NOTICE)
            };
            let answer = answered.recv_timeout(wait);
            self.spent.set(before + began.elapsed());
            match answer {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(Failed::Open(reason))) => return Err(unavailable(&reason).into()),
                Ok(Err(Failed::Call(error))) => return Err(explain(&error)),
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Err(RecvTimeoutError::Timeout) if self.spent.get() >= self.patience => {
                    return Err(Error::TimedOut {
                        store: StoreKind::Keychain,
                        patience: self.patience,
                    }
                    .into());
                }
                Err(RecvTimeoutError::Timeout) => self.tell(),
            }
        }
    }
}

enum Outcome {
    Absent,
    Failed(Error),
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn start() -> Result<Sender<Job>, String> {
    let (sender, jobs) = channel::<Job>();
    let run = move || jobs.into_iter().for_each(|job| job());
    std::thread::Builder::new()
        .name("keychain".into())
        .spawn(run)
        .map_err(|error| error.to_string())?;
    Ok(sender)
}

/// `keyring` opens and registers the store of this system once; `keyring-core` has the calls.
fn open() -> Result<Arc<CredentialStore>, String> {
    keyring::Entry::store_status().as_ref().map_err(words)?;
    keyring_core::get_default_store().ok_or_else(|| "no keychain is registered".into())
}

fn entry(store: &CredentialStore, user: &str) -> keyring_core::Result<Entry> {
    // The default on Windows is `Enterprise`, which is copied to other machines with the profile.
    let modifiers = if cfg!(windows) {
        Some(HashMap::from([("persistence", "Local")]))
    } else {
        None
    };
    store.build(SERVICE, user, modifiers.as_ref())
}

fn explain(error: &KeyringError) -> Outcome {
    let store = StoreKind::Keychain;
    Outcome::Failed(match error {
        KeyringError::NoEntry => return Outcome::Absent,
        KeyringError::NoStorageAccess(_) => Error::Locked {
            store,
            reason: None,
        },
        KeyringError::PlatformFailure(_) | KeyringError::NoDefaultStore => Error::Unavailable {
            store,
            reason: words(error),
        },
        KeyringError::Ambiguous(_) => Error::Refused {
            store,
            reason: "it contains several different items with the same attributes; search for `authctl` in your keychain application, and delete the wrong ones".into(),
        },
        // `BadEncoding` and similar errors contain the bytes, which must not be printed.
        KeyringError::TooLong(_, limit) => Error::Refused {
            store,
            reason: format!("an item can be at most {limit} bytes long"),
        },
        KeyringError::BadEncoding(_) | KeyringError::BadDataFormat(..) => Error::Damaged {
            store,
            reason: "the item is not UTF-8 text".into(),
        },
        other => Error::Refused {
            store,
            reason: words(other),
        },
    })
}

/// The innermost reason, which is the helpful one.
fn words(error: &KeyringError) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    plain(inner.to_string().trim_end_matches('.'))
}

/// A reason as a sentence of its own: what is missing, not which call failed.
fn plain(reason: &str) -> String {
    let known = [
        ("ServiceUnknown", "no keychain service is running"),
        ("(os error 2)", "no D-Bus session bus is running"),
        (
            "(os error 111)",
            "nothing is listening on the address of the D-Bus session bus",
        ),
    ];
    let found = known
        .iter()
        .find(|(part, _)| cfg!(target_os = "linux") && reason.contains(part));
    found.map_or(reason, |(_, plain)| plain).to_owned()
}
