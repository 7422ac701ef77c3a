/*! The payload: the files that people approve, under the digest that they see. */

use std::collections::BTreeMap;

use model::Finding;

use crate::{container::Names, digest::Digest};

/// Named files in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    files: BTreeMap<String, (Vec<u8>, Digest)>,
    names: Names,
}

impl Payload {
    /// An empty one.
    pub fn new() -> Payload {
        Payload::default()
    }

    /// Adds a file. Names are of ASCII letters, digits and `. _ + -`, parts are joined by `/`; `mimetype`, `META-INF/` and `attachments/` are
    /// the container's own.
    pub fn insert(&mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Result<(), Finding> {
        if reserved(name) {
            return Err(Finding::error("container-file-name").with("file", name));
        }
        self.names.add(name)?;
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.files.insert(name.to_owned(), (bytes, digest));
        Ok(())
    }

    /// The bytes of a file.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|(bytes, _)| bytes.as_slice())
    }

    /// Files in the order of their names.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, (bytes, _))| (name.as_str(), bytes.as_slice()))
    }

    /// Digests of the files, in the order of their names.
    pub fn digests(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.files.iter().map(|(name, (_, digest))| (name.as_str(), *digest))
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Name and SHA-256 of each file, as `sha256sum` prints them.
    pub fn list(&self) -> String {
        self.digests().map(|(name, digest)| format!("{digest}  {name}\n")).collect()
    }

    /// What people see and sign, and what delivery is idempotent by: the SHA-256 of [`Payload::list`].
    pub fn digest(&self) -> Digest {
        Digest::of(self.list().as_bytes())
    }
}

/// Whether a name belongs to the container and not to the payload.
pub(crate) fn reserved(name: &str) -> bool {
    let first = name.split('/').next().unwrap_or_default();
    ["mimetype", "META-INF", "attachments"].iter().any(|own| own.eq_ignore_ascii_case(first))
}
