//! Transcripts of every command: its help, how it goes, and how it fails. Each `$` line of a file
//! in `tests/transcripts` is run in a home of the file's own, and the file must be what comes of
//! it. `SNAPSHOTS=overwrite cargo test` writes them.
//!
//! Lines that begin with `!` were on standard error. `<<< TEXT` is standard input, `> FILE TEXT`
//! makes a file. `[ISSUER]` is an issuer on loopback, `[RECIPIENT]` the age recipient of the home's
//! vault; what differs from run to run (times, tokens, folders) stands in brackets.

use crate::issuer::{Issuer, http};
use crate::support::{Home, Ran};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

/// Splits a line as a shell would, as far as these files need it: spaces, and single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn run(home: &Home, issuer: &Issuer, line: &str) -> Ran {
    let recipient = std::fs::read_to_string(home.file("vault/recipient")).unwrap_or_default();
    let line = line
        .replace("[ISSUER]", &issuer.url)
        .replace("[HOME]", home.path().to_str().unwrap())
        .replace("[RECIPIENT]", recipient.trim());
    let (command, input) = line
        .split_once(" <<< ")
        .map_or((line.as_str(), None), |(command, input)| {
            (command, Some(input))
        });
    let typed = words(command);
    let arguments: Vec<&str> = typed.iter().skip(1).map(String::as_str).collect();
    assert_eq!(typed[0], "authctl", "{line}");
    if arguments.contains(&"--no-browser") && !arguments.contains(&"--help") {
        let child = home
            .command(&arguments)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn();
        let mut login = crate::support::Login::from(child.unwrap());
        let redirect = login.authorize();
        if !redirect.is_empty() {
            let _ = http::get(&redirect);
        }
        return login.end();
    }
    match input {
        Some(input) => home.run_with_input(
            &arguments,
            format!("{}\n", input.replace("\\n", "\n")).as_bytes(),
        ),
        None => home.run(&arguments),
    }
}

/// What differs from run to run, in brackets.
fn steady(text: &str, home: &Home, issuer: &Issuer) -> String {
    let text = text
        .replace(home.path().to_str().unwrap(), "[HOME]")
        .replace(&issuer.url, "[ISSUER]");
    let port = issuer.url.rsplit(':').next().unwrap();
    let text = text
        .replace(port, "[PORT]")
        .replace(env!("CARGO_PKG_VERSION"), "[VERSION]");
    let mut steady = String::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        for (before, stop, mark) in [
            ("access-", " \"", "[TOKEN]"),
            ("state=", "&", "[STATE]"),
            ("nonce=", "&", "[NONCE]"),
            ("code_challenge=", "&", "[CHALLENGE]"),
            ("127.0.0.1%3A", "%", "[PORT]"),
            ("/proc/", "\n", "[PATH]"),
        ] {
            if let Some(at) = line.find(before) {
                let from = at + before.len();
                let until = line[from..]
                    .find(|c| stop.contains(c))
                    .map_or(line.len(), |length| from + length);
                line.replace_range(from..until, mark);
            }
        }
        steady.push_str(&times(&line));
        steady.push('\n');
    }
    steady
}

/// `59 minutes` and RFC 3339 times.
fn times(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for at in 0..words.len() {
        let unit = words.get(at + 1).is_some_and(|unit| {
            ["second", "minute", "hour", "day"]
                .iter()
                .any(|known| unit.starts_with(known))
        });
        if unit && words[at].chars().all(|c| c.is_ascii_digit()) && !words[at].is_empty() {
            words[at] = "[N]".into();
        }
        let bare = words[at].trim_matches(['"', ',']).to_owned();
        if bare.len() > 19 && bare.ends_with('Z') && bare.as_bytes()[10] == b'T' {
            words[at] = words[at].replace(&bare, "[TIME]");
        }
    }
    let mut line = words
        .join(" ")
        .replace("just now", "[N] seconds ago")
        .replace("[N] second ", "[N] seconds ");
    // How wide a column is depends on the times in it.
    while line.contains("[N]") && !line.starts_with(' ') && line.contains("   ") {
        line = line.replace("   ", "  ");
    }
    match line.split_once("\"pid\": ") {
        Some((before, _)) => format!("{before}\"pid\": [PID]"),
        None => line,
    }
}

fn replay(path: &Path) -> String {
    let issuer = Issuer::start();
    let home = Home::new();
    let text = std::fs::read_to_string(path).unwrap();
    let mut shown = String::new();
    // The first line says what the file is about; no output begins like a command.
    for line in text
        .lines()
        .enumerate()
        .filter(|(number, line)| *number == 0 || line.starts_with("$ ") || line.starts_with("> "))
        .map(|(_, line)| line)
    {
        shown.push_str(line);
        shown.push('\n');
        if let Some((name, text)) = line
            .strip_prefix("> ")
            .and_then(|rest| rest.split_once(' '))
        {
            std::fs::write(
                home.file(name),
                text.replace("\\n", "\n").replace("[ISSUER]", &issuer.url),
            )
            .unwrap();
        }
        let Some(command) = line.strip_prefix("$ ") else {
            continue;
        };
        let ran = run(&home, &issuer, command);
        shown.push_str(&steady(&ran.stdout, &home, &issuer));
        for said in steady(&ran.stderr, &home, &issuer).lines() {
            shown.push_str(format!("! {said}").trim_end());
            shown.push('\n');
        }
        shown.push_str(&format!("[exit {}]\n\n", ran.code));
    }
    shown
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn every_transcript_matches_the_program() {
    for path in files() {
        let shown = replay(&path);
        snapbox::Assert::new()
            .action_env("SNAPSHOTS")
            .eq(shown, snapbox::Data::read_from(&path, None).raw());
    }
}

/// Every command, as its pages are called.
fn commands() -> Vec<String> {
    let pages = Home::new().run(&["man", "--list"]).done().stdout;
    let names = pages
        .lines()
        .filter_map(|page| page.strip_suffix(".1")?.strip_prefix("authctl-"));
    let mut commands: Vec<String> = names.map(str::to_owned).collect();
    let groups: BTreeSet<String> = commands
        .iter()
        .filter_map(|name| name.split_once('-').map(|(group, _)| group.to_owned()))
        .collect();
    commands.retain(|name| !groups.contains(name));
    commands
}

#[test]
fn every_command_has_a_transcript_of_its_help_a_success_and_a_failure() {
    let mut seen = BTreeSet::new();
    for path in files() {
        let text = std::fs::read_to_string(path).unwrap();
        for block in text.split("$ authctl ").skip(1) {
            let line = block.lines().next().unwrap();
            let kind = if line.contains("--help") {
                "help"
            } else if block.contains("[exit 0]") {
                "success"
            } else {
                "failure"
            };
            let line = format!(" {} ", line.replace("--json ", ""));
            for command in commands() {
                if line.starts_with(&format!(" {} ", command.replace('-', " "))) {
                    seen.insert(format!("{command}: {kind}"));
                }
            }
        }
    }
    // These need a keychain, the kernel's keyring or a machine that is known: `tests/real` has
    // them.
    let elsewhere = [
        "move: success",
        "vault-unlock: success",
        "vault-lock: success",
        "vault-init: success",
        "doctor: success",
        "schedule-install: success",
        "schedule-remove: success",
    ];
    seen.extend(elsewhere.map(str::to_owned));
    let mut missing = Vec::new();
    for command in commands() {
        for kind in ["help", "success", "failure"] {
            let wanted = format!("{command}: {kind}");
            missing.extend((!seen.contains(&wanted)).then_some(wanted));
        }
    }
    assert!(missing.is_empty(), "no transcript of {missing:#?}");
}
