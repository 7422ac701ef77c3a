//! Audit rules (审核关系) as a form's pack writes them: those with a formula, and those that cannot have one.

use model::{Amount, Month};
use serde::{Deserialize, Deserializer, de};
use settings::Shape;
use toml::Spanned;

use crate::shape::ANY;

pub(crate) const RULE: Shape = Shape::Table(&[
    ("id", ANY),
    ("expr", ANY),
    ("rows", ANY),
    ("only", ANY),
    ("severity", ANY),
    ("tolerance", ANY),
    ("level", ANY),
    ("months", ANY),
    ("text", ANY),
    ("status", ANY),
    ("note", ANY),
]);
pub(crate) const UNFORMULATED: Shape = Shape::Table(&[
    ("id", ANY),
    ("severity", ANY),
    ("level", ANY),
    ("text", ANY),
    ("status", ANY),
    ("reason", ANY),
    ("note", ANY),
]);

/// What a hit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 强制性: the report cannot be accepted so.
    Mandatory,
    /// 核实性: the figure is changed or explained.
    Verify,
    /// 提示: worth knowing, nothing to do.
    Info,
}

impl Severity {
    /// Name in packs and documents.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Mandatory => "mandatory",
            Severity::Verify => "verify",
            Severity::Info => "info",
        }
    }
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One form of one period (表内).
    #[default]
    Within,
    /// Forms of one period with each other (表间).
    Forms,
    /// A form with other periods (跨期).
    Periods,
    /// A form with figures from outside statistics (外部), such as taxed sales.
    Outside,
}

impl Level {
    /// Name in packs and documents.
    pub fn name(self) -> &'static str {
        match self {
            Level::Within => "within",
            Level::Forms => "forms",
            Level::Periods => "periods",
            Level::Outside => "outside",
        }
    }
}

/// Which rows `[*]` stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// Each row.
    #[default]
    All,
    /// Rows in the form's unit of money.
    Money,
    /// Rows that may not be left empty.
    Required,
}

/// An audit rule (审核关系).
#[derive(Clone, Debug, Deserialize)]
pub struct Rule {
    /// Id. A rule that a survey states for several indicators has a formula for each, as `FIN-23.301`.
    pub id: String,
    /// True where the figures are in order; in 元.
    pub expr: Spanned<String>,
    /// Which rows `[*]` stands for.
    #[serde(default)]
    pub rows: Rows,
    /// Of a form that is repeated as a whole: what it is asked of, by name or code, such as 电力; of each where empty.
    #[serde(default)]
    pub only: Vec<String>,
    /// What a hit means.
    pub severity: Severity,
    /// How far apart two sides may be and still be equal, for they were rounded; in the form's unit.
    #[serde(default, deserialize_with = "amount")]
    pub tolerance: Amount,
    /// What it looks at.
    #[serde(default)]
    pub level: Level,
    /// Months of the year in which it is asked, 1 to 12; all of them where empty.
    #[serde(default)]
    pub months: Vec<u8>,
    /// What a person reads.
    pub text: String,
    /// Evidence status.
    pub status: String,
    /// What else is known.
    pub note: Option<String>,
}

impl Rule {
    /// The id that the survey gives it: `FIN-23` of `FIN-23.301`.
    pub fn survey_id(&self) -> &str {
        self.id.split('.').next().unwrap_or(&self.id)
    }

    /// Whether it is asked of one of those that a form is repeated for.
    pub fn is_of(&self, code: &str, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == code || only == name)
    }

    /// Whether it is asked of a month.
    pub fn is_asked(&self, month: Month) -> bool {
        self.months.is_empty() || self.months.contains(&month.month())
    }
}

/// A rule of the survey that cannot be a formula over a form's figures, and why.
#[derive(Clone, Debug, Deserialize)]
pub struct Unformulated {
    /// Id.
    pub id: String,
    /// What a hit means.
    pub severity: Severity,
    /// What it looks at.
    #[serde(default)]
    pub level: Level,
    /// What a person reads.
    pub text: String,
    /// Evidence status.
    pub status: String,
    /// Why there is no formula, and who looks at it instead.
    pub reason: String,
    /// What else is known.
    pub note: Option<String>,
}

/// A decimal: a whole number, or a text, since a TOML number with a point would be a float.
pub(crate) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Whole(i64),
        Text(String),
    }
    let wrong = || de::Error::custom("a whole number, or a decimal as text (\"0.5\")");
    match Written::deserialize(deserializer).map_err(|_| wrong())? {
        Written::Whole(whole) => Amount::from_whole(whole.into()).ok_or_else(wrong),
        Written::Text(text) => text.parse().map_err(|_| wrong()),
    }
}
