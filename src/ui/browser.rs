//! Opening the browser: `BROWSER` first, as other tools do, else what the system prefers.

use std::process::{Command, Stdio};
use std::time::Duration;

/// A launcher that has not come back by then is taken to show the page.
const LAUNCH: Duration = Duration::from_secs(5);

/// Why no page came up.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// Not something for a browser.
    #[error("not a web address")]
    NotWeb,
    /// No launcher worked.
    #[error("no browser could be started: {0}")]
    None(std::io::Error),
}

/// Opens a page in the person's browser without waiting for it.
///
/// # Errors
/// Nothing could be started.
pub fn open_browser(url: &url::Url) -> Result<(), BrowserError> {
    // The address is built here from a checked endpoint; still, nothing but the web is ever launched.
    if !matches!(url.scheme(), "https" | "http") {
        return Err(BrowserError::NotWeb);
    }
    let Some(choices) = std::env::var("BROWSER").ok().filter(|choices| !choices.is_empty()) else {
        return open::that_detached_with_timeout(url.as_str(), LAUNCH).map_err(BrowserError::None);
    };
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for choice in choices.split(if cfg!(windows) { ';' } else { ':' }).filter(|choice| !choice.is_empty()) {
        match launch(choice, url.as_str()) {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(BrowserError::None(last))
}

/// Runs one entry of `BROWSER`: a program and its arguments, `%s` for the address (or it goes last).
fn launch(choice: &str, url: &str) -> std::io::Result<()> {
    let mut words = choice.split_whitespace();
    let Some(program) = words.next() else { return Err(std::io::ErrorKind::NotFound.into()) };
    let mut arguments: Vec<String> = words.map(|word| word.replace("%s", url)).collect();
    if !choice.contains("%s") {
        arguments.push(url.to_owned());
    }
    let mut child = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // Reaped in the background: a browser may run for hours.
    std::thread::spawn(move || child.wait());
    Ok(())
}
