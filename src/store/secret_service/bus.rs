//! The connection to the session bus, and waiting for it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;
use zbus::Address;
use zbus::address::transport::{Transport, UnixSocket};

/// A connection that never blocks, except in [`Bus::wait_for`].
#[derive(Clone, Debug)]
pub(super) struct Bus(pub(super) Arc<Connected>);

#[derive(Debug)]
pub(super) struct Connected {
    pub(super) stream: UnixStream,
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

    pub(super) fn reader(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
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
