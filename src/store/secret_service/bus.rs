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
use std::io::{self, BufReader, ErrorKind, Read, Write};
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
        Ok(Self(Arc::new(Connected {
            stream: socket.into(),
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
        Split::new(Incoming(BufReader::new(self.clone())), self)
    }
}

impl Read for Bus {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0.stream).read(buffer)
    }
}

/// The data from the bus. zbus reads a message in two parts.
#[derive(Debug)]
pub(super) struct Incoming(BufReader<Bus>);

#[async_trait]
impl ReadHalf for Incoming {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        poll_fn(|context| {
            loop {
                match self.0.read(buffer) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        *self.0.get_ref().reader() = Some(context.waker().clone());
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
