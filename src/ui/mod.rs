//! Talking to a person: standard error, the terminal, the browser. Never standard output.

mod browser;
mod log;
mod progress;
mod prompt;
mod spinner;

use crate::secret::Secret;
use anstyle::{AnsiColor, Style};
use std::io::{self, IsTerminal, Write};

pub use browser::{is_wsl, launcher, open_browser, ssh_session};
pub use log::start_log;
pub use progress::Progress;
pub use spinner::Spinner;

/// How to talk in this command.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    /// `-q`: nothing but errors.
    pub quiet: bool,
    /// `--json`: errors are JSON documents, prose is left out.
    pub json: bool,
    /// `--no-input`: nobody is asked.
    pub no_input: bool,
}

impl Ui {
    /// Whether a person can be asked: a terminal to read from and one to ask on.
    pub fn can_ask(self) -> bool {
        !self.no_input && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Tells how things go.
    pub fn say(self, text: &str) {
        if !self.quiet && !self.json {
            put(&harmless(text));
        }
    }

    /// Tells what a person must see to go on, such as a URL: even with `--json`, and with `-q`.
    pub fn must_say(self, text: &str) {
        put(&harmless(text));
    }

    /// Warns; even with `-q`, since what is warned of matters later. With `--json`, a document on a line of its own.
    pub fn warn(self, text: &str) {
        if self.json {
            put(&serde_json::json!({ "warning": text }).to_string());
            return;
        }
        put(&format!(
            "{} {}",
            painted("authctl: warning:", AnsiColor::Yellow),
            harmless(text)
        ));
    }

    /// Reports a failure: for people a sentence and a hint, with `--json` one document.
    pub fn fail(self, code: &str, message: &str, hint: Option<&str>) {
        if self.json {
            let error =
                serde_json::json!({ "error": { "code": code, "message": message, "hint": hint } });
            put(&error.to_string());
            return;
        }
        put(&format!(
            "{} {}",
            painted("authctl:", AnsiColor::Red),
            harmless(message)
        ));
        if let Some(hint) = hint {
            put(&format!(
                "{} {}",
                painted("hint:", AnsiColor::Cyan),
                harmless(hint)
            ));
        }
    }

    /// Asks for one line.
    ///
    /// # Errors
    /// The terminal is gone or was closed with Ctrl-D.
    pub fn ask(self, question: &str) -> io::Result<String> {
        let mut terminal = io::stderr().lock();
        write!(terminal, "{question} ")?;
        terminal.flush()?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim().to_owned())
    }

    /// Asks for a secret without showing it, on the terminal itself, so that pipes stay free.
    ///
    /// # Errors
    /// The terminal is gone or was closed with Ctrl-D.
    pub fn ask_hidden(self, question: &str) -> io::Result<Secret> {
        prompt::hidden(question)
    }

    /// A bar for a long list; nothing in a pipe.
    pub fn progress(self, steps: u64) -> Progress {
        Progress::start(steps, !self.quiet && !self.json)
    }

    /// A spinner while something takes long; nothing in a pipe.
    pub fn spinner(self, text: &str) -> Spinner {
        Spinner::start(text, !self.quiet && !self.json)
    }
}

/// Whether what is said goes to a terminal.
pub fn speaks_to_a_terminal() -> bool {
    io::stderr().is_terminal()
}

/// A stranger's text may hold what a terminal obeys: control characters become visible marks.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn put(text: &str) {
    // Nobody can be told that standard error is closed.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

fn painted(text: &str, colour: AnsiColor) -> String {
    let style = Style::new().bold().fg_color(Some(colour.into()));
    format!("{style}{text}{style:#}")
}
