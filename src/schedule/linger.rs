//! Whether a user timer of systemd also runs while nobody is logged in (loginctl(1), "lingering").

use crate::process::run_within;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long to wait for the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to say if the timers of this user stop with the last session; nothing if they do not, or if
/// nobody knows.
pub fn sleeps() -> Option<&'static str> {
    let user = rustix::process::getuid().as_raw().to_string();
    let mut command = Command::new("loginctl");
    command
        .args(["show-user", &user, "--property=Linger", "--value"])
        .stderr(Stdio::null());
    let done = run_within(&mut command, b"", PATIENCE).ok()??;
    judge(&done.stdout)
}

fn judge(answer: &[u8]) -> Option<&'static str> {
    (answer.trim_ascii() == b"no").then_some(
        "the timer only runs while you are logged in; to keep it running after you log out, run `loginctl enable-linger`, or use cron (`authctl schedule install --with crontab`)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_only_a_timer_that_sleeps_is_told() {
        for (answer, is_told) in [
            ("no\n", true),
            ("no", true),
            ("yes\n", false),
            ("", false),
            ("Failed to look up user", false),
        ] {
            assert_eq!(judge(answer.as_bytes()).is_some(), is_told, "{answer}");
        }
    }
}
