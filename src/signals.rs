//! Signals that ask the process to stop: Ctrl-C, and those of `timeout`, a closing terminal or a
//! service manager.
//!
//! They may end the process at almost any time, because nothing is lost by that. An exchange whose
//! answer is on its way is protected by a [`Shield`]; its holder decides what to do. From the first
//! shield on, a thread takes the signals, and ends the process if there is no shield.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The exit code of a process that was asked to stop.
const INTERRUPTED: i32 = 130;

/// The number of shields.
static SHIELDS: AtomicUsize = AtomicUsize::new(0);

/// Whether a signal came while there was a shield.
static CAME: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// What to restore before the process ends, such as a terminal without echo.
static LAST: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// While a shield exists, a signal does not end the process.
pub struct Shield(());

/// Makes a shield.
pub fn shield() -> Shield {
    SHIELDS.fetch_add(1, Ordering::SeqCst);
    watch();
    Shield(())
}

impl Shield {
    /// Returns when the process is asked to stop, or was already.
    pub async fn interrupted(&self) {
        // This fails only if the sender is gone, which never happens.
        let _ = CAME.subscribe().wait_for(|came| *came).await;
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        SHIELDS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether the process was asked to stop while there was a shield.
pub fn interrupted() -> bool {
    *CAME.borrow()
}

/// Returns `patience` after a signal, and never without one.
pub async fn enough(patience: Duration) {
    let _ = CAME.subscribe().wait_for(|came| *came).await;
    tokio::time::sleep(patience).await;
}

/// Sets what to restore when a signal ends the process, with or without a shield; `None` for
/// nothing.
#[cfg_attr(not(unix), allow(dead_code, reason = "only unix has such a terminal"))]
pub fn on_exit(action: Option<Box<dyn FnOnce() + Send>>) {
    let is_needed = action.is_some();
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = action;
    if is_needed {
        watch();
    }
}

/// Starts the thread, once, and returns when it catches signals. If it cannot be started, signals
/// end the process as usual.
fn watch() {
    static WATCHED: OnceLock<()> = OnceLock::new();
    WATCHED.get_or_init(|| {
        let (ready, begun) = channel();
        if std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || run(&ready))
            .is_ok()
        {
            let _ = begun.recv();
        }
    });
}

fn run(ready: &Sender<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return;
    };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::listen() else {
            return;
        };
        let _ = ready.send(());
        while signals.next().await {
            let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
            let must_end = last.is_some() || SHIELDS.load(Ordering::SeqCst) == 0;
            if let Some(put_right) = last {
                put_right();
            }
            if must_end {
                std::process::exit(INTERRUPTED);
            }
            CAME.send_replace(true);
        }
    });
}

#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        // `nohup` ignores SIGHUP, and it stays ignored.
        if !hangup_is_ignored() {
            kinds.push(SignalKind::hangup());
        }
        kinds
            .into_iter()
            .map(signal)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    async fn next(&mut self) -> bool {
        std::future::poll_fn(|context| {
            let came = self
                .0
                .iter_mut()
                .any(|signal| signal.poll_recv(context).is_ready());
            if came {
                std::task::Poll::Ready(true)
            } else {
                std::task::Poll::Pending
            }
        })
        .await
    }
}

/// Whether SIGHUP is ignored: it is the first bit of the mask of ignored signals
/// (proc_pid_status(5)).
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .map(str::trim)
        .unwrap_or_default();
    u64::from_str_radix(mask, 16).is_ok_and(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> bool {
        tokio::signal::ctrl_c().await.is_ok()
    }
}
