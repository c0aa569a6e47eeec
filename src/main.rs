//! The program; everything else is in the library.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = authctl::run_as_holder(&arguments) {
        return code;
    }
    authctl::harden();
    // A panic message may contain a secret, and the panic of a worker is not the end of the
    // command.
    std::panic::set_hook(Box::new(|_| {}));
    let work = || {
        if authctl::asks_for_completion(&arguments) {
            return authctl::complete();
        }
        if let Some(arguments) = authctl::keeper_arguments(&arguments) {
            return authctl::keep(arguments);
        }
        authctl::run(&arguments)
    };
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(code) => code,
        Err(_) => {
            authctl::report_defect(&arguments);
            ExitCode::FAILURE
        }
    }
}
