//! The network, set up on first use: nothing here runs until a request is sent, so the cached path
//! does not pay for it.

mod decode;
mod exchange;
#[cfg(target_os = "linux")]
mod resolve;

use jiff::Timestamp;
use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::time::Duration;

#[cfg(any(test, fuzzing))]
pub use decode::decode;
pub use exchange::{Reply, Request, TransportError, json_post};

/// The time limit for one connection attempt.
const CONNECT: Duration = Duration::from_secs(10);

/// The largest body of an answer, in bytes; tokens and metadata have a few thousand.
pub const MAX_BODY: usize = 1024 * 1024;

/// A runtime and a client, each made on first use.
#[derive(Default)]
pub struct Network {
    runtime: OnceCell<tokio::runtime::Runtime>,
    remote: OnceCell<reqwest::Client>,
    loopback: OnceCell<reqwest::Client>,
    /// The time in the latest answer.
    server_time: Cell<Option<Timestamp>>,
}

impl Network {
    /// Runs a future on this thread.
    ///
    /// # Errors
    /// The runtime cannot be started (out of file descriptors).
    pub fn run<F: Future>(&self, future: F) -> Result<F::Output, TransportError> {
        let runtime = match self.runtime.get() {
            Some(runtime) => runtime,
            None => {
                let made = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|error| {
                        TransportError::NotSent(format!(
                            "cannot start the network runtime: {error}"
                        ))
                    })?;
                self.runtime.get_or_init(|| made)
            }
        };
        Ok(runtime.block_on(future))
    }

    /// Makes the client for the internet, to find out what it lacks (CA certificates, most of the
    /// time).
    ///
    /// # Errors
    /// Says what is missing.
    pub fn prepare(&self) -> Result<(), TransportError> {
        self.client(false).map(drop)
    }

    /// The time in the latest response since the last call, if it had one (RFC 9110 section 6.6.1).
    pub fn take_server_time(&self) -> Option<Timestamp> {
        self.server_time.take()
    }

    fn client(&self, loopback: bool) -> Result<&reqwest::Client, TransportError> {
        let cell = if loopback {
            &self.loopback
        } else {
            &self.remote
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        // This fails only if a provider is installed already, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            // A redirect of a token request would send a secret elsewhere, and no other request
            // follows redirects either.
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!loopback)
            .connect_timeout(CONNECT)
            .user_agent(concat!("authctl/", env!("CARGO_PKG_VERSION")));
        #[cfg(target_os = "linux")]
        if resolve::IS_STATIC {
            builder = builder.dns_resolver(std::sync::Arc::new(resolve::Getent));
        }
        if loopback {
            // Without a proxy and CA certificates: plain http to this machine needs neither.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        let made = builder
            .build()
            .map_err(|error| TransportError::NotSent(explain_build(&error)))?;
        Ok(cell.get_or_init(|| made))
    }
}

fn explain_build(error: &reqwest::Error) -> String {
    let chain = exchange::chain(error);
    if chain.contains("No CA certificates") {
        return "no CA certificates were found; install the ca-certificates package, or set \
                SSL_CERT_FILE"
            .into();
    }
    format!("cannot set up the HTTP client: {chain}")
}
