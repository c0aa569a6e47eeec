//! Opening the browser: `BROWSER` first, as other tools do, else what the system prefers.

use std::process::{Command, Stdio};
use std::time::Duration;

/// A launcher that has not come back by then is taken to show the page.
const LAUNCH: Duration = Duration::from_secs(5);

/// Why no page came up.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// Not something for a browser.
    #[error("not a web address")]
    NotWeb,
    /// No launcher worked.
    #[error("no browser could be started")]
    None(#[source] std::io::Error),
}

/// Opens a page in the person's browser without waiting for it.
///
/// # Errors
/// Nothing could be started.
pub fn open_browser(url: &url::Url) -> Result<(), BrowserError> {
    // The address is built here from a checked endpoint; still, nothing but the web is ever launched.
    if !matches!(url.scheme(), "https" | "http") {
        return Err(BrowserError::NotWeb);
    }
    let Some(choices) = std::env::var("BROWSER")
        .ok()
        .filter(|choices| !choices.is_empty())
    else {
        // In the Windows Subsystem for Linux the person's browser is on the other side, which can reach this loopback. The
        // address is one argument of a program: no shell there takes it apart.
        if is_wsl() && launch(WINDOWS, url.as_str()).is_ok() {
            return Ok(());
        }
        return open::that_detached_with_timeout(url.as_str(), LAUNCH).map_err(BrowserError::None);
    };
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for choice in choices
        .split(if cfg!(windows) { ';' } else { ':' })
        .filter(|choice| !choice.is_empty())
    {
        match launch(choice, url.as_str()) {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(BrowserError::None(last))
}

/// Runs one entry of `BROWSER`: a program and its arguments, `%s` for the address (or it goes last).
fn launch(choice: &str, url: &str) -> std::io::Result<()> {
    let mut words = choice.split_whitespace();
    let Some(program) = words.next() else {
        return Err(std::io::ErrorKind::NotFound.into());
    };
    let mut arguments: Vec<String> = words.map(|word| word.replace("%s", url)).collect();
    if !choice.contains("%s") {
        arguments.push(url.to_owned());
    }
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // Reaped in the background: a browser may run for hours.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// What opens an address on the Windows side of WSL.
const WINDOWS: &str = "rundll32.exe url.dll,FileProtocolHandler";

/// Whether this is the Windows Subsystem for Linux.
pub fn is_wsl() -> bool {
    cfg!(target_os = "linux")
        && (std::env::var_os("WSL_DISTRO_NAME").is_some()
            || std::path::Path::new("/proc/sys/fs/binfmt_misc/WSLInterop").exists())
}

/// The program that would open a page, if one is there.
pub fn launcher() -> Option<String> {
    if let Some(choices) = std::env::var("BROWSER")
        .ok()
        .filter(|choices| !choices.is_empty())
    {
        let programs = choices
            .split(if cfg!(windows) { ';' } else { ':' })
            .filter_map(|choice| choice.split_whitespace().next());
        return programs
            .map(str::to_owned)
            .find(|program| is_program(program));
    }
    if cfg!(windows) {
        return Some("the system's default".into());
    }
    if is_wsl() && is_program("rundll32.exe") {
        return Some("rundll32.exe".into());
    }
    // What `open` tries, in its order.
    [
        "open",
        "xdg-open",
        "gio",
        "gnome-open",
        "kde-open",
        "wslview",
    ]
    .into_iter()
    .filter(|program| cfg!(target_os = "macos") == (*program == "open"))
    .find(|program| is_program(program))
    .map(str::to_owned)
}

fn is_program(name: &str) -> bool {
    if name.contains('/') {
        return std::path::Path::new(name).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// A session that came over SSH and has no display of its own: a browser here would be on the wrong machine.
pub struct SshSession {
    user: String,
    host: String,
    port: String,
}

/// The session of this process, if it is one.
pub fn ssh_session() -> Option<SshSession> {
    if ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    {
        return None;
    }
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| "USER".into());
    SshSession::from_variables(&std::env::var("SSH_CONNECTION").ok()?, &user)
}

impl SshSession {
    /// `SSH_CONNECTION` is client address and port, server address and port (ssh(1)). It is shown to be typed, so nothing
    /// else than an address may be in it.
    fn from_variables(connection: &str, user: &str) -> Option<Self> {
        let words: Vec<&str> = connection.split_whitespace().collect();
        let [_, _, host, port] = words.as_slice() else {
            return None;
        };
        let host: std::net::IpAddr = host.split('%').next()?.parse().ok()?;
        let port: u16 = port.parse().ok()?;
        let user = if user
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        {
            user
        } else {
            "USER"
        };
        Some(Self {
            user: user.to_owned(),
            host: host.to_string(),
            port: port.to_string(),
        })
    }

    /// What to type on the machine that the browser is on, so that `port` here can be reached from there.
    pub fn forward(&self, port: u16) -> String {
        let server_port = if self.port == "22" {
            String::new()
        } else {
            format!(" -p {}", self.port)
        };
        format!(
            "ssh -N -L {port}:127.0.0.1:{port}{server_port} {}@{}",
            self.user, self.host
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_to_type_names_this_machine() {
        let session = SshSession::from_variables("10.0.0.1 5000 192.0.2.7 22", "ann").unwrap();
        assert_eq!(
            session.forward(4242),
            "ssh -N -L 4242:127.0.0.1:4242 ann@192.0.2.7"
        );
        let session = SshSession::from_variables("::1 5000 fe80::1%eth0 2222", "a;b").unwrap();
        assert_eq!(
            session.forward(1),
            "ssh -N -L 1:127.0.0.1:1 -p 2222 USER@fe80::1"
        );
        for bad in ["", "a b c d", "1.1.1.1 1 $(id) 22", "1.1.1.1 1 1.1.1.1 x"] {
            assert!(SshSession::from_variables(bad, "ann").is_none(), "{bad}");
        }
    }
}
