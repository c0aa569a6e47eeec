//! A task of the Windows Task Scheduler
//! (<https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema>).

use super::{ARGUMENTS, Job, MARK};
use std::path::PathBuf;

/// The task: once a day, made up for if the machine was off, only while its user is logged on, so
/// that the Credential Manager is open.
pub fn xml(job: &Job) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!-- {MARK} -->\n\
         <Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\n  \
         <RegistrationInfo>\n    <Description>Rotate the keys that are due</Description>\n  </RegistrationInfo>\n  \
         <Triggers>\n    <CalendarTrigger>\n      <StartBoundary>2026-01-01T11:17:00</StartBoundary>\n      \
         <RandomDelay>PT2H</RandomDelay>\n      <ScheduleByDay>\n        <DaysInterval>1</DaysInterval>\n      </ScheduleByDay>\n    </CalendarTrigger>\n  </Triggers>\n  \
         <Principals>\n    <Principal id=\"Author\">\n      <LogonType>InteractiveToken</LogonType>\n      <RunLevel>LeastPrivilege</RunLevel>\n    </Principal>\n  </Principals>\n  \
         <Settings>\n    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>\n    <StartWhenAvailable>true</StartWhenAvailable>\n    \
         <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>\n    \
         <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>\n    \
         <ExecutionTimeLimit>PT1H</ExecutionTimeLimit>\n  </Settings>\n  \
         <Actions Context=\"Author\">\n    <Exec>\n      <Command>{}</Command>\n      <Arguments>{}</Arguments>\n    </Exec>\n  </Actions>\n\
         </Task>\n",
        escaped(&job.program.to_string_lossy()),
        escaped(&ARGUMENTS.join(" "))
    )
}

/// The program that a task runs.
pub fn program(xml: &str) -> Option<PathBuf> {
    element(xml, "Command").map(PathBuf::from)
}

/// The text of the first element of a name.
pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    quick_xml::escape::unescape(text).ok().map(Into::into)
}

/// Escapes text for an XML element.
pub(super) fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}
