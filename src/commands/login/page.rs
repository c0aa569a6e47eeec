//! Between a person and the provider's page: showing the address, and waiting for the redirect, or for what is pasted.

use super::LoginArgs;
use crate::app::{App, has_display};
use crate::failure::{Code, Failure};
use crate::oauth::{Arrival, Callback, Flow, Listener};
use crate::signals::shield;
use crate::ui::{is_wsl, launcher, open_browser, speaks_to_a_terminal, ssh_session};
use std::io::{BufRead, IsTerminal, Read};
use std::sync::Arc;

/// The longest pasted line that is looked at, in bytes.
const MAX_PASTED: usize = 16 * 1024;

/// The provider's answer, and the browser that may still wait for a page.
pub(super) enum Answer {
    /// It came to the listener.
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

    /// Tells the browser how it ended.
    pub(super) fn tell(self, outcome: Result<&str, &str>) {
        if let Self::Arrived(arrival) = self {
            arrival.answer(outcome);
        }
    }
}

/// A login that nobody can see: no terminal, no browser, and no wish to have the address printed.
pub(super) fn refuse_without_anybody(args: &LoginArgs) -> Result<(), Failure> {
    let told = speaks_to_a_terminal() || std::io::stdin().is_terminal();
    let shown = std::env::var_os("BROWSER").is_some_and(|value| !value.is_empty())
        || is_wsl()
        || has_display() && launcher().is_some();
    if told || shown || args.no_browser {
        return Ok(());
    }
    Err(Failure::new(
        Code::LoginRequired,
        "a login needs a person, and there is neither a terminal nor a browser here",
    )
    .hint(format!(
        "run `authctl login {}` in a terminal (or add `--no-browser` to have the address printed)",
        args.what
    )))
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
    // Before anybody is told to do something.
    let shield = shield();
    app.network.run(async {
        tokio::select! {
            biased;
            () = shield.interrupted() => Err(Failure::new(Code::Interrupted, "interrupted, nothing was changed")),
            arrival = async {
                let waits_for_paste = show(app, args, flow, redirect_uri);
                if waits_for_paste {
                    read_lines(sender);
                }
                let wait = super::super::words::length(args.timeout.as_secs());
                // A spinner would write over the line that is being pasted.
                let _spinner = (!waits_for_paste).then(|| app.ui.spinner(&format!("waiting for the browser ({wait} to go on; Ctrl-C gives up)")));
                listener.arrival(Arc::clone(flow)).await
            } => arrival.map(Answer::Arrived).map_err(Failure::from),
            () = tokio::time::sleep(args.timeout) => Err(too_late(redirect_uri)),
            callback = ours(app, flow, &mut pasted) => Ok(Answer::Pasted(callback)),
        }
    })?
}

/// Opens the browser, or says what to open where. Whether a pasted answer is waited for as well.
fn show(app: &App, args: &LoginArgs, flow: &Flow, redirect_uri: &str) -> bool {
    let session = ssh_session();
    if !args.no_browser && session.is_none() {
        match open_browser(&flow.url) {
            Ok(()) => {
                app.ui.say("opened your browser; if no page came up, go to");
                app.ui.say(&format!("  {}", flow.url));
                return false;
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
                "this session came over SSH; on the machine with your browser, first run",
            );
            app.ui.must_say(&format!("  {}", session.forward(port)));
            app.ui.must_say("and then open this address there:");
        }
        _ => app
            .ui
            .must_say("open this address in a browser on this machine:"),
    }
    app.ui.must_say(&format!("  {}", flow.url));
    // A pipe is somebody else's: a loop that reads its lines would lose them.
    let pastes = !app.ui.no_input && !args.client_secret_stdin && std::io::stdin().is_terminal();
    if pastes {
        app.ui.must_say("or open it anywhere, and paste here the address that the browser ends on (a page that cannot be reached):");
    }
    pastes
}

/// Lines from standard input, on a thread that ends with the process: a read cannot be called off.
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
    // Without the thread the listener is still there.
    let _ = std::thread::Builder::new().name("paste".into()).spawn(read);
}

/// The first pasted line that answers this login.
async fn ours(
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
            app.ui.must_say("that is not the answer to this login: copy the whole address that begins with http://");
        }
    }
    // Standard input has ended; the listener goes on.
    std::future::pending().await
}

fn too_late(redirect_uri: &str) -> Failure {
    Failure::new(Code::Failed, "no answer came from the browser in time, nothing was changed")
        .hint(format!("if the page complained about the redirect URI, register exactly {redirect_uri} (or give `--port`)"))
}
