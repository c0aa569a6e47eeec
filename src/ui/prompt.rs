//! A hidden prompt that leaves the terminal as it was, also when it is interrupted.

use crate::secret::Secret;
use std::io;

/// Asks for a secret on the terminal itself, without showing it.
pub(super) fn hidden(question: &str) -> io::Result<Secret> {
    let ask = || rpassword::prompt_password(format!("{question} ")).map(Secret::new);
    #[cfg(unix)]
    return watch::guarded(ask);
    #[cfg(not(unix))]
    ask()
}

/// The prompt switches echo off; a signal that ends the process would leave it so.
#[cfg(unix)]
mod watch {
    use crate::http::is_interruption_awaited;
    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
    use std::fs::File;
    use std::io;
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Mutex, OnceLock, PoisonError};
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// The terminal as it was, while there is a prompt.
    static BEFORE: Mutex<Option<(File, Termios)>> = Mutex::new(None);

    /// Whether somebody watches for signals already.
    static WATCHED: OnceLock<()> = OnceLock::new();

    pub(super) fn guarded<T>(ask: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let terminal = File::options().read(true).write(true).open("/dev/tty");
        let before = terminal.and_then(|terminal| Ok((tcgetattr(&terminal)?, terminal)));
        if let Ok((modes, terminal)) = before {
            *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some((terminal, modes));
            WATCHED.get_or_init(start);
        }
        let answer = ask();
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = None;
        answer
    }

    fn start() {
        let (ready, begun) = channel();
        let thread = std::thread::Builder::new().name("signals".into());
        if thread.spawn(move || run(&ready)).is_ok() {
            // Signals are caught from here on.
            let _ = begun.recv();
        }
    }

    fn run(ready: &Sender<()>) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let listen = |kind| signal(kind).ok();
            let (Some(interrupt), Some(terminate), Some(hangup)) =
                (listen(SignalKind::interrupt()), listen(SignalKind::terminate()), listen(SignalKind::hangup()))
            else {
                return;
            };
            let mut signals: [Signal; 3] = [interrupt, terminate, hangup];
            let _ = ready.send(());
            loop {
                let [interrupt, terminate, hangup] = &mut signals;
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
                match before {
                    Some((terminal, modes)) => {
                        let _ = tcsetattr(&terminal, OptionalActions::Now, &modes);
                    }
                    // An exchange that must come to its end decides for itself.
                    None if is_interruption_awaited() => continue,
                    None => {}
                }
                std::process::exit(130);
            }
        });
    }
}
