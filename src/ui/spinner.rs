//! A spinner while something takes long.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A spinner, shown until it is dropped.
pub struct Spinner(ProgressBar);

impl Spinner {
    /// Shows `text` with a spinner, in a terminal only, and only if `wanted`.
    pub(super) fn start(text: &str, wanted: bool) -> Self {
        // A dumb terminal cannot erase what was printed.
        let dumb = std::env::var("TERM").is_ok_and(|kind| kind == "dumb");
        let wanted = wanted && !dumb;
        let target = if wanted {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.set_message(text.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }
}

impl Spinner {
    /// Prints something above the spinner.
    pub fn above(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
