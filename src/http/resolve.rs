//! Resolving host names in a statically linked program.
//!
//! glibc resolves a name with the modules in `nsswitch.conf` (mDNS, systemd-resolved, LDAP), which
//! are shared objects of the installed glibc. In a static program of another glibc version they end
//! the process with a signal. So a static authctl asks `getent`, which comes with the installed
//! glibc and gives the same answer that a dynamic program would get.

use crate::process::run_within;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Whether this program is linked statically against glibc.
pub(super) const IS_STATIC: bool = cfg!(all(
    target_os = "linux",
    target_env = "gnu",
    target_feature = "crt-static"
));

/// Where `getent` usually is: a program of that name elsewhere in `PATH` is used only without it.
const GETENT: &str = "/usr/bin/getent";

/// How long to wait for an answer. A name server that does not answer is asked for 30 seconds by
/// default (resolv.conf(5): three attempts of five seconds, at two servers).
const PATIENCE: Duration = Duration::from_secs(30);

/// Resolves names with `getent`.
pub(super) struct Getent;

impl Resolve for Getent {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found = tokio::task::spawn_blocking(move || addresses(&name)).await??;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a host, in the order of preference (RFC 6724), with port 0.
fn addresses(name: &str) -> io::Result<Vec<SocketAddr>> {
    let getent = if Path::new(GETENT).exists() {
        GETENT
    } else {
        "getent"
    };
    let mut command = Command::new(getent);
    command.args(["ahosts", "--", name]).stderr(Stdio::null());
    let finished = run_within(&mut command, &[], PATIENCE)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot run `getent`: {error}")))?
        .ok_or(io::ErrorKind::TimedOut)?;
    let found = parse(&String::from_utf8_lossy(&finished.stdout));
    if found.is_empty() {
        // As the library of a dynamic program says it.
        return Err(io::Error::other(
            "failed to lookup address information: Name or service not known",
        ));
    }
    Ok(found)
}

/// Reads lines of `ADDRESS STREAM NAME`: each address is listed once for each kind of socket.
fn parse(text: &str) -> Vec<SocketAddr> {
    let streams = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (address, kind) = (words.next()?, words.next()?);
        (kind == "STREAM").then_some(address)
    });
    streams
        .filter_map(|address| {
            // A link-local address has its interface after a `%`.
            let address: IpAddr = address.split('%').next()?.parse().ok()?;
            Some(SocketAddr::from((address, 0)))
        })
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_listed_once() {
        let text = "2001:db8::1     STREAM example.test\n2001:db8::1     DGRAM  \n\
            2001:db8::1     RAW    \n192.0.2.1       STREAM \n192.0.2.1       DGRAM  \n\
            fe80::1%eth0    STREAM \nnonsense STREAM\nlonely\n\n";
        let found: Vec<String> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["[2001:db8::1]:0", "192.0.2.1:0", "[fe80::1]:0"]);
    }

    #[test]
    fn a_name_is_resolved_as_any_program_resolves_it() {
        let found = addresses("localhost").unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()));
        let error = addresses("nosuch.invalid").unwrap_err();
        assert!(error.to_string().contains("Name or service not known"));
    }
}
