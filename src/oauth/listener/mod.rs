//! The loopback listener (RFC 8252 section 7.3). The sockets are bound once and stay bound: between
//! a release and a second bind, another process could take the port and with it the code.
//!
//! `tiny_http` has two open advisories, CVE-2026-66752 (any Transfer-Encoding is handled as
//! chunked) and CVE-2026-66753 (line ends in header values that the caller sets). Neither applies
//! here: no body reaches it, and every header is a constant.

mod bind;
mod gate;
mod serve;

use super::authorize::Flow;
use super::callback::Callback;
use super::page::Page;
use crate::provider::Redirect;
#[cfg(any(test, fuzzing))]
pub use gate::fuzz;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tiny_http::{Request, Server};

use gate::Gate;
use serve::{Place, Senders, TICK, Told, response, serve};

/// How many different refused requests are reported to the user.
const MAX_TOLD: usize = 4;

/// Bound sockets that wait for one redirect.
pub struct Listener {
    sockets: Vec<TcpListener>,
    host: String,
    port: u16,
    path: String,
}

/// The reason why the listener failed.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// Every allowed port is in use.
    #[error("cannot listen on {host} port {ports}: {source}")]
    Taken {
        /// The host of the redirect.
        host: String,
        /// The ports that were tried.
        ports: String,
        /// The last error.
        source: io::Error,
    },
    /// The server thread could not start.
    #[error("cannot serve the redirect: {0}")]
    Serve(String),
}

/// A redirect that belongs to the login, and the browser that waits for its page.
pub struct Arrival {
    /// The redirect.
    pub callback: Callback,
    browser: Request,
    gate: Arc<Gate>,
    stop: Arc<AtomicBool>,
}

impl Listener {
    /// Binds an allowed port; `port` overrides those of the row.
    ///
    /// # Errors
    /// Every allowed port is in use.
    pub fn bind(redirect: &Redirect, port: Option<u16>) -> Result<Self, ListenerError> {
        let ports = match port {
            Some(port) => vec![port],
            None if redirect.ports.is_empty() => vec![0],
            None => redirect.ports.clone(),
        };
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for port in &ports {
            match bind::loopback(&redirect.host, *port) {
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

    /// The redirect URI, exactly as both requests of the login must contain it.
    pub fn redirect_uri(&self) -> String {
        format!("http://{}:{}{}", self.host, self.port, self.path)
    }

    /// Serves until a redirect with the right state arrives. Other requests get an answer and
    /// change nothing; `tell` says what was wrong with one that looked like a redirect.
    ///
    /// # Errors
    /// The server could not start. There is no deadline here: drop the future to stop.
    pub async fn arrival(
        self,
        flow: Arc<Flow>,
        tell: impl Fn(&str),
    ) -> Result<Arrival, ListenerError> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let (teller, mut told) = tokio::sync::mpsc::channel(MAX_TOLD);
        let stop = Arc::new(AtomicBool::new(false));
        let guard = StopOnDrop(Some(Arc::clone(&stop)));
        let place = Place {
            redirect_uri: self.redirect_uri(),
            host: format!("{}:{}", self.host, self.port),
            path: self.path,
        };
        let gate = Arc::new(Gate::default());
        let failed = |error: &dyn std::fmt::Display| ListenerError::Serve(error.to_string());
        let server = Server::http((Ipv4Addr::LOCALHOST, 0)).map_err(|error| failed(&error))?;
        let inner = server.server_addr().to_ip();
        let inner = inner.ok_or_else(|| failed(&"the server has no address"))?;
        let mut outer = Vec::new();
        for socket in self.sockets {
            outer.push(socket.local_addr().map_err(|error| failed(&error))?);
            let (gate, stop) = (Arc::clone(&gate), Arc::clone(&stop));
            std::thread::Builder::new()
                .name("gate".into())
                .spawn(move || gate.run(&socket, inner, &stop))
                .map_err(|error| failed(&error))?;
        }
        let (stopped, flow) = (Arc::clone(&stop), Arc::clone(&flow));
        std::thread::Builder::new()
            .name("redirect".into())
            .spawn(move || {
                serve(
                    &server,
                    &place,
                    &flow,
                    &stopped,
                    &Senders { sender, teller },
                );
                // The gates stop at the next connection, also if the server has failed.
                stopped.store(true, Ordering::Relaxed);
                for address in outer {
                    drop(TcpStream::connect_timeout(&address, TICK));
                }
            })
            .map_err(|error| failed(&error))?;
        let (mut earlier, mut foreign) = (Vec::<String>::new(), 0);
        let arrived = loop {
            tokio::select! {
                arrived = receiver.recv() => break arrived,
                Some(Told { text, is_ours }) = told.recv() => {
                    // Any web page can make the browser send requests, so only a few are reported;
                    // they do not hide one with the state of this login.
                    if (is_ours || foreign < MAX_TOLD) && !earlier.contains(&text) {
                        tell(&text);
                        foreign += usize::from(!is_ours);
                        earlier.push(text);
                    }
                }
            }
        };
        let (callback, browser) =
            arrived.ok_or_else(|| ListenerError::Serve("the server thread ended".into()))?;
        // From here on, the page decides when the threads stop.
        guard.release();
        Ok(Arrival {
            callback,
            browser,
            gate,
            stop,
        })
    }
}

impl Arrival {
    /// Shows the result in the browser. If it has disconnected, nothing is shown.
    pub fn answer(self, outcome: Result<&str, &str>) {
        let page = outcome.map_or_else(Page::Failed, Page::Done);
        let _ = self.browser.respond(response(
            if outcome.is_ok() { 200 } else { 400 },
            &page.html(),
        ));
        self.gate.delivered();
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Stops the server threads when a login is cancelled.
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

    /// A browser may resolve `localhost` to either address, so another process must get neither.
    #[test]
    fn localhost_takes_both_addresses() {
        let localhost = Listener::bind(&redirect("localhost", &[]), None).unwrap();
        assert!(TcpListener::bind(("::1", localhost.port)).is_err());
        assert!(TcpListener::bind(("127.0.0.1", localhost.port)).is_err());
        // Any process may hold the same port of the other address, so more than one is tried.
        let ipv4_alone = (0..20).any(|_| {
            let taken = TcpListener::bind("[::1]:0").unwrap();
            let busy = taken.local_addr().unwrap().port();
            assert!(Listener::bind(&redirect("localhost", &[]), Some(busy)).is_err());
            Listener::bind(&redirect("127.0.0.1", &[]), Some(busy)).is_ok()
        });
        assert!(ipv4_alone);
    }

    #[test]
    fn the_first_free_port_of_a_list_is_taken_and_a_taken_one_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let busy = taken.local_addr().unwrap().port();
        // A port that was free a moment ago may be taken by any process, so the list is long.
        let free: Vec<u16> = (0..20)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        let ports = [&[busy], free.as_slice()].concat();
        let listener = Listener::bind(&redirect("127.0.0.1", &ports), None).unwrap();
        assert!(free.contains(&listener.port), "{}", listener.port);
        let error = Listener::bind(&redirect("127.0.0.1", &[]), Some(busy))
            .err()
            .unwrap();
        assert!(error.to_string().contains(&busy.to_string()), "{error}");
    }
}
