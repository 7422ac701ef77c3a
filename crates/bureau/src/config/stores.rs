//! Where rows and bytes are.

use std::path::{Path, PathBuf};

use model::Finding;
use serde::Deserialize;
use settings::{Places, Shape};

use super::{Secret, TEXT, WHOLE};
use crate::{db::Server, failure::Failure};

const SECRET: Shape = Shape::Table(&[("env", TEXT), ("file", TEXT)]);

/// Keys of `[store]`.
pub(super) const STORE: Shape =
    Shape::Table(&[("kind", TEXT), ("url", SECRET), ("owner_url", SECRET), ("ca", TEXT), ("connections", WHOLE)]);

/// Keys of `[objects]`.
pub(super) const OBJECTS: Shape = Shape::Table(&[
    ("kind", TEXT),
    ("dir", TEXT),
    ("bucket", TEXT),
    ("endpoint", TEXT),
    ("region", TEXT),
    ("prefix", TEXT),
    ("access_key", SECRET),
    ("secret_key", SECRET),
    ("ca", TEXT),
]);

/// Which database has the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file in the state's folder.
    Sqlite,
    /// A server that several receivers share.
    Postgres,
}

/// The database of the rows.
#[derive(Clone, Debug)]
pub struct Store {
    /// Which.
    pub kind: Kind,
    /// Address for the role that reads and adds rows.
    pub url: Secret,
    /// Address for the role that owns the tables; `store migrate` alone asks for it.
    pub owner_url: Secret,
    /// Authority of the server's certificate.
    pub ca: Option<PathBuf>,
    /// Most connections of one receiver.
    pub connections: u32,
}

impl Store {
    /// The server as receivers ask it.
    pub fn server(&self) -> Result<Server, Failure> {
        self.at("store.url", &self.url)
    }

    /// The server as the tables' owner asks it.
    pub fn owner(&self) -> Result<Server, Failure> {
        self.at("store.owner_url", &self.owner_url)
    }

    fn at(&self, key: &str, url: &Secret) -> Result<Server, Failure> {
        let unfit = |reason: String| Failure::config(Finding::error("store-unfit").at(key).with("reason", reason));
        Server::new(&url.read(key)?, self.ca.as_deref()).map_err(unfit)
    }
}

/// Where the bytes of packages are.
#[derive(Clone, Debug)]
pub struct Objects {
    /// Which.
    pub kind: ObjectsKind,
}

/// Where the bytes of packages are.
#[derive(Clone, Debug)]
pub enum ObjectsKind {
    /// In the database.
    Database,
    /// In a folder.
    Folder(PathBuf),
    /// In a bucket.
    S3(Box<S3>),
}

/// A bucket.
#[derive(Clone, Debug)]
pub struct S3 {
    /// Its name.
    pub bucket: String,
    /// Where it is; the provider's own address where absent.
    pub endpoint: Option<String>,
    /// Region.
    pub region: String,
    /// What names of objects begin with.
    pub prefix: String,
    /// Number of the key.
    pub access_key: Secret,
    /// The key.
    pub secret_key: Secret,
    /// Authority of the endpoint's certificate, beside those that the system trusts.
    pub ca: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawStore {
    kind: Option<String>,
    url: Secret,
    owner_url: Secret,
    ca: Option<String>,
    connections: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawObjects {
    kind: Option<String>,
    dir: Option<String>,
    bucket: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    prefix: String,
    access_key: Secret,
    secret_key: Secret,
    ca: Option<String>,
}

fn unknown(findings: &mut Vec<Finding>, place: String, value: &str, known: &[&str]) {
    let finding = Finding::error("store-kind-unknown").at(place).with("kind", value).with("known", known.join(", "));
    findings.push(finding);
}

impl RawStore {
    pub(super) fn read(self, folder: &Path, places: &Places, findings: &mut Vec<Finding>) -> Store {
        let kind = match self.kind.as_deref() {
            None | Some("sqlite") => Kind::Sqlite,
            Some("postgres") => Kind::Postgres,
            Some(other) => {
                unknown(findings, places.of("store.kind"), other, &["sqlite", "postgres"]);
                Kind::Sqlite
            }
        };
        Store {
            kind,
            url: self.url.within(folder),
            owner_url: self.owner_url.within(folder),
            ca: self.ca.map(|path| folder.join(path)),
            // One that writes and some that read.
            connections: self.connections.unwrap_or(12).max(2),
        }
    }
}

impl RawObjects {
    pub(super) fn read(self, folder: &Path, places: &Places, findings: &mut Vec<Finding>) -> Objects {
        let kind = match self.kind.as_deref() {
            None | Some("database") => ObjectsKind::Database,
            Some("folder") => ObjectsKind::Folder(folder.join(self.dir.as_deref().unwrap_or("bureau-objects"))),
            Some("s3") => {
                if self.bucket.is_none() {
                    findings.push(Finding::error("objects-unfit").at(places.of("objects.kind")).with("reason", "bucket"));
                }
                ObjectsKind::S3(Box::new(S3 {
                    bucket: self.bucket.unwrap_or_default(),
                    endpoint: self.endpoint,
                    region: self.region.unwrap_or_else(|| "us-east-1".to_owned()),
                    prefix: self.prefix,
                    access_key: self.access_key.within(folder),
                    secret_key: self.secret_key.within(folder),
                    ca: self.ca.map(|path| folder.join(path)),
                }))
            }
            Some(other) => {
                unknown(findings, places.of("objects.kind"), other, &["database", "folder", "s3"]);
                ObjectsKind::Database
            }
        };
        Objects { kind }
    }
}
