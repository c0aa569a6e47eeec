//! Showing the provider's page, and waiting for the redirect or for a pasted URL.

use super::args::LoginArgs;
use crate::app::{App, has_display};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Found, Registration};
use crate::oauth::{Arrival, Callback, Flow, Listener, refused_page};
use crate::signals::shield;
use crate::text::harmless;
use crate::ui::{is_wsl, launcher, open_browser, speaks_to_a_terminal, ssh_session};
use std::io::{BufRead, IsTerminal, Read};
use std::sync::Arc;

/// The longest pasted line that is read, in bytes.
const MAX_PASTED: usize = 16 * 1024;

/// The provider's answer.
pub(super) enum Answer {
    /// It came to the listener; the browser waits for a page.
    Arrived(Arrival),
    /// It was pasted; no browser waits.
    Pasted(Callback),
}

impl Answer {
    pub(super) fn callback(&self) -> &Callback {
        match self {
            Self::Arrived(arrival) => &arrival.callback,
            Self::Pasted(callback) => callback,
        }
    }

    /// Shows the outcome in the browser.
    pub(super) fn reply(self, outcome: Result<&str, &str>) {
        if let Self::Arrived(arrival) = self {
            arrival.answer(outcome);
        }
    }
}

/// Checks that somebody can see the page in a browser, or its URL in a terminal.
/// `again` are the arguments with which to try it again.
pub(super) fn check_visible(args: &LoginArgs, again: &str) -> Result<(), Failure> {
    let is_chosen = std::env::var_os("BROWSER").is_some_and(|value| !value.is_empty());
    let has_browser = launcher().is_some() && (is_chosen || is_wsl() || has_display());
    if has_terminal() || has_browser || args.no_browser {
        return Ok(());
    }
    let reason = if is_chosen {
        "and neither is available: no program in BROWSER exists"
    } else {
        "and neither is available"
    };
    Err(invisible(reason, again))
}

fn has_terminal() -> bool {
    speaks_to_a_terminal() || std::io::stdin().is_terminal()
}

/// Nobody can see the page or its URL.
fn invisible(reason: &str, again: &str) -> Failure {
    let message = format!("logging in needs a browser or a terminal, {reason}");
    Failure::new(Code::LoginRequired, message).hint(format!(
        "run `authctl login {again}` in a terminal, or add `--no-browser` to print the URL"
    ))
}

/// Where the last refresh was refused because the server did not know the client: tries the page
/// first, which would not redirect. Only a warning: a page may also be refused to a program.
pub(super) fn warn_of_client(
    app: &App,
    args: &LoginArgs,
    before: Option<&Found>,
    client: &Registration,
    flow: &Flow,
) -> Result<(), Failure> {
    let failure = before.and_then(|found| found.entry.login.last_error.as_ref());
    let is_doubted = failure.is_some_and(|failure| failure.reason.contains("invalid_client"));
    if !is_doubted || client.is_new {
        return Ok(());
    }
    if let Some(said) = app.network.run(refused_page(&app.network, &flow.url))? {
        app.ui.warn(&format!(
            "the server may no longer know the client `{}`: its page answers with {said}. If the browser shows an error, register the app again, then run `authctl login {}`",
            harmless(&client.id),
            args.again(Some("ID"), client.secret.is_some())
        ));
    }
    Ok(())
}

/// Shows the page and waits for its answer.
pub(super) fn wait(
    app: &App,
    args: &LoginArgs,
    listener: Listener,
    flow: &Arc<Flow>,
    redirect_uri: &str,
) -> Result<Answer, Failure> {
    let (sender, mut pasted) = tokio::sync::mpsc::channel(4);
    // Set up before the user is asked to do anything.
    let shield = shield();
    app.network.run(async {
        tokio::select! {
            biased;
            () = shield.interrupted() => Err(Failure::new(Code::Interrupted, "interrupted; no login was stored")),
            arrival = async {
                let waits_for_paste = show(app, args, flow, redirect_uri)?;
                if waits_for_paste {
                    read_lines(sender);
                }
                let wait = crate::commands::words::length(args.timeout.as_secs());
                // A spinner would write over the line that is being pasted.
                let spinner = (!waits_for_paste).then(|| app.ui.spinner(&format!("waiting for the browser (up to {wait}; Ctrl-C cancels)")));
                let arrival = listener.arrival(Arc::clone(flow), |text| match &spinner {
                    Some(spinner) => spinner.above(|| app.ui.warn(text)),
                    None => app.ui.warn(text),
                }).await;
                arrival.map(Answer::Arrived).map_err(Failure::from)
            } => arrival,
            () = tokio::time::sleep(args.timeout) => Err(too_late(redirect_uri)),
            callback = pasted_answer(app, flow, &mut pasted) => Ok(Answer::Pasted(callback)),
        }
    })?
}

