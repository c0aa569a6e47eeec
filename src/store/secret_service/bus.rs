//! The session bus, on the calling thread only.
//!
//! zbus reads and writes through a socket of ours, and [`Bus::wait_for`] sleeps until there is
//! something to read. The reactor of the library would need two threads and a dozen more context
//! switches, which take longer than the calls themselves.

use async_trait::async_trait;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::future::poll_fn;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;
use zbus::Address;
use zbus::address::transport::{Transport, UnixSocket};
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};

/// A connection that never blocks, except in [`Bus::wait_for`].
#[derive(Clone, Debug)]
pub(super) struct Bus(Arc<Connected>);

#[derive(Debug)]
struct Connected {
    stream: UnixStream,
    /// The task that is waiting for something to read.
    reader: Mutex<Option<Waker>>,
}

impl Bus {
    /// Connects to the session bus, if it is a socket of this machine.
    ///
    /// # Errors
    /// It is somewhere else, nobody listens, or its queue is full.
    pub(super) fn session() -> io::Result<Self> {
        let address = Address::session().map_err(io::Error::other)?;
        let Transport::Unix(unix) = address.transport() else {
            return Err(ErrorKind::Unsupported.into());
        };
        let address = match unix.path() {
            UnixSocket::File(path) => SocketAddrUnix::new(path.as_os_str())?,
            UnixSocket::Abstract(name) => SocketAddrUnix::new_abstract_name(name.as_bytes())?,
            _ => return Err(ErrorKind::Unsupported.into()),
        };
        let socket = socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        connect(&socket, &address)?;
        let mut stream = UnixStream::from(socket);
        // Everything up to BEGIN is sent at once, as sd-bus does it: the bus answers in order.
        let user = rustix::process::geteuid().as_raw().to_string();
        let user: String = user.bytes().map(|byte| format!("{byte:02x}")).collect();
        stream.write_all(format!("\0AUTH EXTERNAL {user}\r\nBEGIN\r\n").as_bytes())?;
        Ok(Self(Arc::new(Connected {
            stream,
            reader: Mutex::new(None),
        })))
    }

    /// Runs `work`, which waits for nothing but this connection, until it is done.
    ///
    /// # Errors
    /// The deadline has passed.
    pub(super) fn wait_for<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = T>,
    ) -> io::Result<T> {
        let mut work = pin!(work);
        let again = Arc::new(Again(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&again));
        loop {
            while again.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(value) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Ok(value);
                }
            }
            self.wait(deadline)?;
            if let Some(reader) = self.reader().take() {
                reader.wake();
            }
        }
    }

    /// Sleeps until there is something to read.
    fn wait(&self, deadline: Instant) -> io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            match poll(
                &mut [PollFd::new(&self.0.stream, PollFlags::IN)],
                Some(&left),
            ) {
                Ok(0) => return Err(ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn reader(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.0.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a part of the work can continue.
struct Again(AtomicBool);

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Socket for Bus {
    type ReadHalf = Incoming;
    type WriteHalf = Self;

    fn split(self) -> Split<Incoming, Self> {
        let incoming = Incoming {
            data: BufReader::new(self.clone()),
            is_accepted: false,
        };
        Split::new(incoming, self)
    }
}

impl Read for Bus {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0.stream).read(buffer)
    }
}

/// The data from the bus. zbus reads a message in two parts.
#[derive(Debug)]
pub(super) struct Incoming {
    data: BufReader<Bus>,
    /// Whether the answer to the authentication was read.
    is_accepted: bool,
}

impl Incoming {
    /// Reads messages, after the line that accepts the authentication.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_accepted {
            let data = self.data.fill_buf()?;
            match data.iter().position(|byte| *byte == b'\n') {
                Some(end) if data.starts_with(ACCEPTED) => {
                    self.data.consume(end + 1);
                    self.is_accepted = true;
                }
                // The bus writes the line at once.
                _ => return Err(ErrorKind::PermissionDenied.into()),
            }
        }
        self.data.read(buffer)
    }
}

/// How the answer to an accepted authentication begins (D-Bus specification, "Authentication
/// Protocol").
const ACCEPTED: &[u8] = b"OK ";

#[async_trait]
impl ReadHalf for Incoming {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        poll_fn(|context| {
            loop {
                match self.read(buffer) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        *self.data.get_ref().reader() = Some(context.waker().clone());
                        return Poll::Pending;
                    }
                    read => return Poll::Ready(read.map(|length| (length, Vec::new()))),
                }
            }
        })
        .await
    }
}

#[async_trait]
impl WriteHalf for Bus {
    /// A message that does not fit is an error: a call has a few hundred bytes.
    async fn sendmsg(
        &mut self,
        buffer: &[u8],
        _descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<usize> {
        (&self.0.stream).write(buffer)
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.stream.shutdown(Shutdown::Both)
    }
}
