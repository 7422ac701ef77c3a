/*!
Checkpoints: a log's size and root in a signed text (`docs/specs/log.md`; C2SP signed-note, tlog-checkpoint and tlog-proof).

The format's usual key is Ed25519. Here the keys of the certificates sign, P-256 as the format's type 2 and SM2 as a type of our own, so that one
chain of trust covers reports, receipts and logs, and a log can be kept with a token that knows no Ed25519.
*/

use std::fmt;

use model::Finding;
use sha2::{Digest as _, Sha256};

use crate::{
    algorithm::{Algorithm, PublicKey},
    base64,
    digest::Digest,
    key::Signer,
    log,
};

/// Longest note that is read, and most signatures on one.
const NOTE_MAX: usize = 16 << 10;
const SIGNATURES_MAX: usize = 16;

/// Longest inclusion proof: a level for each bit of a log's size.
const PROOF_MAX: usize = 64;

/// A log at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `taizhang/unit/<code>` or `taizhang/bureau/<code>`.
    pub origin: String,
    /// Number of its entries.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
}

impl Checkpoint {
    /// The note that says it, signed by the log's own key under the log's own name.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Note, Finding> {
        let text = format!("{}\n{}\n{}\n", self.origin, self.size, base64::encode(&self.root.0));
        countersign(&Note { text, signatures: Vec::new() }, &self.origin, signer)
    }

    fn read(text: &str) -> Option<Checkpoint> {
        let [origin, size, root] = text.strip_suffix('\n')?.split('\n').collect::<Vec<_>>().try_into().ok()?;
        let number: u64 = size.parse().ok()?;
        if !is_name(origin) || number.to_string() != size {
            return None;
        }
        Some(Checkpoint { origin: origin.to_owned(), size: number, root: Digest(base64::decode(root)?.try_into().ok()?) })
    }
}

/// A signature line of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    name: String,
    key: [u8; 4],
    signature: Vec<u8>,
}

/// A checkpoint with the signatures under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Line>,
}

impl Note {
    /// Reads one. It must have a signature; whose they are and whether they hold is said by [`Note::verify`].
    pub fn parse(note: &str) -> Result<Note, Finding> {
        let damaged = || Finding::error("checkpoint-damaged");
        if note.len() > NOTE_MAX || note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err(damaged());
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or_else(damaged)?;
        let text = format!("{text}\n");
        Checkpoint::read(&text).ok_or_else(damaged)?;
        let line = |line: &str| {
            let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
            let bytes = base64::decode(bytes)?;
            let (key, signature) = bytes.split_first_chunk::<4>()?;
            is_name(name).then(|| Line { name: name.to_owned(), key: *key, signature: signature.to_vec() })
        };
        let lines = lines.strip_suffix('\n').ok_or_else(damaged)?.split('\n').map(line);
        let signatures: Vec<Line> = lines.collect::<Option<_>>().ok_or_else(damaged)?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(damaged());
        }
        Ok(Note { text, signatures })
    }

    /// What it says.
    pub fn checkpoint(&self) -> Result<Checkpoint, Finding> {
        Checkpoint::read(&self.text).ok_or_else(|| Finding::error("checkpoint-damaged"))
    }

    /// Names under it, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|line| line.name.as_str())
    }

    /// Checks the signature of `name` with its key.
    pub fn verify(&self, name: &str, key: &PublicKey) -> Result<(), Finding> {
        let id = key_id(name, key);
        let mut lines = self.signatures.iter().filter(|line| line.name == name && line.key == id).peekable();
        if lines.peek().is_none() {
            return Err(Finding::error("checkpoint-unsigned").with("name", name));
        }
        if lines.all(|line| key.verifies_one(self.text.as_bytes(), &line.signature)) {
            Ok(())
        } else {
            Err(Finding::error("checkpoint-signature-wrong").with("name", name))
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        let line = |line: &Line| writeln!(f, "— {} {}", line.name, base64::encode(&[&line.key[..], &line.signature].concat()));
        self.signatures.iter().try_for_each(line)
    }
}

/// The same note with one more signature: who countersigns a checkpoint has seen the log at that size.
pub fn countersign(note: &Note, name: &str, signer: &dyn Signer) -> Result<Note, Finding> {
    if !is_name(name) {
        return Err(Finding::error("checkpoint-name").with("name", name));
    }
    let mut note = note.clone();
    let signature = signer.sign(note.text.as_bytes())?;
    note.signatures.push(Line { name: name.to_owned(), key: key_id(name, signer.public_key()), signature });
    Ok(note)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|character| character.is_whitespace() || character.is_control() || character == '+')
}

/// Tells keys apart: for ECDSA the beginning of the key's SHA-256, for SM2 that of name, type and key.
fn key_id(name: &str, key: &PublicKey) -> [u8; 4] {
    let hash = match key.algorithm() {
        Algorithm::P256 => Sha256::digest(key.der()),
        Algorithm::Sm2 => {
            Sha256::new().chain_update(name).chain_update(b"\n\xfftaizhang/sm2-sm3").chain_update(key.der()).finalize()
        }
    };
    [hash[0], hash[1], hash[2], hash[3]]
}

/// That an entry is in a log: its place, the way to the root, and the checkpoint (C2SP tlog-proof).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The entry's place, from 0.
    pub index: u64,
    /// Siblings from the leaf up.
    pub path: Vec<Digest>,
    /// The log that it is in.
    pub note: Note,
}

/// First line of a proof.
const PROOF_HEAD: &str = "c2sp.org/tlog-proof@v1\nindex ";

impl Proof {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Proof, Finding> {
        let damaged = || Finding::error("log-proof-damaged");
        let (head, note) = text.strip_prefix(PROOF_HEAD).and_then(|rest| rest.split_once("\n\n")).ok_or_else(damaged)?;
        let mut lines = head.split('\n');
        let index = lines.next().unwrap_or_default();
        let path = lines.map(|line| Some(Digest(base64::decode(line)?.try_into().ok()?))).collect::<Option<Vec<_>>>();
        let path = path.filter(|path| path.len() <= PROOF_MAX).ok_or_else(damaged)?;
        let proof = Proof { index: index.parse().map_err(|_| damaged())?, path, note: Note::parse(note)? };
        if proof.to_string() == text { Ok(proof) } else { Err(damaged()) }
    }

    /// Checks that `entry` is where the proof says, in the log that `key` signed for.
    pub fn verify(&self, entry: &[u8], key: &PublicKey) -> Result<Checkpoint, Finding> {
        let checkpoint = self.note.checkpoint()?;
        self.note.verify(&checkpoint.origin, key)?;
        if log::includes(log::leaf(entry), self.index, checkpoint.size, &self.path, checkpoint.root) {
            Ok(checkpoint)
        } else {
            Err(Finding::error("log-proof-wrong").with("origin", checkpoint.origin))
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{PROOF_HEAD}{}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", base64::encode(&hash.0)))?;
        write!(f, "\n{}", self.note)
    }
}
