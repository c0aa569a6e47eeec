//! The texts of the help, and the groups in which help, README and manual list the commands.

use std::fmt::Write as _;

pub(super) const EXAMPLES: &str = "\
Examples:
  authctl login github                      log in through the browser
  authctl key add stripe                    store an API key
  curl -fsS $(authctl header github) https://api.github.com/user
  authctl curl stripe https://api.stripe.com/v1/balance
  authctl exec openai -- ./job              run a job with its key
  authctl status                            show what expires or is due

Run `authctl COMMAND --help` for more about a command.";

pub(super) const LONG: &str = "\
Examples:
  authctl login github                      log in through the browser
  authctl key add stripe                    store an API key
  curl -fsS $(authctl header github) https://api.github.com/user
  authctl header stripe --format raw | curl -fsS -H @- https://api.stripe.com/v1/balance
  authctl curl stripe https://api.stripe.com/v1/balance
  authctl exec openai -- ./job              run a job with its key
  authctl status                            show what expires or is due
  authctl rotate --due                      rotate the keys that are due
  authctl doctor                            check what works on this machine

Exit codes:
  0    success
  1    failed
  2    usage error
  3    no such credential or provider
  4    login required
  5    store locked or unavailable
  6    provider or network unreachable; retry later
  7    refused (origin, endpoint, account or policy)
  8    done, but something needs attention
  130  interrupted
  `curl` and `exec` exit with the code of the program that they run. If authctl
  fails before it starts the program, the code is 125; 126 means that the program
  cannot be run, 127 that it does not exist.

Environment:
  AUTHCTL_HOME                    one folder for everything, instead of the XDG folders
  AUTHCTL_STORE                   the store for new credentials: keychain or vault
  AUTHCTL_VAULT_PASSPHRASE_FILE   a file that contains the vault passphrase
  AUTHCTL_VAULT_IDENTITY          the vault identity file, if it is outside the vault folder
  BROWSER, NO_COLOR, SSL_CERT_FILE and the proxy variables have their usual meaning.";

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
            "lock",
            "client",
            "provider",
            "doctor",
            "completions",
            "man",
        ],
    ),
];

/// The commands in their groups, each with the first line of its help.
pub(super) fn command_list(command: &clap::Command) -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{title}:");
        for name in names {
            let about = command
                .find_subcommand(name)
                .and_then(clap::Command::get_about)
                .map(ToString::to_string)
                .unwrap_or_default();
            let _ = writeln!(text, "  {name:<11}  {about}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::cli::Cli;
    use super::*;
    use clap::CommandFactory;
    use std::collections::BTreeSet;

    #[test]
    fn every_command_is_in_one_group() {
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let unique: BTreeSet<&str> = grouped.iter().copied().collect();
        let command = Cli::command();
        let all: BTreeSet<&str> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        assert_eq!(unique, all);
        assert_eq!(unique.len(), grouped.len());
    }

    /// The README has one table for each group, with the same commands.
    #[test]
    fn the_readme_lists_the_commands_in_the_same_groups() {
        let readme = include_str!("../../README.md");
        for (title, names) in GROUPS {
            let (_, table) = readme.split_once(&format!("| {title} | |\n")).unwrap();
            let table = table.split("\n\n").next().unwrap();
            let listed: BTreeSet<&str> = table
                .lines()
                .filter_map(|line| line.split('|').nth(1))
                .flat_map(|cell| cell.split('`'))
                .filter_map(|text| text.split_whitespace().next())
                .filter(|word| GROUPS.iter().any(|(_, names)| names.contains(word)))
                .collect();
            assert_eq!(listed, names.iter().copied().collect(), "{title}");
        }
    }
}
