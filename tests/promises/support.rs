//! A home of its own for each test, and a browser's stand-in.

use crate::issuer::{Issuer, http};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A home with an unattended vault.
pub struct Home {
    folder: tempfile::TempDir,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        let home = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        home.run(&["vault", "init", "--unattended"]).done();
        home
    }

    /// An empty home.
    pub fn without_vault() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A copy of this home, as on another machine.
    pub fn copy(&self) -> Self {
        let copy = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        copy_folder(self.path(), copy.path());
        copy
    }

    /// A home with a login called `op` at the issuer.
    pub fn logged_in(issuer: &Issuer) -> Self {
        let home = Self::new();
        home.login(issuer, &[]).done();
        home
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_authctl"));
        command
            .args(arguments)
            .env_clear()
            .env("AUTHCTL_HOME", self.path())
            .env("AUTHCTL_STORE", "vault");
        // Nobody's real keychain is reached from here.
        command
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that fails early does not read it all.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ran::from(child.wait_with_output().unwrap())
    }

    /// Logs in as `op`, with a stand-in that follows the redirects as a browser would.
    pub fn login(&self, issuer: &Issuer, more: &[&str]) -> Ran {
        self.login_as(issuer, "op", more)
    }

    pub fn login_as(&self, issuer: &Issuer, name: &str, more: &[&str]) -> Ran {
        let mut login = self.begin_login(issuer, name, more);
        let redirect = login.authorize();
        let _ = http::get(&redirect);
        login.end()
    }

    /// A key called `acme` for the issuer's API.
    pub fn with_key(&self, issuer: &Issuer, name: &str, key: &str) -> Ran {
        self.run_with_input(
            &[
                "key",
                "add",
                name,
                "--header",
                "X-API-Key: {key}",
                "--origin",
                &issuer.url,
            ],
            key.as_bytes(),
        )
    }

    /// Standard output as JSON.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let ran = self.run(&[&["--json"], arguments].concat());
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
    }

    pub fn begin_login(&self, issuer: &Issuer, name: &str, more: &[&str]) -> Login {
        let mut arguments = vec!["login", issuer.url.as_str(), "--as", name, "--no-browser"];
        if !more.contains(&"--client-id") {
            arguments.extend(["--client-id", "tool"]);
        }
        arguments.extend(more);
        let child = self
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Login::from(child)
    }

    /// Every file below the home, with its bytes.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path())
                } else {
                    found.push((entry.path(), std::fs::read(entry.path()).unwrap()))
                }
            }
        }
        found
    }

    /// Replaces text in a file, as an editor would.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let path = self.file(path);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains(from),
            "{from} is not in {}:\n{text}",
            path.display()
        );
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// It failed with this code, a sentence and (but for 130) nothing on standard output.
    #[track_caller]
    pub fn failed(self, code: i32, says: &str) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(self.stderr.contains(says), "expected {says:?} in {self:#?}");
        assert_eq!(
            self.stdout, "",
            "standard output is the answer and nothing else"
        );
        self
    }
}

/// A login that waits for its browser.
pub struct Login {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    said: String,
    pub url: String,
}

impl From<Child> for Login {
    fn from(mut child: Child) -> Self {
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (mut said, mut url) = (String::new(), String::new());
        while url.is_empty() {
            let mut line = String::new();
            if stderr.read_line(&mut line).unwrap() == 0 {
                break;
            }
            if line.trim().starts_with("http") {
                url = line.trim().to_owned();
            }
            said.push_str(&line);
        }
        Self {
            child,
            stderr,
            said,
            url,
        }
    }
}

impl Login {
    /// Goes to the server's page; gives the redirect to the listener.
    pub fn authorize(&mut self) -> String {
        if self.url.is_empty() {
            return String::new();
        }
        http::location(&http::get(&self.url).unwrap()).unwrap_or_default()
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[cfg(unix)]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn end(mut self) -> Ran {
        std::io::Read::read_to_string(&mut self.stderr, &mut self.said).unwrap();
        let mut ran = Ran::from(self.child.wait_with_output().unwrap());
        ran.stderr = self.said;
        ran
    }
}

/// A login whose cached access token is too old to be used.
pub fn expired(issuer: &Issuer) -> Home {
    issuer.set(|settings| settings.access_lifetime = 1);
    let home = Home::logged_in(issuer);
    issuer.set(|settings| settings.access_lifetime = 3600);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    home
}

/// Copies the files of a folder, with their modes.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let modes = std::fs::metadata(from).unwrap().permissions();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target);
        } else {
            std::fs::copy(source, target).unwrap();
        }
    }
    std::fs::set_permissions(to, modes).unwrap();
}
