//! `cargo run --release --example tour`: the main job, end to end, on the embedded default.
//!
//! A vault in a temporary home, an issuer of our own on loopback and the API that it protects;
//! every step is shown with its command and its result. Nothing outside the temporary folder is
//! touched.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "it shows what it does, with the tests' server"
)]

#[path = "../issuer/mod.rs"]
mod issuer;

use issuer::{Issuer, http};
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long a real browser may take before the stand-in steps in.
const BROWSER_PATIENCE: Duration = Duration::from_secs(20);

struct Tour {
    program: PathBuf,
    home: tempfile::TempDir,
    issuer: Issuer,
    steps: usize,
}

fn main() -> ExitCode {
    match Tour::start().and_then(Tour::go) {
        Ok(steps) => {
            println!(
                "\nThe tour is over: {steps} steps, all successful. Next: `authctl login github`."
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\nThe tour failed: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Tour {
    fn start() -> Result<Self> {
        let program = match std::env::args_os().nth(1) {
            // `tour PROGRAM` shows a binary that was built already.
            Some(program) => PathBuf::from(program),
            None => build()?,
        };
        println!("This is {}\n", program.display());
        Ok(Self {
            program,
            home: tempfile::tempdir()?,
            issuer: Issuer::start(),
            steps: 0,
        })
    }

    fn go(mut self) -> Result<usize> {
        let url = self.issuer.url.clone();
        self.issuer.set(|settings| settings.access_lifetime = 4);

        self.say(
            "Create a vault in a temporary home directory; normally, the OS keychain is used.",
        );
        self.run(
            &["vault", "init", "--unattended"],
            None,
            0,
            "created the vault",
        )?;

        self.say(
            "Log in through the browser. The access tokens of this issuer expire after four seconds.",
        );
        self.login(&url)?;
        self.run(&["list"], None, 0, "alice@example.com")?;

        self.say("A fresh token, and a header for curl that no process list shows.");
        self.run(&["token", "demo"], None, 0, "access-")?;
        self.curl("demo", "/api", "alice")?;

        self.say("The token expires; the next call refreshes it.");
        std::thread::sleep(Duration::from_secs(4));
        let before = self.issuer.refreshes();
        self.curl("demo", "/api", "alice")?;
        if self.issuer.refreshes() != before + 1 {
            return Err("the token was not refreshed exactly once".into());
        }
        println!("    (the server counted one refresh)\n");

        self.say("An API key: read from standard input, never from an argument.");
        let arguments = [
            "key",
            "add",
            "acme",
            "--header",
            "X-API-Key: {key}",
            "--origin",
            url.as_str(),
        ];
        self.run(
            &arguments,
            Some("good-key-of-acme\n"),
            0,
            "stored the key as acme",
        )?;
        self.curl("acme", "/api/key", "key-owner")?;
        self.run(
            &[
                "header",
                "acme",
                "--format",
                "raw",
                "--url",
                "https://elsewhere.example/",
            ],
            None,
            7,
            "is not bound to",
        )?;

        self.say("A request only to the origins of the key, and a program with the key in its environment.");
        if cfg!(unix) {
            self.run(
                &["curl", "acme", "-fsS", &format!("{url}/api/key")],
                None,
                0,
                "key-owner",
            )?;
            self.run(
                &["curl", "acme", "https://elsewhere.example/"],
                None,
                125,
                "is not bound to",
            )?;
            self.run(
                &[
                    "exec",
                    "acme=ACME_KEY",
                    "--",
                    "sh",
                    "-c",
                    "test -n \"$ACME_KEY\" && echo the job has its key",
                ],
                None,
                0,
                "has its key",
            )?;
        }
        self.run(
            &["rename", "acme", "acme/work"],
            None,
            0,
            "renamed acme to acme/work",
        )?;
        self.run(&["status"], None, 0, "acme/work")?;

        self.say("Log out: the login is revoked at the provider and deleted.");
        self.run(
            &["logout", "demo"],
            None,
            0,
            "revoked at the provider and deleted",
        )?;
        self.run(&["token", "demo"], None, 3, "no credential named `demo`")?;
        self.run(
            &["key", "remove", "acme/work"],
            None,
            0,
            "deleted acme/work",
        )?;
        Ok(self.steps)
    }

    fn say(&self, text: &str) {
        println!("# {text}");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("AUTHCTL_HOME", self.home.path())
            .env("AUTHCTL_STORE", "vault");
        command
    }

    /// Runs a command, shows it with its result, and compares both exit code and words.
    fn run(
        &mut self,
        arguments: &[&str],
        input: Option<&str>,
        code: i32,
        says: &str,
    ) -> Result<()> {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let pipe = input
            .map(|input| format!("printf '{}\\n' | ", input.trim_end()))
            .unwrap_or_default();
        println!("  $ {pipe}authctl {}", shown(arguments));
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.unwrap_or_default().as_bytes())?;
        }
        let output = child.wait_with_output()?;
        self.show(&output, code, says)
    }

    /// `curl $(authctl header NAME) URL` in a shell; elsewhere than on Linux, the form with a plain
    /// pipe.
    fn curl(&mut self, name: &str, path: &str, says: &str) -> Result<()> {
        let url = format!("{}{path}", self.issuer.url);
        let script = if cfg!(target_os = "linux") {
            format!("curl -fsS $(authctl header {name}) {url}")
        } else {
            format!("authctl header {name} --format raw | curl -fsS -H @- {url}")
        };
        println!("  $ {script}");
        let folder = self.program.parent().ok_or("the program lies nowhere")?;
        let path = std::env::join_paths([folder.to_owned()].into_iter().chain(
            std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()),
        ))?;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &script])
            .env("PATH", path)
            .env("AUTHCTL_HOME", self.home.path())
            .stdin(Stdio::null());
        let output = shell.output()?;
        self.show(&output, 0, says)
    }

    fn show(&mut self, output: &std::process::Output, code: i32, says: &str) -> Result<()> {
        let text = [&output.stderr[..], &output.stdout[..]].concat();
        let text = String::from_utf8_lossy(&text);
        for line in text.lines() {
            println!("    {line}");
        }
        println!();
        self.steps += 1;
        if output.status.code() != Some(code) || !text.contains(says) {
            return Err(format!(
                "expected exit code {code} and {says:?}, got {:?}",
                output.status.code()
            )
            .into());
        }
        Ok(())
    }

    /// A real browser when there is one, else a stand-in that follows the redirects.
    fn login(&mut self, url: &str) -> Result<()> {
        let real = ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some())
            || cfg!(any(windows, target_os = "macos"));
        let real = real
            && std::env::var_os("CI").is_none()
            && std::env::var_os("SSH_CONNECTION").is_none();
        let mut arguments = vec!["login", url, "--as", "demo", "--client-id", "tool"];
        if !real {
            arguments.push("--no-browser");
        }
        println!("  $ authctl {}", shown(&arguments));
        let mut child = self
            .command(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stderr = BufReader::new(child.stderr.take().ok_or("no standard error")?);
        let mut address = String::new();
        let mut said = Vec::new();
        while !address.trim().starts_with("http") {
            address.clear();
            if stderr.read_line(&mut address)? == 0 {
                return Err(
                    format!("the login ended early: {}", String::from_utf8_lossy(&said)).into(),
                );
            }
            said.extend_from_slice(address.as_bytes());
        }
        let (ended, ending) = channel();
        std::thread::spawn(move || {
            let mut rest = Vec::new();
            let _ = stderr.read_to_end(&mut rest);
            let _ = ended.send(rest);
        });
        let patience = if real {
            BROWSER_PATIENCE
        } else {
            Duration::ZERO
        };
        let rest = match ending.recv_timeout(patience) {
            Err(RecvTimeoutError::Timeout) => {
                println!("    (no browser answered: a stand-in follows the redirects)");
                let redirect = http::location(&http::get(address.trim())?)
                    .ok_or("the issuer did not redirect")?;
                let page = http::get(&redirect)?;
                println!(
                    "    (the page says: {})",
                    if page.contains("<h1>Logged in</h1>") {
                        "Logged in"
                    } else {
                        "Not logged in"
                    }
                );
                ending.recv()?
            }
            other => other?,
        };
        let mut output = child.wait_with_output()?;
        output.stderr = [said, rest].concat();
        self.show(&output, 0, "logged in to demo as alice@example.com")
    }
}

/// Builds the program itself: cargo builds only the library for an example.
fn build() -> Result<PathBuf> {
    println!("Building authctl …");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    // Beside the example: alone its dependencies would have other features, and most of them would
    // be built once more.
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--release",
            "--bin",
            "authctl",
            "--example",
            "tour",
            "--message-format=json-render-diagnostics",
            "--manifest-path",
        ])
        .arg(manifest)
        .stderr(Stdio::inherit())
        .output()?;
    let artifacts = String::from_utf8(built.stdout)?;
    let program = artifacts.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let program = message.get("executable")?.as_str().map(PathBuf::from);
        program.filter(|_| {
            message
                .pointer("/target/kind/0")
                .is_some_and(|kind| kind == "bin")
        })
    });
    program.ok_or_else(|| "authctl could not be built".into())
}

/// Arguments as a person would type them.
fn shown(arguments: &[&str]) -> String {
    let quoted = |word: &&str| {
        if word.contains([' ', '{']) {
            format!("'{word}'")
        } else {
            (*word).to_owned()
        }
    };
    arguments.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
