//! What a draft and its figures stand on, as they are kept.

use serde::{Deserialize, Serialize};

use crate::{Asked, document::is_default, measures::AskedMeasure};

/// The pack that a draft was made by, beside its edition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackUsed {
    /// Revision within the edition.
    pub revision: u32,
    /// SHA-256 of its text.
    pub digest: String,
}

/// A rate that figures stand on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateUsed {
    /// Month, `YYYY-MM`.
    pub month: String,
    /// `closing` or `average`.
    pub of: String,
    /// 元 for one unit of the book's currency; absent where the table had none.
    pub rate: Option<String>,
}

/// The sealed months a figure stands on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// First month; absent where it stands on everything before too.
    pub from: Option<String>,
    /// Last month.
    pub to: String,
    /// Digest over the periods and roots of those seals.
    pub digest: String,
    /// Of what these seals are.
    #[serde(default, skip_serializing_if = "Stands::books")]
    pub on: Stands,
    /// What of the books: a change of anything else leaves it as it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub asked: Vec<Asked>,
    /// What of the measures: an entry of anything else leaves it as it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub measured: Vec<AskedMeasure>,
    /// Classes of accounts that it asked for as a whole: which accounts these have may be another without a line of theirs.
    #[serde(default, skip_serializing_if = "is_default")]
    pub classes: Vec<String>,
}

/// What a figure stands on: a new voucher touches no count of heads, and a new entry of heads no balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// The books alone.
    #[default]
    Books,
    /// Measures alone.
    Measures,
    /// Both.
    Both,
}

impl Stands {
    fn books(&self) -> bool {
        *self == Stands::Books
    }
}