/// Opens the browser, or says which URL to open and where. Returns whether to wait for a pasted
/// answer, too.
///
/// # Errors
/// There is no browser, and nobody who would see the URL.
fn show(app: &App, args: &LoginArgs, flow: &Flow, redirect_uri: &str) -> Result<bool, Failure> {
    let session = ssh_session();
    if !args.no_browser && session.is_none() {
        match open_browser(&flow.url) {
            Ok(()) => {
                app.ui
                    .say("opened your browser; if no page appears, open this URL:");
                app.ui.say(&format!("  {}", flow.url));
                return Ok(false);
            }
            Err(error) if !has_terminal() => {
                let reason = format!("and neither is available: {error}");
                return Err(invisible(&reason, &args.again(None, false)));
            }
            Err(error) => app.ui.say(&error.to_string()),
        }
    }
    let port = url::Url::parse(redirect_uri)
        .ok()
        .and_then(|url| url.port_or_known_default());
    match (session, port) {
        (Some(session), Some(port)) => {
            app.ui.must_say(
                "this is an SSH session; first run this on the machine with your browser:",
            );
            app.ui.must_show(&session.forward(port));
            app.ui.must_say("then open this URL there:");
        }
        _ => app
            .ui
            .must_say("open this URL in a browser on this machine:"),
    }
    app.ui.must_show(flow.url.as_str());
    // The lines of a pipe may be meant for another program.
    let pastes = !app.ui.no_input && !args.client_secret_stdin && std::io::stdin().is_terminal();
    if pastes {
        app.ui.must_say("or open it on any machine, and paste the URL of the last page (which will fail to load) here:");
    }
    Ok(pastes)
}

/// Reads lines from standard input, on a thread that ends with the process: a read cannot be
/// canceled.
fn read_lines(sender: tokio::sync::mpsc::Sender<String>) {
    let read = move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match Read::by_ref(&mut input)
                .take(MAX_PASTED as u64)
                .read_until(b'\n', &mut line)
            {
                Ok(0) | Err(_) => return,
                Ok(_)
                    if sender
                        .blocking_send(String::from_utf8_lossy(&line).into_owned())
                        .is_err() =>
                {
                    return;
                }
                Ok(_) => {}
            }
        }
    };
    // Without the thread there is still the listener.
    let _ = std::thread::Builder::new().name("paste".into()).spawn(read);
}

/// The first pasted line that answers this login.
async fn pasted_answer(
    app: &App,
    flow: &Flow,
    pasted: &mut tokio::sync::mpsc::Receiver<String>,
) -> Callback {
    while let Some(line) = pasted.recv().await {
        let callback = Callback::from_pasted(&line);
        if flow.is_ours(&callback) {
            return callback;
        }
        if !line.trim().is_empty() {
            app.ui.must_say(&flow.complaint(&callback).unwrap_or_else(|| {
                "this is not the URL of the last page; copy the whole URL, which begins with http://"
                    .into()
            }));
        }
    }
    // Standard input has ended; the listener goes on.
    std::future::pending().await
}

fn too_late(redirect_uri: &str) -> Failure {
    Failure::new(Code::Failed, "timed out waiting for the browser; no login was stored")
        .hint(format!("if the page rejected the redirect URI, register exactly {redirect_uri}, or choose a port with `--port`; if it rejected the client, check `--client-id`; if it rejected a scope, use `--scope SCOPE --only-scope`"))
}
