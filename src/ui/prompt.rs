//! A hidden prompt that restores the terminal even if it is interrupted.

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

/// Restores the echo that the prompt switched off, if a signal ends the process.
#[cfg(unix)]
mod watch {
    use crate::signals::on_exit;
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    use std::fs::File;
    use std::io;

    pub(super) fn guarded<T>(ask: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let terminal = File::options().read(true).write(true).open("/dev/tty");
        if let Ok((before, terminal)) =
            terminal.and_then(|terminal| Ok((tcgetattr(&terminal)?, terminal)))
        {
            on_exit(Some(Box::new(move || {
                let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
            })));
        }
        let answer = ask();
        on_exit(None);
        answer
    }
}
