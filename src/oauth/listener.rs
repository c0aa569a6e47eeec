//! The loopback listener (RFC 8252 section 7.3). The sockets are bound once and held: between a release and a second
//! bind a stranger could take the port and with it the code.
//!
//! `tiny_http` has two open advisories, CVE-2026-66752 (any Transfer-Encoding is taken as chunked) and CVE-2026-66753
//! (line ends in header values that we set). Neither is reached here: no body is read and every header is a constant.

use super::authorize::{Callback, Flow};
use super::page::Page;
use crate::provider::Redirect;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tiny_http::{Header, Method, Request, Response, Server};

/// How often a server thread looks whether it is still wanted.
const TICK: Duration = Duration::from_millis(100);

/// The longest request target that is looked at, in bytes; codes are a few hundred.
const MAX_TARGET: usize = 16 * 1024;

/// Bound sockets that wait for one redirect.
pub struct Listener {
    sockets: Vec<TcpListener>,
    host: String,
    port: u16,
    path: String,
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// Every allowed port is taken.
    #[error("cannot listen on {host} port {ports}: {source}")]
    Taken {
        /// The redirect's host.
        host: String,
        /// The ports that were tried.
        ports: String,
        /// The last reason.
        source: io::Error,
    },
    /// The server thread could not start.
    #[error("cannot serve the redirect: {0}")]
    Serve(String),
}

/// A redirect that answers the login, and the browser that still waits for its page.
pub struct Arrival {
    /// The redirect.
    pub callback: Callback,
    browser: Request,
    stop: Arc<AtomicBool>,
}

impl Listener {
    /// Binds what the row allows; `port` overrides it.
    ///
    /// # Errors
    /// Every allowed port is taken.
    pub fn bind(redirect: &Redirect, port: Option<u16>) -> Result<Self, ListenerError> {
        let ports = match port {
            Some(port) => vec![port],
            None if redirect.ports.is_empty() => vec![0],
            None => redirect.ports.clone(),
        };
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for port in &ports {
            match bind(&redirect.host, *port) {
                Ok((sockets, port)) => {
                    return Ok(Self {
                        sockets,
                        host: redirect.host.clone(),
                        port,
                        path: redirect.path.clone(),
                    });
                }
                Err(error) => last = error,
            }
        }
        let ports = ports
            .iter()
            .map(u16::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        Err(ListenerError::Taken {
            host: redirect.host.clone(),
            ports,
            source: last,
        })
    }

    /// The redirect URI, byte for byte as both requests of the login must say it.
    pub fn redirect_uri(&self) -> String {
        format!("http://{}:{}{}", self.host, self.port, self.path)
    }

    /// Serves until a redirect with the right state arrives. Strangers get an answer and change nothing.
    ///
    /// # Errors
    /// The server could not start. There is no deadline here: drop the future to stop.
    pub async fn arrival(self, flow: Arc<Flow>) -> Result<Arrival, ListenerError> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let stop = Arc::new(AtomicBool::new(false));
        let guard = StopOnDrop(Some(Arc::clone(&stop)));
        let place = Arc::new(Place {
            host: format!("{}:{}", self.host, self.port),
            path: self.path,
        });
        for socket in self.sockets {
            let server = Server::from_listener(socket, None)
                .map_err(|error| ListenerError::Serve(error.to_string()))?;
            let (sender, stop, flow, place) = (
                sender.clone(),
                Arc::clone(&stop),
                Arc::clone(&flow),
                Arc::clone(&place),
            );
            std::thread::Builder::new()
                .name("redirect".into())
                .spawn(move || serve(&server, &place, &flow, &stop, &sender))
                .map_err(|error| ListenerError::Serve(error.to_string()))?;
        }
        drop(sender);
        let arrived = receiver.recv().await;
        let (callback, browser) =
            arrived.ok_or_else(|| ListenerError::Serve("the server thread ended".into()))?;
        // From here on the page decides how long the threads are wanted.
        guard.release();
        Ok(Arrival {
            callback,
            browser,
            stop,
        })
    }
}

