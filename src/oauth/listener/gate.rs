//! The gate in front of the HTTP server. It reads the head of each request and passes on only what
//! a login needs, in the simplest form: the method, the target and the host. Nothing else in a
//! request has any effect, and every request gets an answer.
//!
//! `tiny_http` 0.12 alone does not ensure that: it closes a connection without an answer if the head
//! contains a non-ASCII byte, and if the request line names HTTP version 2 or 3, the thread of the
//! connection deadlocks.

use super::serve::raw_page;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// How long a browser may take to send its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to go on reading what a browser sends after the head: a connection that is closed with
/// something unread may lose the answer.
const REST: Duration = Duration::from_millis(500);

/// How many connections may be waiting to send a request. Any local process can open some, so the
/// oldest one is closed for a new one: a browser sends its request at once.
const MAX_WAITING: usize = 256;

/// The pause after a connection could not be accepted, for example because too many files are open.
const PAUSE: Duration = Duration::from_millis(50);

/// How long [`Gate::delivered`] waits.
const DELIVERY: Duration = Duration::from_secs(2);

/// What the threads of a gate share.
#[derive(Default)]
pub(super) struct Gate {
    connections: Mutex<Connections>,
    changed: Condvar,
}

#[derive(Default)]
struct Connections {
    /// Those that have not sent a request yet, the oldest one first.
    waiting: VecDeque<Arc<TcpStream>>,
    /// How many have sent a request that is not answered yet.
    passed: usize,
}

impl Connections {
    /// Closes the oldest connection that is waiting, if there are at least `limit` of them.
    fn make_room(&mut self, limit: usize) {
        if self.waiting.len() >= limit
            && let Some(oldest) = self.waiting.pop_front()
        {
            let _ = oldest.shutdown(Shutdown::Both);
        }
    }
}

impl Gate {
    /// Accepts connections until it is told to stop and another one arrives, and passes their
    /// requests on to `server`.
    pub(super) fn run(
        self: &Arc<Self>,
        socket: &TcpListener,
        server: SocketAddr,
        stop: &AtomicBool,
    ) {
        for browser in socket.incoming() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let Ok(browser) = browser else {
                self.change(|connections| connections.make_room(0));
                std::thread::sleep(PAUSE);
                continue;
            };
            let browser = Arc::new(browser);
            self.change(|connections| {
                connections.make_room(MAX_WAITING);
                connections.waiting.push_back(Arc::clone(&browser));
            });
            let (gate, accepted) = (Arc::clone(self), Arc::clone(&browser));
            let started = std::thread::Builder::new().spawn(move || {
                let _ = gate.pass(&accepted, server);
                gate.is_heard(&accepted);
            });
            if started.is_err() {
                self.is_heard(&browser);
            }
        }
    }

    /// The connection is not waiting to send a request any more.
    fn is_heard(&self, browser: &Arc<TcpStream>) {
        self.change(|connections| {
            connections
                .waiting
                .retain(|waiting| !Arc::ptr_eq(waiting, browser));
        });
    }

    /// Waits until the browsers have the answers to the requests that were passed on, for a moment
    /// at most: the process may be about to exit.
    pub(super) fn delivered(&self) {
        let connections = self.lock();
        let _ = self
            .changed
            .wait_timeout_while(connections, DELIVERY, |connections| connections.passed > 0);
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Connections)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn pass(&self, browser: &Arc<TcpStream>, server: SocketAddr) -> io::Result<()> {
        let head = head(browser)?;
        self.is_heard(browser);
        let browser = browser.as_ref();
        let mut answer = browser;
        match head.map(|head| plain_request(&head)) {
            Some(Some(request)) => {
                self.change(|connections| connections.passed += 1);
                let passed = TcpStream::connect(server).and_then(|mut server| {
                    server.write_all(&request)?;
                    io::copy(&mut server, &mut answer)
                });
                self.change(|connections| connections.passed -= 1);
                passed?;
            }
            Some(None) => answer.write_all(&raw_page(400, "This is not an HTTP request"))?,
            None => answer.write_all(&raw_page(431, "The request is too long"))?,
        }
        browser.shutdown(Shutdown::Write)?;
        let until = Instant::now() + REST;
        let (mut rest, mut piece) = (browser, [0; 4096]);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            browser.set_read_timeout(Some(left))?;
            if rest.read(&mut piece)? == 0 {
                return Ok(());
            }
        }
    }
}

