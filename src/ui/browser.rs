//! Opening the browser: as `BROWSER` says, or the default of the system.

use std::process::{Command, Stdio};
use std::time::Duration;

/// How long to wait for the program that opens the browser. After that, it is assumed to have
/// worked.
const LAUNCH: Duration = Duration::from_secs(5);

/// Why no browser was opened.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The URL is not for a browser.
    #[error("the URL is not an http or https URL")]
    NotWeb,
    /// No program worked.
    #[error("cannot open a browser: {0}")]
    None(#[source] std::io::Error),
}

/// Opens a page in the browser without waiting for it.
///
/// # Errors
/// No program could be started.
pub fn open_browser(url: &url::Url) -> Result<(), BrowserError> {
    // The URL is made from a checked endpoint. Still, only web addresses are ever opened.
    if !matches!(url.scheme(), "https" | "http") {
        return Err(BrowserError::NotWeb);
    }
    let Some(choices) = std::env::var("BROWSER")
        .ok()
        .filter(|choices| !choices.is_empty())
    else {
        // In the Windows Subsystem for Linux, the browser is on the Windows side, which can reach
        // this loopback address. The URL is an argument of a program, and no shell parses it.
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

/// Runs one entry of `BROWSER`: a program and its arguments, with `%s` for the URL (or the URL as
/// the last argument).
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
    // Waited for in the background: a browser may run for hours.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// The program that opens a URL on the Windows side of WSL.
const WINDOWS: &str = "rundll32.exe url.dll,FileProtocolHandler";

/// Whether this is the Windows Subsystem for Linux.
pub fn is_wsl() -> bool {
    cfg!(target_os = "linux")
        && (std::env::var_os("WSL_DISTRO_NAME").is_some()
            || std::path::Path::new("/proc/sys/fs/binfmt_misc/WSLInterop").exists())
}

/// The program that would open a page, if it exists.
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
        return Some("the default browser".into());
    }
    if is_wsl() && is_program("rundll32.exe") {
        return Some("rundll32.exe".into());
    }
    // The programs that `open` tries, in the same order.
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
    std::env::split_paths(&path).any(|folder| {
        let file = folder.join(name);
        file.is_file() || cfg!(windows) && file.with_extension("exe").is_file()
    })
}

/// An SSH session without a display: a browser here would be on the wrong machine.
pub struct SshSession {
    user: String,
    host: String,
    port: String,
}

/// The SSH session of this process.
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
    /// `SSH_CONNECTION` contains the address and port of client and server (ssh(1)). The result is
    /// shown as a command to type, so it may contain nothing but an address.
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

    /// The command to run on the machine with the browser, so that `port` here can be reached from
    /// there.
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