impl Arrival {
    /// Tells the browser how it ended. It may have gone; then nobody is told.
    pub fn answer(self, outcome: Result<&str, &str>) {
        let page = outcome.map_or_else(Page::Failed, Page::Done);
        let _ = self.browser.respond(response(
            if outcome.is_ok() { 200 } else { 400 },
            &page.html(),
        ));
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Place {
    host: String,
    path: String,
}

/// Ends the server threads when a login is given up.
struct StopOnDrop(Option<Arc<AtomicBool>>);

impl StopOnDrop {
    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(stop) = &self.0 {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

fn bind(host: &str, port: u16) -> io::Result<(Vec<TcpListener>, u16)> {
    let v4 = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let v6 = |port| TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    if host == "[::1]" {
        let socket = v6(port)?;
        let port = socket.local_addr()?.port();
        return Ok((vec![socket], port));
    }
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    // A free port of one family can be taken in the other, so a few are tried.
    for _ in 0..8 {
        let first = v4(port)?;
        let bound = first.local_addr()?.port();
        if host != "localhost" {
            return Ok((vec![first], bound));
        }
        // A browser may resolve `localhost` to either family: hold both, or somebody else answers on the other.
        match v6(bound) {
            Ok(second) => return Ok((vec![first, second], bound)),
            // A machine without IPv6 has nobody to take the other one.
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

fn serve(
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
                // When two connections come at the same moment, the server may queue the second one behind the first,
                // and a silent first one never makes room. A connection that ends at once brings a thread that does.
                if let Some(address) = address {
                    drop(TcpStream::connect_timeout(&address, TICK));
                }
                continue;
            }
            Err(_) => return,
        };
        match judge(&request, place, flow) {
            Ok(callback) => {
                // Full or closed: the login has its answer already, this one is a second browser tab.
                if let Err(error) = sender.try_send((callback, request)) {
                    let (tokio::sync::mpsc::error::TrySendError::Full((_, request))
                    | tokio::sync::mpsc::error::TrySendError::Closed((_, request))) = error;
                    refuse(request, 409, "This login has been answered already");
                }
            }
            Err((status, reason)) => refuse(request, status, reason),
        }
    }
}

/// Whether a request is the redirect we wait for; otherwise what to tell the stranger.
fn judge(request: &Request, place: &Place, flow: &Flow) -> Result<Callback, (u16, &'static str)> {
    let host = request
        .headers()
        .iter()
        .find(|header| header.field.equiv("Host"));
    // A page elsewhere that resolves its own name to loopback (DNS rebinding) carries its own name here.
    // The default port of http is left out.
    let ours = |value: &str| {
        value.eq_ignore_ascii_case(&place.host)
            || place
                .host
                .strip_suffix(":80")
                .is_some_and(|bare| value.eq_ignore_ascii_case(bare))
    };
    if host.is_none_or(|header| !ours(header.value.as_str())) {
        return Err((421, "This is not the address that authctl listens on"));
    }
    if *request.method() != Method::Get {
        return Err((405, "Only GET is served here"));
    }
    let target = request.url();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != place.path {
        return Err((404, "There is nothing here"));
    }
    if target.len() > MAX_TARGET {
        return Err((414, "The address is too long"));
    }
    let callback = Callback::from_query(query);
    if flow.is_ours(&callback) {
        Ok(callback)
    } else {
        Err((400, "This answer does not belong to the login in progress"))
    }
}

fn refuse(request: Request, status: u16, reason: &str) {
    let _ = request.respond(response(status, &Page::Failed(reason).html()));
}

fn response(status: u16, html: &str) -> Response<io::Cursor<Vec<u8>>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(host: &str, ports: &[u16]) -> Redirect {
        Redirect {
            host: host.into(),
            ports: ports.to_vec(),
            path: "/callback".into(),
        }
    }

    #[test]
    fn the_redirect_uri_is_spelled_as_the_row_says() {
        for host in ["127.0.0.1", "localhost"] {
            let listener = Listener::bind(&redirect(host, &[]), None).unwrap();
            assert!(
                listener
                    .redirect_uri()
                    .starts_with(&format!("http://{host}:"))
            );
            assert!(listener.redirect_uri().ends_with("/callback"));
        }
    }

    #[test]
    fn the_first_free_port_of_a_list_is_taken_and_a_taken_one_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let busy = taken.local_addr().unwrap().port();
        let free = {
            TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port()
        };
        let listener = Listener::bind(&redirect("127.0.0.1", &[busy, free]), None).unwrap();
        assert_eq!(listener.port, free);
        let error = Listener::bind(&redirect("127.0.0.1", &[]), Some(busy))
            .err()
            .unwrap();
        assert!(error.to_string().contains(&busy.to_string()), "{error}");
    }
}