/// The head of a request; `None` if it is too long. What ends early is a head as well.
fn head(mut browser: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    let until = Instant::now() + PATIENCE;
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        browser.set_read_timeout(Some(left))?;
        match browser.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => {
                // The end may be in two pieces.
                let seen = head.len().saturating_sub(3);
                head.extend_from_slice(piece.get(..length).unwrap_or_default());
                if is_whole(head.get(seen..).unwrap_or_default()) {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if head.len() > MAX_HEAD {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

/// Whether an empty line ends the head.
fn is_whole(head: &[u8]) -> bool {
    let has = |end: &[u8]| head.windows(end.len()).any(|part| part == end);
    has(b"\n\r\n") || has(b"\n\n")
}

/// The request as the server gets it; `None` if it is none, or names two hosts (RFC 9112 section
/// 3.2).
fn plain_request(head: &[u8]) -> Option<Vec<u8>> {
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .skip_while(|line| line.is_empty());
    let line = lines.next()?;
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target @ .., version] = words.as_slice() else {
        return None;
    };
    let is_method =
        !method.is_empty() && method.len() <= 20 && method.iter().all(u8::is_ascii_alphabetic);
    if !is_method || target.is_empty() || !version.starts_with(b"HTTP/") {
        return None;
    }
    let mut hosts = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) =
                line.split_at_checked(line.iter().position(|byte| *byte == b':')?)?;
            name.eq_ignore_ascii_case(b"host")
                .then(|| value.get(1..).unwrap_or_default().trim_ascii())
        });
    let (host, second) = (hosts.next().unwrap_or_default(), hosts.next());
    if second.is_some() {
        return None;
    }
    let mut request = method.to_vec();
    request.push(b' ');
    for byte in target.join(&b' ') {
        if byte.is_ascii_graphic() {
            request.push(byte);
        } else {
            request.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    request.extend_from_slice(b" HTTP/1.1\r\nConnection: close\r\nHost: ");
    request.extend(
        host.iter()
            .map(|byte| if byte.is_ascii_graphic() { *byte } else { b'?' }),
    );
    request.extend_from_slice(b"\r\n\r\n");
    Some(request)
}

/// Reads any head, for the fuzzer. `STATE` stands for the state of the login.
#[cfg(any(test, fuzzing))]
pub fn fuzz(data: &[u8]) {
    let _ = is_whole(data);
    if let Some(request) = plain_request(data) {
        assert!(
            request
                .iter()
                .all(|byte| byte.is_ascii_graphic() || b" \r\n".contains(byte))
        );
        assert_eq!(
            request.split(|byte| *byte == b'\n').count(),
            5,
            "{request:?}"
        );
        assert_eq!(plain_request(&request).as_ref(), Some(&request));
        super::serve::fuzz(&String::from_utf8_lossy(&request));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(head: &[u8]) -> Option<String> {
        plain_request(head).map(|request| String::from_utf8(request).unwrap())
    }

    #[test]
    fn g2_only_method_target_and_host_are_passed_on() {
        let expected =
            "GET /callback?code=c&name=Zo%C3%AB HTTP/1.1\r\nConnection: close\r\nHost: h:1\r\n\r\n";
        for head in [
            "GET /callback?code=c&name=Zoë HTTP/1.1\r\nHost: h:1\r\n\r\n",
            "\r\nGET /callback?code=c&name=Zoë HTTP/2.0\r\nhost:h:1\r\nX: ö\r\n\r\n",
            "GET /callback?code=c&name=Zo%C3%AB HTTP/1.1\nCookie: é\nHOST: h:1\nContent-Length: 9\n\nbody",
            "GET /callback?code=c&name=Zoë HTTP/1.1\r\nNo colon\r\nTransfer-Encoding: x\r\nHost: h:1\r\n\r\n",
        ] {
            assert_eq!(plain(head.as_bytes()).as_deref(), Some(expected), "{head}");
        }
        assert_eq!(
            plain(b"GET /a b\x00\xff HTTP/1.1\r\nHost: \xff\r\n\r\n").unwrap(),
            "GET /a%20b%00%FF HTTP/1.1\r\nConnection: close\r\nHost: ?\r\n\r\n"
        );
        for head in [
            "",
            "\r\n\r\n",
            "GET",
            "GET /",
            "GET / 1.1\r\n\r\n",
            "G-T / HTTP/1.1\r\n\r\n",
            " / HTTP/1.1",
            "GET HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        ] {
            assert_eq!(plain(head.as_bytes()), None, "{head}");
        }
    }
}
