//! The program: as what it was started, and how it protects its memory. Everything else is in the
//! library.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let first = arguments.get(1).and_then(|word| word.to_str());
    let rest = arguments.get(2..).unwrap_or_default();
    // Before anything else: other processes of this user read the memory of the holder.
    if first == Some(authctl::HOLD) {
        return authctl::hold(rest);
    }
    harden();
    // A panic message may contain a secret, and the panic of a worker is not the end of the
    // command.
    std::panic::set_hook(Box::new(|_| {}));
    let work = || match first {
        // A completion script sets a variable, which alone changes nothing: no other command line
        // begins with `--`.
        Some("--") if std::env::var_os(authctl::COMPLETE).is_some() => authctl::complete(),
        Some(authctl::KEEP) => authctl::keep(rest),
        _ => authctl::run(&arguments),
    };
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(code) => code,
        Err(_) => {
            authctl::report_defect(&arguments);
            ExitCode::FAILURE
        }
    }
}

/// Protects the memory of this process: no core dump, and on Linux no debugger of the same user.
fn harden() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // One byte is too little for a file, and the one value at which Linux does not pipe the
        // dump to a program either (core(5)). If the limit is already lower, it is set to zero.
        let limit = |bytes| {
            setrlimit(
                Resource::Core,
                Rlimit {
                    current: Some(bytes),
                    maximum: Some(bytes),
                },
            )
        };
        if limit(1).is_err() {
            let _ = limit(0);
        }
        #[cfg(target_os = "linux")]
        let _ =
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
}
