//! The network, made on demand: nothing here runs until a request is sent, so the cached path never pays for it.

mod exchange;

use std::cell::OnceCell;
use std::future::Future;
use std::time::Duration;

pub use exchange::{Reply, Request, TransportError, json_post};

/// How long one connection attempt may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The largest body taken from a server, in bytes; token and metadata answers are a few thousand.
pub const MAX_BODY: usize = 1024 * 1024;

/// A runtime and a client, each made when first needed.
#[derive(Default)]
pub struct Network {
    runtime: OnceCell<tokio::runtime::Runtime>,
    remote: OnceCell<reqwest::Client>,
    loopback: OnceCell<reqwest::Client>,
}

impl Network {
    /// Runs a future to its end on this thread.
    ///
    /// # Errors
    /// The operating system gave no runtime (out of file descriptors).
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

    /// Makes the client for the world, so that what is missing for it (CA certificates, most of all) is found out.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn prepare(&self) -> Result<(), TransportError> {
        self.client(false).map(drop)
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
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            // A redirect of a token request would carry a secret elsewhere; nothing else here follows them either.
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!loopback)
            .connect_timeout(CONNECT)
            .user_agent(concat!("authctl/", env!("CARGO_PKG_VERSION")));
        if loopback {
            // No proxy and no CA bundle: plain http to this very machine needs neither, and there may be none.
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
        return "there are no CA certificates to check servers with: install the package ca-certificates, \
                or point SSL_CERT_FILE at a bundle"
            .into();
    }
    format!("cannot set up the HTTP client: {chain}")
}
