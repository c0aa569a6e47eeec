//! The terminal and the browser. Nothing here writes to standard output.

mod browser;
mod log;
mod progress;
mod prompt;
mod spinner;

use crate::secret::Secret;
use crate::text::{harmless, indent_of, terminal_width, wrapped};
use anstyle::{AnsiColor, Style};
use std::io::{self, IsTerminal, Write};

pub use browser::{is_wsl, launcher, open_browser, ssh_session};
pub use log::start_log;
pub use progress::Progress;
pub use spinner::Spinner;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Ctrl-D.
    #[error("nothing was entered")]
    Ended,
    /// The terminal is gone.
    #[error("cannot read from the terminal: {0}")]
    Terminal(io::Error),
}

impl From<io::Error> for PromptError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::Interrupted => Self::Interrupted,
            io::ErrorKind::UnexpectedEof => Self::Ended,
            _ => Self::Terminal(error),
        }
    }
}

/// How to talk to the user.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    /// `-q`: print only errors and warnings.
    pub quiet: bool,
    /// `--json`: print errors as JSON documents, and no other text.
    pub json: bool,
    /// `--no-input`: never ask anything.
    pub no_input: bool,
}

impl Ui {
    /// Whether a person can be asked: there is a terminal to read from and one to ask on.
    pub fn can_ask(self) -> bool {
        !self.no_input && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Prints what happened.
    pub fn say(self, text: &str) {
        if !self.quiet && !self.json {
            put_line(None, text);
        }
    }

    /// Prints what the user has to see to continue, such as a URL, even with `--json` and `-q`.
    pub fn must_say(self, text: &str) {
        put_line(None, text);
    }

    /// Prints a command or a URL that the user has to copy, on a line of its own, which is never
    /// broken.
    pub fn must_show(self, text: &str) {
        put(&format!("  {}", harmless(text)));
    }

    /// Prints a warning, even with `-q`. With `--json`, it is a document on a line of its own.
    pub fn warn(self, text: &str) {
        if self.json {
            put(&serde_json::json!({ "warning": text }).to_string());
            return;
        }
        put_line(Some(("authctl: warning:", AnsiColor::Yellow)), text);
    }

    /// Prints the warnings of the layers below, which do not print themselves.
    pub fn warn_all(self, warnings: &[String]) {
        for warning in warnings {
            self.warn(warning);
        }
    }

    /// Reports a failure: a message and a hint, or with `--json` one document.
    pub fn fail(self, code: &str, message: &str, hint: Option<&str>) {
        if self.json {
            let error =
                serde_json::json!({ "error": { "code": code, "message": message, "hint": hint } });
            put(&error.to_string());
            return;
        }
        put_line(Some(("authctl:", AnsiColor::Red)), message);
        if let Some(hint) = hint {
            put_line(Some(("hint:", AnsiColor::Cyan)), hint);
        }
    }

    /// Asks for one line.
    ///
    /// # Errors
    /// The terminal is gone, or Ctrl-C or Ctrl-D was pressed.
    pub fn ask(self, question: &str) -> Result<String, PromptError> {
        let mut terminal = io::stderr().lock();
        write!(terminal, "{question} ")?;
        terminal.flush()?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            return Err(PromptError::Ended);
        }
        Ok(line.trim().to_owned())
    }

    /// Asks for a secret without showing it, on the terminal itself, so that pipes stay free.
    ///
    /// # Errors
    /// As for [`Ui::ask`].
    pub fn ask_hidden(self, question: &str) -> Result<Secret, PromptError> {
        Ok(prompt::hidden(question)?)
    }

    /// A progress bar; nothing in a pipe.
    pub fn progress(self, steps: u64) -> Progress {
        Progress::start(steps, !self.quiet && !self.json)
    }

    /// A spinner; nothing in a pipe.
    pub fn spinner(self, text: &str) -> Spinner {
        Spinner::start(text, !self.quiet && !self.json)
    }
}

/// Whether standard error is a terminal.
pub fn speaks_to_a_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Prints a line after a label, wrapped if this is a terminal.
fn put_line(label: Option<(&str, AnsiColor)>, text: &str) {
    let text = harmless(text);
    let line = match label {
        Some((label, _)) => format!("{label} {text}"),
        None => text,
    };
    let mut line = match terminal_width(io::stderr()) {
        Some(width) => wrapped(&line, indent_of(&line), width.into()),
        None => line,
    };
    if let Some((label, colour)) = label
        && line.starts_with(label)
    {
        line.replace_range(..label.len(), &painted(label, colour));
    }
    put(&line);
}

fn put(text: &str) {
    // There is no way to report that standard error is closed.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

fn painted(text: &str, colour: AnsiColor) -> String {
    let style = Style::new().bold().fg_color(Some(colour.into()));
    format!("{style}{text}{style:#}")
}
