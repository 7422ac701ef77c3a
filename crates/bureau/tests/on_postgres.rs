/*! The tests of the receiver once more, with its rows on a server of PostgreSQL and the bytes of packages in a folder. */
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::duplicate_mod,
    reason = "a test that cannot set up its case must fail"
)]

#[path = "crash.rs"]
mod crash;
#[path = "desk.rs"]
mod desk;
#[path = "receive.rs"]
mod receive;
#[path = "refusals.rs"]
mod refusals;
#[path = "schemathesis.rs"]
mod schemathesis;
