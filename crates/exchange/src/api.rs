//! The receiver as a trait: what it can be asked, and by whom.

use std::future::Future;

use crate::wire::{Consistency, Health, Inclusion, Message, Messages, NewMessage, Packs, Problem, UploadOrder, UploadState};

/// Who asks: a unit, by the certificate of its connection. How the certificate stands is judged by the receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Unified social credit code of the unit that the certificate names.
    pub unit: String,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
}

/// A one-time code and the unit it was made for.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// Unified social credit code.
    pub unit: String,
    /// The code.
    pub code: String,
}

/// The code itself is a secret.
impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Code({})", self.unit)
    }
}

/// A signed receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipted {
    /// Whether the package was taken; a refusal has a receipt too.
    pub accepted: bool,
    /// Whether this request made it; the same package again gives the receipt it has.
    pub new: bool,
    /// The container.
    pub receipt: Vec<u8>,
}

/// What a receiver does. There is no method that takes an indicator value: figures come in signed packages, and as a whole.
pub trait Receiver: Send + Sync + 'static {
    /// Whether it is there.
    fn health(&self) -> impl Future<Output = Result<Health, Problem>> + Send;

    /// Takes a whole package; the answer is the receipt. `agent` is the agent's checkpoint, a signed note, which is countersigned in it.
    fn submit(
        &self,
        who: &Caller,
        package: Vec<u8>,
        agent: Option<&str>,
    ) -> impl Future<Output = Result<Receipted, Problem>> + Send;

    /// Begins an upload, or finds the one that was begun; whether it is new.
    fn begin_upload(
        &self,
        who: &Caller,
        order: &UploadOrder,
    ) -> impl Future<Output = Result<(bool, UploadState), Problem>> + Send;

    /// How much of an upload is there.
    fn upload_state(&self, who: &Caller, sha256: &str) -> impl Future<Output = Result<UploadState, Problem>> + Send;

    /// Adds a piece that begins where the upload ends.
    fn append(
        &self,
        who: &Caller,
        sha256: &str,
        offset: u64,
        piece: Vec<u8>,
    ) -> impl Future<Output = Result<UploadState, Problem>> + Send;

    /// Takes the uploaded package; the answer is the receipt.
    fn complete(
        &self,
        who: &Caller,
        sha256: &str,
        agent: Option<&str>,
    ) -> impl Future<Output = Result<Receipted, Problem>> + Send;

    /// The receipt of a payload digest that the unit sent.
    fn receipt(&self, who: &Caller, payload: &str) -> impl Future<Output = Result<Receipted, Problem>> + Send;

    /// The newest checkpoint of the log, a signed note.
    fn checkpoint(&self, who: &Caller) -> impl Future<Output = Result<String, Problem>> + Send;

    /// Proof that a leaf is in the log of `size` leaves, or in the whole log.
    fn inclusion(&self, who: &Caller, leaf: &str, size: Option<u64>) -> impl Future<Output = Result<Inclusion, Problem>> + Send;

    /// Proof that the log of `from` leaves is the beginning of that of `to`.
    fn consistency(&self, who: &Caller, from: u64, to: u64) -> impl Future<Output = Result<Consistency, Problem>> + Send;

    /// Messages of the unit after a number.
    fn messages(&self, who: &Caller, after: u64, limit: usize) -> impl Future<Output = Result<Messages, Problem>> + Send;

    /// Takes an answer or a notice; whether it is new.
    fn post(&self, who: &Caller, message: &NewMessage) -> impl Future<Output = Result<(bool, Message), Problem>> + Send;

    /// The packs that are published.
    fn packs(&self, who: &Caller) -> impl Future<Output = Result<Packs, Problem>> + Send;

    /// A published pack, a signed container.
    fn pack(&self, who: &Caller, sha256: &str) -> impl Future<Output = Result<Vec<u8>, Problem>> + Send;

    /// Certificates to trust (RFC 7030, 4.1), as PKCS#7 in DER.
    fn ca_certificates(&self) -> impl Future<Output = Result<Vec<u8>, Problem>> + Send;

    /// What a request for a certificate should have (RFC 7030, 4.5), DER.
    fn request_attributes(&self) -> impl Future<Output = Result<Vec<u8>, Problem>> + Send;

    /// A certificate for a one-time code (RFC 7030, 4.2.1): PKCS#10 in, PKCS#7 out, both DER.
    fn enrol(&self, code: &Code, request: &[u8]) -> impl Future<Output = Result<Vec<u8>, Problem>> + Send;

    /// A certificate in the place of the connection's own (RFC 7030, 4.2.2).
    fn reenrol(&self, who: &Caller, request: &[u8]) -> impl Future<Output = Result<Vec<u8>, Problem>> + Send;
}
