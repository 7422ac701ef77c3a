//! The receiver that packages go to: `[bureau]`.

use std::path::PathBuf;

use serde::Deserialize;
use settings::Shape;

use super::{Agent, MUST, TEXT};

/// Shape of `[bureau]`.
pub(super) const BUREAU: Shape =
    Shape::Table(&[("url", MUST), ("ca", MUST), ("proxy", TEXT), ("timeout", Shape::Whole), ("machine", TEXT), ("packs", TEXT)]);

/// Seconds that one request may take where the configuration does not say.
const TIMEOUT: u64 = 60;

/// `[bureau]`.
#[derive(Clone, Deserialize)]
pub struct Bureau {
    /// Address: `https://host:port`.
    pub url: String,
    /// The bureau's certificates in PEM: nothing else is trusted.
    pub ca: PathBuf,
    /// HTTP proxy on the way.
    pub proxy: Option<String>,
    /// Seconds that one request may take.
    #[serde(default = "timeout")]
    pub timeout: u64,
    /// File with the machine's key and certificate; in the state where absent.
    pub machine: Option<PathBuf>,
    /// What is done about packs that the bureau publishes.
    #[serde(default)]
    pub packs: Packs,
}

/// What the daemon does about a survey pack or calendar that the bureau published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Packs {
    /// Tells of it; a person installs it, as it can change figures.
    #[default]
    Tell,
    /// Installs it.
    Install,
}

impl Packs {
    /// Whether it installs.
    pub fn installs(self) -> bool {
        self == Packs::Install
    }
}

fn timeout() -> u64 {
    TIMEOUT
}

impl Agent {
    /// File with the machine's key and certificate.
    pub fn machine(&self) -> PathBuf {
        let own = self.bureau.as_ref().and_then(|bureau| bureau.machine.as_ref());
        own.map_or_else(|| self.state.join("machine.pem"), |own| self.folder().join(own))
    }
}
