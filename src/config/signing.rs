//! Who signs with what: `[signing]`, and how a form reaches the bureau.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use settings::Shape;

use super::{Agent, Secret};

const TEXT: Shape = Shape::Text;
const KEY: Shape = Shape::Table(&[
    ("certificate", Shape::Must(&TEXT)),
    ("file", TEXT),
    ("password", Shape::TextOr(&super::SECRET)),
    ("module", TEXT),
    ("token", TEXT),
    ("key", TEXT),
    ("pin", Shape::TextOr(&super::SECRET)),
]);

/// Shape of `[signing]`.
pub(super) const SIGNING: Shape =
    Shape::Table(&[("roles", Shape::List), ("roots", TEXT), ("remind_days", Shape::Whole), ("key", Shape::Map(&KEY))]);

/// Days before a certificate's end in which people are reminded, where the configuration does not say.
const REMIND: u64 = 30;

/// `[signing]`.
#[derive(Clone, Deserialize)]
pub struct Signing {
    /// Roles that must sign besides preparer, statistician and head: finance is the only one there is.
    #[serde(default)]
    pub roles: Vec<String>,
    /// File or folder with the certificates of those whom one trusts.
    pub roots: Option<PathBuf>,
    /// Days before a certificate's end in which people are reminded.
    #[serde(default = "remind")]
    pub remind_days: u64,
    /// Keys by person.
    #[serde(default)]
    pub key: BTreeMap<String, Key>,
}

fn remind() -> u64 {
    REMIND
}

impl Default for Signing {
    fn default() -> Signing {
        Signing { roles: Vec::new(), roots: None, remind_days: REMIND, key: BTreeMap::new() }
    }
}

/// A person's key: a file, or on a token. It may hold a password, so it has no `Debug`.
#[derive(Clone, Deserialize)]
pub struct Key {
    /// Certificates in PEM, the person's own first.
    pub certificate: PathBuf,
    /// Encrypted PKCS#8 in PEM.
    pub file: Option<PathBuf>,
    /// Its password.
    pub password: Option<Secret>,
    /// PKCS#11 module of a token.
    pub module: Option<PathBuf>,
    /// Label of the token.
    pub token: Option<String>,
    /// Label of the key on it.
    pub key: Option<String>,
    /// PIN of the token.
    pub pin: Option<Secret>,
}

/// How a form reaches the bureau.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The receiver is the designated channel.
    Official,
    /// The enterprise files at the national portal; a copy follows.
    #[default]
    Companion,
}

impl Channel {
    /// In machine formats.
    pub const fn name(self) -> &'static str {
        match self {
            Channel::Official => "official",
            Channel::Companion => "companion",
        }
    }
}

impl Agent {
    /// How a form of a book reaches the bureau.
    pub fn channel(&self, form: &str, book: &str) -> Channel {
        let own = self.forms.iter().find(|own| own.code == form && own.book.as_ref().is_none_or(|id| id == book));
        own.map(|own| own.channel).unwrap_or_default()
    }
}
