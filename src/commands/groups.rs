//! The groups of commands, for help, README and manual.

/// The groups in which help, README and manual list the commands: by what a person wants to do.
pub(super) const GROUPS: [(&str, &[&str]); 4] = [
    ("Use credentials", &["token", "header", "curl", "exec"]),
    (
        "Log in and store",
        &["login", "logout", "key", "refresh", "move", "rename"],
    ),
    (
        "Maintain",
        &["list", "status", "rotate", "schedule", "audit"],
    ),
    (
        "Set up",
        &[
            "vault",
            "client",
            "provider",
            "doctor",
            "completions",
            "man",
        ],
    ),
];
