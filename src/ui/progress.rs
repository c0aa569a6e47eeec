//! A progress bar for a long list.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar, shown until it is dropped.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar of `steps` steps, in a terminal only, and only if `wanted`.
    pub(super) fn start(steps: u64, wanted: bool) -> Self {
        let dumb = std::env::var("TERM").is_ok_and(|kind| kind == "dumb");
        let target = if wanted && !dumb && steps > 1 {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(steps), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Moves on to the next step.
    pub fn step(&self, text: &str) {
        self.0.set_message(text.to_owned());
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
