//! The review pages: `[web]`.

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;
use settings::Shape;

use super::TEXT;

/// Shape of `[web]`.
pub(super) const WEB: Shape = Shape::Table(&[("listen", TEXT), ("hosts", Shape::List), ("certificate", TEXT), ("key", TEXT)]);

/// Where pages listen unless the configuration says otherwise: on this machine alone.
const LISTEN: &str = "127.0.0.1:8610";

/// `[web]`.
#[derive(Clone, Deserialize)]
pub struct Web {
    /// Address and port; beyond the loopback only with a certificate.
    #[serde(default = "listen")]
    pub listen: String,
    /// Names by which browsers may ask, beside those of the loopback.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Certificate in PEM, its own first.
    pub certificate: Option<PathBuf>,
    /// Its key in PEM.
    pub key: Option<PathBuf>,
}

fn listen() -> String {
    LISTEN.to_owned()
}

impl Web {
    /// The address, where it is one.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }

    /// Whether pages are served over TLS.
    pub const fn secure(&self) -> bool {
        self.certificate.is_some() && self.key.is_some()
    }
}
