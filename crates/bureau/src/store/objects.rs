/*!
The bytes of packages, under their SHA-256.

They are written before the row that names them, and never again: the same digest is the same bytes. What is read is held against its digest. A row
without bytes says that they are here; so what a state had before it got an object store is still read from its rows.
*/

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use model::Finding;
use object_store::{
    Certificate, ClientOptions, ObjectStoreExt, PutPayload, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
};
use seal::Digest;
use tokio::runtime::{Builder, Runtime};

use super::StoreError;
use crate::{config, failure::Failure};

/// Where the bytes of packages are.
pub enum Objects {
    /// In the rows that name them.
    Rows,
    /// In files of a folder.
    Folder(PathBuf),
    /// In a bucket.
    Bucket(Box<Bucket>),
}

/// A bucket of an S3-compatible store.
pub struct Bucket {
    runtime: Option<Runtime>,
    store: Arc<AmazonS3>,
    /// What names begin with.
    prefix: String,
    /// What to call it.
    place: String,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The name of an object: the first two digits are a folder, so that none gets too many.
fn name(sha256: &str) -> String {
    let (head, _) = sha256.split_at(sha256.len().min(2));
    format!("{head}/{sha256}")
}

impl Objects {
    /// What a configuration names.
    pub fn open(config: &config::Objects) -> Result<Objects, Failure> {
        match &config.kind {
            config::ObjectsKind::Database => Ok(Objects::Rows),
            config::ObjectsKind::Folder(folder) => {
                super::folder(folder)?;
                Ok(Objects::Folder(folder.clone()))
            }
            config::ObjectsKind::S3(s3) => Bucket::open(s3).map(|bucket| Objects::Bucket(Box::new(bucket))),
        }
    }

    /// Whether rows are without their bytes.
    pub fn apart(&self) -> bool {
        !matches!(self, Objects::Rows)
    }

    /// What an object is called in findings.
    fn place(&self, sha256: &str) -> String {
        match self {
            Objects::Rows => format!("blob {sha256}"),
            Objects::Folder(folder) => folder.join(name(sha256)).display().to_string(),
            Objects::Bucket(bucket) => format!("{}{}", bucket.place, name(sha256)),
        }
    }

    /// Keeps bytes so that they outlast a power failure; nothing where rows have them.
    pub fn put(&self, sha256: &str, bytes: &[u8]) -> Result<(), StoreError> {
        match self {
            Objects::Rows => Ok(()),
            Objects::Folder(folder) => {
                let path = folder.join(name(sha256));
                lay(&path, bytes).map_err(|source| StoreError::Io { path, source })
            }
            Objects::Bucket(bucket) => bucket.put(sha256, bytes),
        }
    }

    /// The bytes of a row: its own, or the object's. They are what the digest says.
    pub fn whole(&self, sha256: &str, kept: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let bytes = if kept.is_empty() { self.get(sha256)? } else { kept };
        if Digest::of(&bytes).to_string() != sha256 {
            return Err(StoreError::Damaged { place: self.place(sha256), reason: "SHA-256".to_owned() });
        }
        Ok(bytes)
    }

