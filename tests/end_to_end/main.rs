/*!
The built program on real ERP databases behind real servers and drivers. Expected figures come from the ERPs' own reports.
*/
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot set up its case must fail; nobody links against it")]

mod archive;
mod audit;
mod balances;
mod beside;
mod change;
mod closing;
mod connect;
mod delivery;
mod drafts;
mod drivers;
mod energy;
mod entries;
mod error_pages;
mod exam;
mod export;
mod faults;
mod filed;
mod generic;
mod guard;
mod hand;
mod heads;
mod imports;
mod keys;
mod kills;
mod letters;
mod lineage;
mod lines;
mod mapping_set;
mod measures;
mod newcomer;
mod open_books;
mod outside;
mod packages;
mod packet;
mod packs;
mod people;
mod published;
mod quiet;
mod readers;
mod receiver;
mod renderings;
mod retyped;
mod rights;
mod rounds;
mod servers;
mod short_sheets;
mod site;
mod tamper;
mod texts;
mod tutorial;

#[path = "../peers/mod.rs"]
mod peers;

pub use balances::books;
pub use servers::PASSWORD;
pub use site::{Rows, Site, csv, data};
