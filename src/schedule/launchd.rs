//! A launchd agent (launchd.plist(5)).

use super::task::{element, escaped};
use super::{ARGUMENTS, Job, MARK};
use std::path::PathBuf;

/// The label of the agent.
pub const LABEL: &str = "com.github.authctl.rotate";

/// The program that an agent runs.
pub fn program(plist: &str) -> Option<PathBuf> {
    let (_, rest) = plist.split_once("<key>ProgramArguments</key>")?;
    element(rest, "string").map(PathBuf::from)
}

/// The property list: once a day; a run that was missed during sleep is made up for.
pub fn plist(job: &Job) -> String {
    let program = job.program.to_string_lossy();
    let words = std::iter::once(program.as_ref()).chain(ARGUMENTS);
    let words: String = words
        .map(|word| format!("    <string>{}</string>\n", escaped(word)))
        .collect();
    let variables: String = job
        .variables
        .iter()
        .map(|(name, value)| {
            format!(
                "    <key>{}</key>\n    <string>{}</string>\n",
                escaped(name),
                escaped(value)
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <!-- {MARK} -->\n\
         <plist version=\"1.0\">\n\
         <dict>\n  \
         <key>Label</key>\n  <string>{LABEL}</string>\n  \
         <key>ProgramArguments</key>\n  <array>\n{words}  </array>\n  \
         <key>EnvironmentVariables</key>\n  <dict>\n{variables}  </dict>\n  \
         <key>StartCalendarInterval</key>\n  <dict>\n    <key>Hour</key>\n    <integer>11</integer>\n    <key>Minute</key>\n    <integer>17</integer>\n  </dict>\n  \
         <key>ProcessType</key>\n  <string>Background</string>\n\
         </dict>\n\
         </plist>\n"
    )
}
