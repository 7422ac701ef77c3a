/*!
The review pages: over HTTP, and in a real Chromium. Apart from the other tests, because the browser's library changes how texts are added.
*/
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot set up its case must fail; nobody links against it")]

mod acting;
mod browser;
mod bureau;
mod crawl;
mod doing;
mod exam;
mod figure;
mod mapping;
mod pages;
#[path = "../end_to_end/receiver.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod receiver;
mod safety;
mod signoff;
#[path = "../end_to_end/site.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod site;

#[path = "../peers/mod.rs"]
mod peers;

pub use site::{Site, csv};

/// Of keys and sources in tests; it must never be told.
pub const PASSWORD: &str = "s3cret;pass}word";
