/*!
Bytes and trust: canonical JSON, digests, keys, certificates, signatures, containers, logs and receipts.

Pure: no file, clock, network or database. The time to judge at is an argument, and randomness is asked of the operating system only where a key
or a serial number is made. Whatever is read is bounded, is read whole before a word of it is believed, and is refused with a name:
[`model::Finding`]s are the errors of this room. `docs/specs/package.md` and `docs/specs/log.md` are its formats.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod algorithm;
mod base64;
pub mod canonical;
mod certificate;
mod chain;
mod checkpoint;
mod cms;
pub mod container;
mod digest;
mod issue;
mod key;
pub mod log;
mod manifest;
mod package;
mod payload;
mod receipt;
mod role;
mod time;
mod verify;
pub mod voucher;

pub use algorithm::{Algorithm, PublicKey};
pub use certificate::{Certificate, Subject};
pub use chain::{Moment, RevocationList, Trust};
pub use checkpoint::{Checkpoint, Note, Proof, countersign};
pub use container::Limits;
pub use digest::{Digest, Digesting, sm3};
pub use issue::{Authority, Profile, Request};
pub use key::{Identity, SecretKey, Signer};
pub use model::Finding;
pub use package::{Package, Scan};
pub use payload::Payload;
pub use receipt::{Form, Receipt, Received, Verdict};
pub use role::Role;
pub use time::Time;
pub use verify::{Demands, Signed, Verification};
pub use voucher::VoucherProof;
