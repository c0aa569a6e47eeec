//! The requests that the listener gets: one is the redirect, all others are refused.

use crate::oauth::authorize::{Callback, Flow};
use crate::oauth::page::Page;
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tiny_http::{Header, Method, Request, Response, Server};

/// The interval at which a server thread checks whether it should stop.
const TICK: Duration = Duration::from_millis(100);

/// The longest request target that is read, in bytes; codes have a few hundred.
const MAX_TARGET: usize = 16 * 1024;

/// The address of the redirect.
pub(super) struct Place {
    /// Host and port.
    pub host: String,
    /// The path.
    pub path: String,
}

/// Answers requests until it is told to stop, and sends the redirect to the login.
pub(super) fn serve(
    server: &Server,
    place: &Place,
    flow: &Flow,
    stop: &AtomicBool,
    sender: &tokio::sync::mpsc::Sender<(Callback, Request)>,
) {
    let address = server.server_addr().to_ip();
    while !stop.load(Ordering::Relaxed) {
        let request = match server.recv_timeout(TICK) {
            Ok(Some(request)) => request,
            Ok(None) => {
                // When two connections arrive at the same moment, the server may queue the second
                // one behind the first, and a silent first one blocks it. A connection that is
                // closed at once makes the server start another thread.
                if let Some(address) = address {
                    drop(TcpStream::connect_timeout(&address, TICK));
                }
                continue;
            }
            Err(_) => return,
        };
        match accept(&request, place, flow) {
            Ok(callback) => {
                // Full or closed: the login has its response already, and this is a second browser
                // tab.
                if let Err(error) = sender.try_send((callback, request)) {
                    let (tokio::sync::mpsc::error::TrySendError::Full((_, request))
                    | tokio::sync::mpsc::error::TrySendError::Closed((_, request))) = error;
                    refuse(request, 409, "This login has already been completed");
                }
            }
            Err((status, reason)) => refuse(request, status, reason),
        }
    }
}

/// Whether a request is the expected redirect; otherwise the answer to it.
fn accept(request: &Request, place: &Place, flow: &Flow) -> Result<Callback, (u16, &'static str)> {
    let host = request
        .headers()
        .iter()
        .find(|header| header.field.equiv("Host"));
    // A page on another site that resolves its own name to loopback (DNS rebinding) sends that name
    // here. The default port of http is omitted.
    let ours = |value: &str| {
        value.eq_ignore_ascii_case(&place.host)
            || place
                .host
                .strip_suffix(":80")
                .is_some_and(|bare| value.eq_ignore_ascii_case(bare))
    };
    if host.is_none_or(|header| !ours(header.value.as_str())) {
        return Err((421, "authctl does not listen on this address"));
    }
    if *request.method() != Method::Get {
        return Err((405, "Only GET is supported here"));
    }
    let target = request.url();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != place.path {
        return Err((404, "Not found"));
    }
    if target.len() > MAX_TARGET {
        return Err((414, "The address is too long"));
    }
    let callback = Callback::from_query(query);
    if flow.is_ours(&callback) {
        Ok(callback)
    } else {
        Err((400, "This response does not belong to the current login"))
    }
}

fn refuse(request: Request, status: u16, reason: &str) {
    let _ = request.respond(response(status, &Page::Failed(reason).html()));
}

/// A page with headers that forbid everything it does not need.
pub(super) fn response(status: u16, html: &str) -> Response<io::Cursor<Vec<u8>>> {
    let mut response = Response::from_string(html).with_status_code(status);
    for (name, value) in [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ),
        ("Connection", "close"),
    ] {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    response
}
