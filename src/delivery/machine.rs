/*! The machine's own key and certificate, with which it opens connections to the receiver and signs its checkpoints. */

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64ct::{Base64, Encoding};
use model::Finding;
use seal::{Algorithm, Certificate, Checkpoint, Note, SecretKey, Signer, Time, log};
use store::Store;

use super::{client::Client, est};
use crate::{config::Agent, report::Failure};

/// What a unit's machine is called in its certificate.
const NAME: &str = "agent";

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

impl Machine {
    /// Reads it; a machine without one has not enrolled.
    pub fn read(agent: &Agent) -> Result<Machine, Failure> {
        let path = agent.machine();
        let place = path.display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::config(Finding::error("machine-not-enrolled").at(&place)),
            _ => Failure::config(Finding::io(&path, &error)),
        })?;
        let unreadable = || Failure::config(Finding::error("key-unreadable").at(&place));
        let der = block(&text, "PRIVATE KEY").and_then(est::decoded).ok_or_else(unreadable)?;
        let key = SecretKey::from_pkcs8(&der).map_err(|finding| Failure::config(finding.at(&place)))?;
        let der = block(&text, "CERTIFICATE").and_then(est::decoded).ok_or_else(unreadable)?;
        let certificate = Certificate::from_der(&der).map_err(|finding| Failure::config(finding.at(&place)))?;
        Ok(Machine { path, pem: text, key, certificate })
    }

    /// Enrols with a one-time code: a new key, and a certificate for it. The key is kept before the code is spent, so that an answer that was
    /// lost is asked for again: the receiver gives the same certificate to the same code and key.
    pub fn enrol(agent: &Agent, client: &Client, code: &str) -> Result<Machine, Failure> {
        let path = agent.machine();
        let waiting = path.with_extension("waiting");
        let key = asked(&path, &waiting).map_or_else(|| SecretKey::generate(Algorithm::P256).map_err(Failure::source), Ok)?;
        let text = pem("PRIVATE KEY", &key.to_pkcs8().map_err(Failure::source)?);
        est::private(&waiting, text.as_bytes()).map_err(|error| Failure::source(Finding::io(&waiting, &error)))?;
        let answer = client.enrol(&agent.unit.code, code, &est::request_for(&key, &agent.unit.code, NAME)?)?;
        let machine = keep(&path, key, &answer)?;
        // Where it stays, it is the machine's own key, and no new one is made of it.
        let _ = fs::remove_file(&waiting);
        Ok(machine)
    }

    /// A certificate in the place of this one, for the same key: a crash between the two leaves either of them whole.
    pub fn renew(self, client: &Client) -> Result<Machine, Failure> {
        let answer = client.reenrol(&est::request(&self.key)?)?;
        keep(&self.path, self.key, &answer)
    }

    /// Nothing is sent with a certificate that has ended: the receiver would refuse a package that is good.
    pub fn holds(&self, now: Time) -> Result<(), Failure> {
        let until = self.certificate.not_after();
        let ended = || Finding::error("machine-certificate-ended").at(self.path.display().to_string()).with("until", until);
        if now > until { Err(Failure::config(ended())) } else { Ok(()) }
    }

    /// The operation log as it is now, signed.
    pub fn checkpoint(&self, agent: &Agent, store: &Store) -> Result<Note, Failure> {
        let tree = tree(store)?;
        let root = log::root(&tree, tree.size()).ok_or_else(|| Failure::source(Finding::error("checkpoint-damaged")))?;
        let checkpoint = Checkpoint { origin: origin(agent), size: tree.size(), root };
        checkpoint.sign(&self.key).map_err(Failure::source)
    }
}

/// Name of the unit's log.
pub fn origin(agent: &Agent) -> String {
    format!("taizhang/unit/{}", agent.unit.code)
}

/// The tree over the hashes of all operations; of the first so many it has the root, too.
pub fn tree(store: &Store) -> Result<log::Tree, Failure> {
    let mut tree = log::Tree::new();
    for operation in store.operations()? {
        tree.push(log::leaf(operation.hash.as_bytes()));
    }
    Ok(tree)
}

/// The key of an enrolment that broke off. What has a certificate by now is not used again.
fn asked(path: &Path, waiting: &Path) -> Option<SecretKey> {
    let text = fs::read_to_string(waiting).ok()?;
    let inner = block(&text, "PRIVATE KEY")?;
    let done = fs::read_to_string(path).is_ok_and(|machine| block(&machine, "PRIVATE KEY") == Some(inner));
    if done { None } else { SecretKey::from_pkcs8(&est::decoded(inner)?).ok() }
}

/// Keeps the certificate of `key` in an answer of EST.
fn keep(path: &Path, key: SecretKey, answer: &str) -> Result<Machine, Failure> {
    let certificate = est::certificate(answer, key.public_key()).map_err(|finding| finding.at(path.display().to_string()));
    let certificate = certificate.map_err(Failure::source)?;
    let secret = key.to_pkcs8().map_err(Failure::source)?;
    let text = pem("PRIVATE KEY", &secret) + &pem("CERTIFICATE", certificate.der());
    est::private(path, text.as_bytes()).map_err(|error| Failure::source(Finding::io(path, &error)))?;
    Ok(Machine { path: path.to_owned(), pem: text, key, certificate })
}
