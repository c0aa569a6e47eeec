//! The promises, told by the real binary in its own home, against an issuer of our own on loopback.
//! No network, no keychain and no shell is needed: those have their own tests (`tests/run`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail"
)]

#[path = "../issuer/mod.rs"]
mod issuer;

mod answers;
mod daily;
mod disk;
mod hostile;
mod house;
mod import;
mod keys;
mod listener;
mod login;
mod refresh;
mod support;
// What is shown of paths, programs and errors of the system is that of Linux.
#[cfg(target_os = "linux")]
mod transcripts;
mod typed;
