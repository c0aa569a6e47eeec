//! The right to change one credential: its lock.

use super::{Context, Error};
use crate::credential::Name;
use crate::disk::{Lock, LockError};
use crate::signals::shield;
use std::time::{Duration, Instant};

/// How long a command waits for a lock. A refresh takes 45 seconds at most.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two attempts to take a lock while Ctrl-C is watched for.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// The right to change one credential. Its lock is held until the claim is dropped, so functions
/// that take a `&Claim` can rely on nobody else changing the record.
pub struct Claim<'a> {
    /// The parts that this layer works with.
    pub context: Context<'a>,
    name: Name,
    lock: Lock,
}

impl Claim<'_> {
    /// The credential that may be changed.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Gives the lock away, for a keeper.
    pub fn into_lock(self) -> Lock {
        self.lock
    }
}

impl<'a> Context<'a> {
    /// Claims a credential, waiting at most a minute.
    ///
    /// # Errors
    /// Another process held the lock for a minute, or locks do not work here.
    pub fn claim(self, name: &Name) -> Result<Claim<'a>, Error> {
        self.claim_within(name, LOCK_PATIENCE)
    }

    /// Claims a credential if nobody else is changing it.
    ///
    /// # Errors
    /// The lock is held ([`Error::Busy`]), or locks do not work here.
    pub fn try_claim(self, name: &Name) -> Result<Claim<'a>, Error> {
        self.claim_within(name, Duration::ZERO)
    }

    /// Claims a credential as [`Context::claim`] does, unless Ctrl-C comes first.
    ///
    /// # Errors
    /// As for [`Context::claim`], or [`Error::Interrupted`].
    pub fn claim_unless_interrupted(self, name: &Name) -> Result<Claim<'a>, Error> {
        let began = Instant::now();
        let shield = shield();
        self.network.run(async {
            loop {
                match self.try_claim(name) {
                    Err(Error::Busy { .. }) if began.elapsed() < LOCK_PATIENCE => {}
                    other => return other,
                }
                tokio::select! {
                    () = shield.interrupted() => return Err(Error::Interrupted),
                    () = tokio::time::sleep(LOCK_PAUSE) => {}
                }
            }
        })?
    }

    /// The claim of the caller of this keeper, whose lock is descriptor `lock`.
    ///
    /// # Errors
    /// It is not the lock of this credential.
    pub fn inherit_claim(self, name: &Name, lock: Option<i32>) -> Result<Claim<'a>, Error> {
        let lock = Lock::inherited(&self.paths.lock(name), lock, LOCK_PATIENCE);
        self.claimed(name, lock)
    }

    fn claim_within(self, name: &Name, patience: Duration) -> Result<Claim<'a>, Error> {
        tracing::debug!(%name, "taking the lock");
        self.claimed(name, Lock::acquire(&self.paths.lock(name), patience))
    }

    fn claimed(self, name: &Name, lock: Result<Lock, LockError>) -> Result<Claim<'a>, Error> {
        match lock {
            Ok(lock) => {
                // The record may be changed now, so the next reader has to ask the store.
                if let Ok(Some(entry)) = self.index.find(name) {
                    self.stores.cache().forget(&entry.id);
                }
                Ok(Claim {
                    context: self,
                    name: name.clone(),
                    lock,
                })
            }
            Err(LockError::Busy { waited }) => Err(Error::Busy {
                name: name.clone(),
                waited,
            }),
            Err(LockError::Disk(error)) => Err(Error::Disk(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_claim_waits_for_the_one_before_it() {
        let home = Home::new();
        let name: Name = "acme".parse().unwrap();
        let path = home.paths.lock(&name);
        for interruptible in [false, true] {
            let (held, is_held) = channel();
            let path = path.clone();
            let other = std::thread::spawn(move || {
                let lock = Lock::acquire(&path, Duration::from_secs(5)).unwrap();
                held.send(()).unwrap();
                std::thread::sleep(Duration::from_millis(120));
                drop(lock);
            });
            is_held.recv().unwrap();
            let context = home.context();
            assert!(matches!(context.try_claim(&name), Err(Error::Busy { .. })));
            let claim = if interruptible {
                context.claim_unless_interrupted(&name)
            } else {
                context.claim(&name)
            };
            assert_eq!(claim.unwrap().name(), &name);
            other.join().unwrap();
        }
    }
}
