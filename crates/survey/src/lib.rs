/*!
Accounting standards, survey forms and mapping layers as data; ledger and drafts built from figures.

Pure: texts and figures come in, values and findings go out. No form, code, account or rule of a form is known here: all of them are in
`mappings/`.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod asked;
pub mod audit;
mod built_in;
mod calendar;
mod chart;
mod column;
pub mod document;
mod draft;
mod engine;
pub mod exam;
mod expand;
pub mod filing;
mod form;
mod mapping;
pub mod measures;
pub mod pack;
mod proposed;
pub mod quality;
mod rates;
mod reach;
mod row;
mod rule;
pub mod sdmx;
mod shape;
mod standard;
mod stands;
mod threshold;
mod trial;

pub use asked::{Asked, By};
pub use built_in::{CALENDARS, FORMS};
pub use calendar::{Calendar, Calendars, Due};
pub use chart::{BookAccount, chart};
pub use column::Printed;
pub use draft::{Built, Grown, Order, Sealed, Seals, build, evidence_digest, gap_finding, grown, growth, growth_of};
pub use engine::{Engine, Sources};
pub use expand::{Product, Repeat};
pub use form::{Change, Form, Frequency, Header, KnownAs, Replacement};
pub use mapping::{Decision, Formula, Mapping, NOTHING, RuleFormula, decisions};
pub use rates::{Converted, Rate, Rates};
pub use row::{Row, RowKind};
pub use rule::{Level as RuleLevel, Rule, Severity, Unformulated};
pub use standard::{Match, Standard, StandardAccount};
pub use threshold::{Standing, Thresholds, Trade};
pub use trial::{Checked, Test, Tests, tests};

/// Accounting standards that come with the program: name and text.
pub const STANDARDS: &[(&str, &str)] = &[
    ("cas", include_str!("../../../mappings/charts/cas.toml")),
    ("small-business", include_str!("../../../mappings/charts/small-business.toml")),
];

/// Thresholds of the survey that come with the program.
pub const THRESHOLDS: &str = include_str!("../../../mappings/thresholds.toml");

/// Kinds of measures that come with the program.
pub const MEASURES: &str = include_str!("../../../mappings/measures/2025.toml");

/// Units and coefficients of energy that come with the program.
pub const ENERGY: &str = include_str!("../../../mappings/energy/2025.toml");
