/*!
Connector packs: SQL and words that say how an ERP is recognised and what its rows mean. No ERP is named in code; the built-in packs are
texts. `docs/reference/connector-pack.md` is the contract of the extracts.

Pure apart from what the caller reads: packs turn variables into queries, and rows into accounts, periods and fingerprints.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod examine;
mod pack;
mod rows;
mod tables;

pub use examine::Examiner;
pub use pack::{Choice, EXTRACTS, Fit, Pack, Values};
pub use rows::Rows;
pub use tables::{
    Account, BookInfo, ErpBalance, Fingerprint, PeriodInfo, accounts, balances, books, fingerprints, measures, periods,
};

/// Packs that come with the program: name and text of `connector.toml`.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("generic-sql", include_str!("../../../connectors/generic-sql/connector.toml")),
    ("odoo", include_str!("../../../connectors/odoo/connector.toml")),
    ("tryton", include_str!("../../../connectors/tryton/connector.toml")),
];

/// What `connector new` writes.
pub const TEMPLATE: &str = include_str!("../../../connectors/template/connector.toml");

/// The README that `connector new` writes beside it.
pub const TEMPLATE_README: &str = include_str!("../../../connectors/template/README.md");
