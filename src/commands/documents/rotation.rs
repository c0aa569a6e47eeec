//! Rotations and their schedule.

use super::{Action, RotationOutcome};
use serde::Serialize;

documents! {
    /// `schedule …`.
    Schedule {
        /// The schedulers that run it: `systemd`, `crontab`, `launchd`, `task-scheduler`; empty if
        /// none does.
        installed: Vec<String>,
        /// Whether it is active.
        started: bool,
        /// The program that it runs.
        program: Option<String>,
        /// What is wrong with that program, such as that it does not exist.
        problem: Option<String>,
        /// When it last ran (RFC 3339).
        last_run: Option<String>,
        /// The exit code of that run.
        last_code: Option<u8>,
        /// Why it failed.
        last_reason: Option<String>,
    }

    /// `rotate`: the outcome for each credential.
    Rotated {
        /// The outcomes, in the order of the rotations.
        results: Vec<RotationResult>,
    }

    /// The outcome of one rotation.
    RotationResult {
        /// The credential.
        name: String,
        /// `rotated`, `refreshed`, `ended` (a previous key was revoked), `nothing`, `by_hand`, or
        /// the code of the failure.
        result: RotationOutcome,
        /// A description.
        detail: String,
        /// The time until which the previous key stays valid (RFC 3339).
        old_until: Option<String>,
    }

    /// `rotate --dry-run`: what would be done.
    Planned {
        /// The plans, sorted by name.
        plans: Vec<PlannedRotation>,
    }

    /// What would be done for one credential.
    PlannedRotation {
        /// The credential.
        name: String,
        /// `rotate`, `finish`, `refresh`, `log_in` or `nothing`.
        action: Action,
        /// How it would be done.
        how: String,
        /// When it is due (RFC 3339); absent if never.
        due: Option<String>,
        /// Whether it is due now.
        is_due: bool,
    }
}
