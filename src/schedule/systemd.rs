//! A systemd user timer (systemd.timer(5), systemd.exec(5)).

use super::{ARGUMENTS, Job, MARK};
use std::path::PathBuf;

/// The timer: once a day, made up for if the machine was off, and not at the same minute
/// everywhere.
pub fn timer() -> String {
    format!(
        "# {MARK}\n\
     [Unit]\n\
     Description=Rotate the keys that are due\n\
     Documentation=man:authctl-rotate(1)\n\
     \n\
     [Timer]\n\
     OnCalendar=daily\n\
     Persistent=true\n\
     RandomizedDelaySec=2h\n\
     \n\
     [Install]\n\
     WantedBy=timers.target\n"
    )
}

/// The service. It writes to the home folder, and talks to the network and the session bus, and to
/// nothing else.
pub fn service(job: &Job) -> String {
    let command: Vec<String> = std::iter::once(quoted(&job.program.to_string_lossy()))
        .chain(ARGUMENTS.map(str::to_owned))
        .collect();
    let variables: String = job
        .variables
        .iter()
        .map(|(name, value)| format!("Environment={}\n", quoted(&format!("{name}={value}"))))
        .collect();
    format!(
        "# {MARK}\n\
         [Unit]\n\
         Description=Rotate the keys that are due\n\
         Documentation=man:authctl-rotate(1)\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart={}\n\
         {variables}\
         SuccessExitStatus=8\n\
         TimeoutStartSec=1h\n\
         UMask=0077\n\
         LimitCORE=0\n\
         NoNewPrivileges=true\n\
         LockPersonality=true\n\
         MemoryDenyWriteExecute=true\n\
         RestrictRealtime=true\n\
         RestrictSUIDSGID=true\n\
         RestrictNamespaces=true\n\
         RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n\
         SystemCallArchitectures=native\n",
        command.join(" ")
    )
}

/// The program that a service runs.
pub fn program(service: &str) -> Option<PathBuf> {
    let mut lines = service.lines();
    let line = lines.find_map(|line| line.strip_prefix("ExecStart=\""))?;
    let (mut path, mut characters) = (String::new(), line.chars());
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => path.push(characters.next()?),
            '%' => path.extend(characters.next().filter(|next| *next == '%')),
            character => path.push(character),
        }
    }
    Some(path.into())
}

/// Quotes a word of a unit file, with `%` escaped (systemd.syntax(7)). `$` is not special in the
/// path of a program and in `Environment` (systemd.exec(5)), and our arguments contain none.
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_anything_in_it_stays_one_word() {
        let job = Job {
            program: "/home/a b/50%/\"x\"/authctl".into(),
            variables: vec![("AUTHCTL_HOME".into(), "/a b".into())],
        };
        let text = service(&job);
        assert!(text.contains("ExecStart=\"/home/a b/50%%/\\\"x\\\"/authctl\" --quiet --no-input rotate --due --scheduled\n"), "{text}");
        assert_eq!(program(&text), Some(job.program));
        assert_eq!(program("[Service]\nExecStart=/usr/bin/x"), None);
        assert!(
            text.contains("Environment=\"AUTHCTL_HOME=/a b\"\n"),
            "{text}"
        );
    }
}
