/*!
Accounting standards, survey forms and mapping layers as data; ledger and drafts built from figures.

Pure: texts and figures come in, values and findings go out. No form, code, account or rule of a form is known here: all of them are in
`mappings/`.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod standard;

pub use standard::{Match, Standard, StandardAccount};

/// Accounting standards that come with the program: name and text.
pub const STANDARDS: &[(&str, &str)] = &[
    ("cas", include_str!("../../../mappings/charts/cas.toml")),
    ("small-business", include_str!("../../../mappings/charts/small-business.toml")),
];
