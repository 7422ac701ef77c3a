/*!
The receiver of a statistics bureau: a register of units, their certificates, and what they report.

Receives, verifies, audits, keeps and receipts. It never changes a figure: what arrived is a blob under its digest, a correction is another
version, and every statement of its database adds rows or reads them (`sql.rs`). It links no ODBC and knows no book.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

pub mod board;
mod check;
pub mod cli;
mod clock;
pub mod config;
pub mod db;
mod enrol;
mod est;
mod events;
pub mod failure;
pub mod keys;
pub mod knowledge;
pub mod letters;
pub mod messages;
pub mod office;
pub mod pages;
mod problem;
mod quality;
pub mod receive;
pub mod release;
pub mod robot;
pub mod sandbox;
pub mod serve;
mod sheet;
pub mod sql;
pub mod staff;
pub mod store;
mod uploads;
