/*! The machine's own key and certificate, with which it opens connections to the receiver and signs its checkpoints. */

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use base64ct::{Base64, Encoding};
use model::Finding;
use seal::{Algorithm, Certificate, Checkpoint, Note, Request, SecretKey, Signer, Subject, Time, log};
use store::Store;

use super::client::Client;
use crate::{
    config::Agent,
    report::{self, Failure},
};

/// Characters of a line of PEM.
const LINE: usize = 64;

/// Key and certificate in one file, so that one never stands without the other.
pub struct Machine {
    /// The file.
    pub path: PathBuf,
    /// Its text: what a TLS library takes.
    pub pem: String,
    /// The key.
    pub key: SecretKey,
    /// Its certificate.
    pub certificate: Certificate,
}

fn block<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    rest.split_once(&format!("-----END {label}-----")).map(|(inner, _)| inner)
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    let lines = text.as_bytes().chunks(LINE).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}

/// Bytes of a base64 in lines.
fn decoded(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(&text.split_ascii_whitespace().collect::<String>()).ok()
}

impl Machine {
    /// Reads it; a machine without one has not enrolled.
    pub fn read(agent: &Agent) -> Result<Machine, Failure> {
        let path = agent.machine();
        let place = path.display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::config(Finding::error("machine-not-enrolled").at(&place)),
            _ => Failure::config(report::io(&path, &error)),
        })?;
        let unreadable = || Failure::config(Finding::error("key-unreadable").at(&place));
        let der = block(&text, "PRIVATE KEY").and_then(decoded).ok_or_else(unreadable)?;
        let key = SecretKey::from_pkcs8(&der).map_err(|finding| Failure::config(finding.at(&place)))?;
        let der = block(&text, "CERTIFICATE").and_then(decoded).ok_or_else(unreadable)?;
        let certificate = Certificate::from_der(&der).map_err(|finding| Failure::config(finding.at(&place)))?;
        Ok(Machine { path, pem: text, key, certificate })
    }

    /// Enrols with a one-time code: a new key, and a certificate for it.
    pub fn enrol(agent: &Agent, client: &Client, code: &str) -> Result<Machine, Failure> {
        let key = SecretKey::generate(Algorithm::P256).map_err(Failure::source)?;
        let answer = client.enrol(&agent.unit.code, code, &request(&key)?)?;
        keep(&agent.machine(), key, &answer)
    }

    /// A certificate in the place of this one, for the same key: a crash between the two leaves either of them whole.
    pub fn renew(self, client: &Client) -> Result<Machine, Failure> {
        let answer = client.reenrol(&request(&self.key)?)?;
        keep(&self.path, self.key, &answer)
    }

    /// Whether less than a third of the certificate's time is left.
    pub fn ages(&self, now: Time) -> bool {
        let (from, until) = (self.certificate.not_before().unix(), self.certificate.not_after().unix());
        now.unix() > from + (until - from) / 3 * 2
    }

    /// The operation log as it is now, signed.
    pub fn checkpoint(&self, agent: &Agent, store: &Store) -> Result<Note, Failure> {
        let tree = tree(store, None)?;
        let root = log::root(&tree, tree.size()).ok_or_else(|| Failure::source(Finding::error("checkpoint-damaged")))?;
        let checkpoint = Checkpoint { origin: origin(agent), size: tree.size(), root };
        checkpoint.sign(&self.key).map_err(Failure::source)
    }
}

/// Name of the unit's log.
pub fn origin(agent: &Agent) -> String {
    format!("taizhang/unit/{}", agent.unit.code)
}

/// The tree over the hashes of the first `size` operations, or of all.
pub fn tree(store: &Store, size: Option<u64>) -> Result<log::Tree, Failure> {
    let mut tree = log::Tree::new();
    for operation in store.operations()? {
        if size.is_some_and(|size| tree.size() == size) {
            break;
        }
        tree.push(log::leaf(operation.hash.as_bytes()));
    }
    Ok(tree)
}

fn request(key: &SecretKey) -> Result<String, Failure> {
    // The authority decides whom a certificate is for.
    let request = Request::new(key, &Subject::default()).map_err(Failure::source)?;
    Ok(Base64::encode_string(request.der()))
}

/// Keeps the certificate of `key` in an answer of EST.
fn keep(path: &Path, key: SecretKey, answer: &str) -> Result<Machine, Failure> {
    let strange = || Failure::source(Finding::error("enrolment-answer-strange").at(path.display().to_string()));
    let der = decoded(answer).ok_or_else(strange)?;
    let certificates = certificates(&der).ok_or_else(strange)?;
    let mut own = certificates.iter().filter_map(|der| Certificate::from_der(der).ok());
    let certificate = own.find(|one| one.public_key().der() == key.public_key().der()).ok_or_else(strange)?;
    let secret = key.to_pkcs8().map_err(Failure::source)?;
    let text = pem("PRIVATE KEY", &secret) + &pem("CERTIFICATE", certificate.der());
    private(path, text.as_bytes()).map_err(|error| Failure::source(report::io(path, &error)))?;
    Ok(Machine { path: path.to_owned(), pem: text, key, certificate })
}

/// Writes a file that only its owner may read, all or nothing.
fn private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let part = path.with_extension("part");
    // Left by a crash; its rights may be others.
    let _ = fs::remove_file(&part);
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    fs::File::open(folder)?.sync_all()
}

/// Tag, content and rest of a value in DER.
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ ..0x80 => (short, rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(long & 0x7f).filter(|(bytes, _)| bytes.len() <= 4)?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// The certificates of a PKCS#7 that signs nothing: SignedData, whose first `[0]` has them.
fn certificates(der: &[u8]) -> Option<Vec<&[u8]>> {
    let (_, outer, _) = value(der)?;
    let (_, _, rest) = value(outer)?;
    let (_, explicit, _) = value(rest)?;
    let (_, mut data, _) = value(explicit)?;
    let mut found = Vec::new();
    while !data.is_empty() {
        let (tag, content, rest) = value(data)?;
        if tag == 0xa0 {
            let mut inside = content;
            while !inside.is_empty() {
                let (_, _, after) = value(inside)?;
                found.push(&inside[..inside.len() - after.len()]);
                inside = after;
            }
        }
        data = rest;
    }
    Some(found)
}
