//! How the program behaves while a command runs, and what every command has.

use crate::app::App;
use crate::failure::Failure;

/// A command with its arguments.
pub(super) trait Run {
    /// How the program behaves while it runs.
    fn profile(&self) -> Profile;

    /// Runs it.
    ///
    /// # Errors
    /// The command failed.
    fn run(self: Box<Self>, app: &App) -> Result<(), Failure>;
}

/// How the program behaves while a command runs.
#[derive(Debug)]
pub(super) struct Profile {
    /// Whether the command may prompt. Commands that scripts call must not.
    pub prompts: bool,
    /// Whether a failed scheduled run is reported first; false for commands that scripts wait for.
    pub reports_runs: bool,
    /// The event for the audit log, and what it concerns; `None` if the command only reads, or
    /// writes its own events.
    pub event: Option<(String, Option<String>)>,
}

impl Profile {
    /// A command that scripts call.
    pub fn script() -> Self {
        Self {
            prompts: false,
            reports_runs: false,
            event: None,
        }
    }

    /// A command that people call and that asks nothing.
    pub fn reading() -> Self {
        Self {
            reports_runs: true,
            ..Self::script()
        }
    }

    /// A command that may ask something.
    pub fn asking() -> Self {
        Self {
            prompts: true,
            ..Self::reading()
        }
    }

    /// The same, with an event for the audit log.
    pub fn logged(self, event: &str, name: Option<impl ToString>) -> Self {
        Self {
            event: Some((event.to_owned(), name.map(|name| name.to_string()))),
            ..self
        }
    }
}
