//! Shows a page of the manual in a terminal.

use super::child::replace;
use crate::app::App;
use crate::failure::{Code, Failure};
use std::io::{IsTerminal, Seek, Write};
use std::process::{Command, Stdio};

/// The programs that format roff source from standard input and show it in a pager. On macOS, `man`
/// does not read standard input; its `mandoc` does.
const VIEWERS: [(&str, &[&str]); 2] = if cfg!(target_os = "macos") {
    [("mandoc", &["-a"]), ("man", &["-l", "-"])]
} else {
    [("man", &["-l", "-"]), ("mandoc", &["-a"])]
};

/// Shows a page in a terminal, and prints its source in a pipe or if there is no program that
/// formats it.
///
/// # Errors
/// The page cannot be written, or the program cannot be run.
pub(super) fn show(app: &App, roff: &str) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() && !app.ui.json {
        for (program, arguments) in VIEWERS {
            let mut source = tempfile::tempfile()?;
            source.write_all(roff.as_bytes())?;
            source.rewind()?;
            let mut viewer = Command::new(program);
            viewer.args(arguments).stdin(Stdio::from(source));
            match replace(viewer) {
                Err(failure) if failure.code == Code::ProgramNotFound => {}
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(app.output.line(roff.trim_end())?)
}
