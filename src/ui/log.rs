//! `-v`: what the program does, on standard error. Only our own events: the libraries' may hold what must not be seen.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts the log: 1 tells decisions, 2 tells steps. Called once, and only when asked for.
pub fn start_log(verbosity: u8) {
    let level = if verbosity > 1 {
        Level::DEBUG
    } else {
        Level::INFO
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(anstream::stderr)
        .with_target(false)
        .without_time();
    let ours = Targets::new().with_target("authctl", level);
    // A second start changes nothing.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(ours)
        .try_init();
}
