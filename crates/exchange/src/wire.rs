//! What travels as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether a text is a SHA-256 as everything here writes it: 64 lower-case hexadecimal digits.
pub fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Why a request was not done, in the shape of RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:taizhang:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Sentence in Chinese and English.
    pub title: String,
    /// Status of the answer.
    pub status: u16,
    /// Entry of the message catalogue, and page of `docs/errors/`.
    pub code: String,
    /// Values of the sentence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, String>,
}

impl Problem {
    /// A problem; its sentence is given by who knows the catalogue.
    pub fn new(status: u16, code: &str) -> Problem {
        Problem {
            kind: format!("urn:taizhang:{code}"),
            title: String::new(),
            status,
            code: code.to_owned(),
            arguments: BTreeMap::new(),
        }
    }

    /// The same with one more value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Problem {
        self.arguments.insert(name.to_owned(), value.to_string());
        self
    }
}

/// Whether the receiver is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`; a receiver that cannot reach its state answers 503.
    pub status: String,
    /// Its clock, RFC 3339: agents compare theirs.
    pub time: String,
    /// Version of the program.
    pub version: String,
    /// Whether it is a sandbox, whose receipts mean nothing.
    pub sandbox: bool,
}

/// A package that is to come in pieces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadOrder {
    /// SHA-256 of the whole file.
    pub sha256: String,
    /// Its bytes.
    pub length: u64,
}

/// How much of it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadState {
    /// SHA-256 of the whole file.
    pub sha256: String,
    /// Its bytes.
    pub length: u64,
    /// Bytes that are there: where the next piece begins.
    pub offset: u64,
}

/// That a receipt is in the receiver's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    /// Hash of the leaf.
    pub leaf: String,
    /// Its place, from 0.
    pub index: u64,
    /// Leaves of the tree that the proof is about.
    pub size: u64,
    /// Hashes from the leaf up.
    pub proof: Vec<String>,
    /// Checkpoint of that tree, a signed note.
    pub checkpoint: String,
}

/// That one tree of the log is the beginning of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consistency {
    /// Leaves of the older tree.
    pub from: u64,
    /// Leaves of the newer tree.
    pub to: u64,
    /// Hashes of RFC 6962.
    pub proof: Vec<String>,
}

/// A message between the bureau and a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Number; later ones are larger.
    pub id: u64,
    /// When it was written, RFC 3339.
    pub at: String,
    /// `query`, `answer`, `acceptance`, `return` or `notice`; `reminder` of a report that has not arrived, `closing` of a query that is settled.
    pub kind: String,
    /// Who wrote it: a person of the bureau, or the unit.
    pub by: String,
    /// Form (表号); empty where it is about none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub form: String,
    /// Period; empty where it is about none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub period: String,
    /// Payload digest of the package it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub payload: String,
    /// Indicator or audit rule it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
    /// The words.
    pub text: String,
}

/// Messages in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    /// Messages after the one that was asked for.
    pub messages: Vec<Message>,
    /// What to ask with next: the number of the last one, or what was asked with.
    pub next: u64,
    /// Whether there are more already.
    pub more: bool,
}

/// An answer or a notice of a unit. It has words and no figures: a figure changes by a corrected package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// Chosen by the sender: the same key again is the same message.
    pub key: String,
    /// The query that it answers; a notice of its own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
    /// The words.
    pub text: String,
}

/// A survey pack or calendar that the bureau signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// `form` or `calendar`.
    pub kind: String,
    /// Edition, or the calendar's year.
    pub edition: String,
    /// Form (表号); empty for a calendar.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub form: String,
    /// Which correction it is.
    pub revision: u32,
    /// SHA-256 of the signed container, by which it is fetched.
    pub sha256: String,
    /// Its bytes.
    pub length: u64,
    /// When it was published, RFC 3339.
    pub at: String,
}

/// The newest revision of each pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packs {
    /// By kind, edition and form.
    pub packs: Vec<Pack>,
}
