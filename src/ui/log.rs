//! The log of `-v`, on standard error. Only events of authctl: those of libraries may contain
//! secrets.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts the log: 1 explains decisions, 2 every step.
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
    // A second start has no effect.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(ours)
        .try_init();
}
