/*!
What agents and the receiver say to each other: wire types, the receiver's API as a trait, and the table of its operations, from which
the OpenAPI document is made.

No handler, no client, no clock and no domain type: amounts, forms and evidence travel inside packages, which are bytes here. Nothing on
the wire can carry an indicator value beside a signed package, so that a receiver has no way to be told one.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod api;
mod openapi;
mod operations;
mod schemas;
mod wire;

pub use api::{Caller, Code, Receipted, Receiver};
pub use openapi::openapi;
pub use operations::{Answer, Body, By, Method, OPERATIONS, Operation, Parameter, Place, media};
pub use wire::{
    Consistency, Health, Inclusion, Message, Messages, NewMessage, Pack, Packs, Problem, UploadOrder, UploadState, is_digest,
};

/// Largest package that is taken, in bytes.
pub const PACKAGE_MAX: usize = 32 << 20;

/// Largest piece of an upload, in bytes.
pub const PIECE_MAX: usize = 4 << 20;

/// Largest request that is no package, in bytes.
pub const REQUEST_MAX: usize = 64 << 10;

/// Name of the text in the signed container of a survey pack or calendar.
pub const PACK_FILE: &str = "pack.toml";

/// Most messages of one answer.
pub const MESSAGES_MAX: usize = 200;

/// Header that says how many bytes of an upload have arrived, or where a piece begins.
pub const OFFSET: &str = "upload-offset";

/// Header with the agent's checkpoint, base64.
pub const AGENT_CHECKPOINT: &str = "agent-checkpoint";