    /// Whether bytes are there, without reading them.
    pub fn is_there(&self, sha256: &str) -> Result<bool, StoreError> {
        match self {
            Objects::Rows => Ok(false),
            Objects::Folder(folder) => Ok(folder.join(name(sha256)).is_file()),
            Objects::Bucket(bucket) => match bucket.wait(bucket.store.head(&bucket.path(sha256))) {
                Ok(_) => Ok(true),
                Err(object_store::Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(self.refused(sha256, &error)),
            },
        }
    }

    fn get(&self, sha256: &str) -> Result<Vec<u8>, StoreError> {
        let missing = || StoreError::Damaged { place: self.place(sha256), reason: "the object is missing".to_owned() };
        match self {
            Objects::Rows => Err(missing()),
            Objects::Folder(folder) => {
                let path = folder.join(name(sha256));
                fs::read(&path).map_err(|source| match source.kind() {
                    ErrorKind::NotFound => missing(),
                    _ => StoreError::Io { path, source },
                })
            }
            Objects::Bucket(bucket) => match bucket.get(sha256) {
                Ok(bytes) => Ok(bytes),
                Err(object_store::Error::NotFound { .. }) => Err(missing()),
                Err(error) => Err(self.refused(sha256, &error)),
            },
        }
    }

    fn refused(&self, sha256: &str, error: &object_store::Error) -> StoreError {
        // The store says so in the body of its answer, which the crate keeps in its words only.
        let (place, reason) = (self.place(sha256), reason(error));
        if reason.contains("InvalidObjectState") { StoreError::Archived { place } } else { StoreError::Objects { place, reason } }
    }
}

/// An error with what it comes from.
fn reason(error: &object_store::Error) -> String {
    let (mut text, mut source) = (error.to_string(), std::error::Error::source(error));
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// Writes a file as a whole, and its name.
fn lay(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    if fs::metadata(path).is_ok_and(|about| about.len() == bytes.len() as u64) {
        // The same digest: somebody sent it twice. Its name may not be lasting yet.
        return File::open(folder)?.sync_all();
    }
    fs::create_dir_all(folder)?;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let beside = path.with_extension(random);
    let mut file = File::options().write(true).create_new(true).open(&beside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What is left is nobody's object.
        let _ = fs::remove_file(&beside);
    }
    written?;
    File::open(folder)?.sync_all()
}

impl Bucket {
    fn open(s3: &config::S3) -> Result<Bucket, Failure> {
        // Its client takes the process's provider of cryptography; where there is one already, it is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let failed = |reason: String| Failure::config(Finding::error("objects-unfit").at("objects").with("reason", reason));
        let mut options = ClientOptions::new();
        if let Some(path) = &s3.ca {
            let pem = fs::read(path).map_err(|error| Failure::config(Finding::io(path, &error)))?;
            for certificate in Certificate::from_pem_bundle(&pem).map_err(|error| failed(error.to_string()))? {
                options = options.with_root_certificate(certificate);
            }
        }
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&s3.bucket)
            .with_region(&s3.region)
            .with_access_key_id(s3.access_key.read("objects.access_key")?)
            .with_secret_access_key(s3.secret_key.read("objects.secret_key")?);
        if let Some(endpoint) = &s3.endpoint {
            let plain = endpoint.starts_with("http://");
            let own = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].iter().any(|own| endpoint.starts_with(own));
            if plain && !own {
                return Err(failed("http:// is for this machine alone".to_owned()));
            }
            builder = builder.with_endpoint(endpoint);
            options = options.with_allow_http(plain);
        }
        // An agent waits for its answer: it comes again sooner than a store that is away comes back.
        let retry = RetryConfig { max_retries: 3, retry_timeout: Duration::from_secs(15), ..RetryConfig::default() };
        let store = builder.with_client_options(options).with_retry(retry).build().map_err(|error| failed(error.to_string()))?;
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("objects").enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let prefix = if s3.prefix.is_empty() { String::new() } else { format!("{}/", s3.prefix.trim_matches('/')) };
        let place = format!("s3://{}/{prefix}", s3.bucket);
        Ok(Bucket { runtime: Some(runtime), store: Arc::new(store), prefix, place })
    }

    fn path(&self, sha256: &str) -> object_store::path::Path {
        object_store::path::Path::from(format!("{}{}", self.prefix, name(sha256)))
    }

    /// Waits in the caller's thread, which must not be one that talks.
    fn wait<T>(&self, ask: impl Future<Output = object_store::Result<T>>) -> object_store::Result<T> {
        let gone = || object_store::Error::NotImplemented { operation: "ending".to_owned(), implementer: self.place.clone() };
        self.runtime.as_ref().ok_or_else(gone)?.block_on(ask)
    }

    fn put(&self, sha256: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let done = self.wait(self.store.put(&self.path(sha256), PutPayload::from(bytes.to_vec())));
        let place = || format!("{}{}", self.place, name(sha256));
        done.map(drop).map_err(|error| StoreError::Objects { place: place(), reason: reason(&error) })
    }

    fn get(&self, sha256: &str) -> object_store::Result<Vec<u8>> {
        let path = self.path(sha256);
        self.wait(async { Ok(self.store.get(&path).await?.bytes().await?.to_vec()) })
    }
}
