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
    use crate::signals::put_right;
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    use std::fs::File;
    use std::io;

    pub(super) fn guarded<T>(ask: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let terminal = File::options().read(true).write(true).open("/dev/tty");
        if let Ok((before, terminal)) =
            terminal.and_then(|terminal| Ok((tcgetattr(&terminal)?, terminal)))
        {
            put_right(Some(Box::new(move || {
                let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
            })));
        }
        let answer = ask();
        put_right(None);
        answer
    }
}
