//! Binding the loopback sockets of a redirect.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// Binds `port` of the host, or any free port if it is 0. The result is the sockets and their port.
///
/// # Errors
/// The port is in use, or loopback does not work.
pub(super) fn loopback(host: &str, port: u16) -> io::Result<(Vec<TcpListener>, u16)> {
    let v4 = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let v6 = |port| TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    if host == "[::1]" {
        let socket = v6(port)?;
        let port = socket.local_addr()?.port();
        return Ok((vec![socket], port));
    }
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    // A free port of one address family can be in use in the other, so several are tried.
    for _ in 0..8 {
        let first = v4(port)?;
        let bound = first.local_addr()?.port();
        if host != "localhost" {
            return Ok((vec![first], bound));
        }
        // A browser may resolve `localhost` to either address family: bind both, or another process
        // could answer on the other.
        match v6(bound) {
            Ok(second) => return Ok((vec![first, second], bound)),
            // Without IPv6, no other process can bind it either.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
                ) =>
            {
                return Ok((vec![first], bound));
            }
            Err(error) if port != 0 => return Err(error),
            Err(error) => last = error,
        }
    }
    Err(last)
}
