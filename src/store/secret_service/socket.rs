//! The connection as zbus reads and writes it: it never blocks.

use super::bus::Bus;
use async_trait::async_trait;
use std::future::poll_fn;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::task::Poll;
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};

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
