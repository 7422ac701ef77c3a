//! A survey form (报表) of an edition: header, rows, audit rules. All of it is data.

use model::{Amount, Finding, Month};
use serde::Deserialize;
use settings::Shape;
use toml::Spanned;

use crate::{
    mapping::Source,
    rule::{RULE, Rule, UNFORMULATED, Unformulated},
    shape::ANY,
};

const SHAPE: Shape = Shape::Table(&[
    ("form", ANY),
    ("edition", ANY),
    ("name", ANY),
    ("scope", ANY),
    ("frequency", ANY),
    ("exempt_months", ANY),
    ("deadline", ANY),
    ("unit", ANY),
    ("divisor", ANY),
    ("places", ANY),
    ("header", Shape::Table(&[("authority", ANY), ("document", ANY), ("valid_until", ANY), ("status", ANY)])),
    (
        "row",
        Shape::Each(&Shape::Table(&[
            ("code", ANY),
            ("id", ANY),
            ("name", ANY),
            ("unit", ANY),
            ("kind", ANY),
            ("formula", ANY),
            ("status", ANY),
            ("note", ANY),
        ])),
    ),
    ("rule", Shape::Each(&RULE)),
    ("unformulated", Shape::Each(&UNFORMULATED)),
]);

/// A form of an edition.
#[derive(Clone, Debug, Deserialize)]
pub struct Form {
    /// Form code (表号).
    pub form: String,
    /// Edition (制度年份).
    pub edition: String,
    /// Name (表名).
    pub name: String,
    /// Who fills it.
    #[serde(default)]
    pub scope: String,
    /// How often.
    pub frequency: Frequency,
    /// Months of the year that are not reported, 1 to 12.
    #[serde(default)]
    pub exempt_months: Vec<u8>,
    /// Until when, in words.
    #[serde(default)]
    pub deadline: String,
    /// Unit of money (计量单位).
    pub unit: String,
    /// 元 divided by this is the unit.
    pub divisor: i64,
    /// Decimals of the unit.
    pub places: u32,
    /// Facts of the form's head.
    pub header: Header,
    /// Indicators, in the form's order.
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
    /// Audit rules.
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
    /// Audit rules that are no formulas.
    #[serde(default)]
    pub unformulated: Vec<Unformulated>,
    #[serde(skip)]
    pub(crate) source: Source,
}

/// How often a form is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// 月报
    Monthly,
    /// 季报
    Quarterly,
    /// 年报
    Annual,
}

/// What stands above a form.
#[derive(Clone, Debug, Deserialize)]
pub struct Header {
    /// 制定机关
    pub authority: String,
    /// 文号
    pub document: String,
    /// 有效期至
    pub valid_until: String,
    /// Evidence status.
    pub status: String,
}

/// Kind of an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// 期末数
    Stock,
    /// 发生数
    Flow,
    /// People and other counts: never divided by the unit of money.
    Count,
}

/// One indicator (指标).
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Official code.
    pub code: Option<String>,
    /// Name in this pack where there is no official code.
    pub id: Option<String>,
    /// Name.
    pub name: String,
    /// Unit, where it is not the form's.
    pub unit: Option<String>,
    /// Kind.
    pub kind: RowKind,
    /// Where its value comes from; absent where no system holds it.
    pub formula: Option<Spanned<String>>,
    /// Evidence status: `confirmed` or `recalled`.
    pub status: String,
    /// What else is known.
    pub note: Option<String>,
}

impl Row {
    /// Code or id.
    pub fn key(&self) -> &str {
        self.code.as_deref().or(self.id.as_deref()).unwrap_or_default()
    }
}

impl Form {
    /// Reads a form; everything that is wrong is found at once.
    pub fn parse(file: &str, text: &str) -> (Option<Form>, Vec<Finding>) {
        let (form, mut findings) = settings::read::<Form>(file, text, &SHAPE);
        let Some(mut form) = form else { return (None, findings) };
        form.source = Source { file: file.to_owned(), text: text.to_owned() };
        let mut seen = Vec::new();
        for row in &form.rows {
            if row.key().is_empty() {
                findings.push(Finding::error("row-nameless").at(file).with("name", &row.name));
            } else if seen.contains(&row.key()) {
                findings.push(Finding::error("row-doubled").at(file).with("indicator", row.key()));
            }
            seen.push(row.key());
        }
        let mut ids: Vec<&str> = Vec::new();
        let all = form.rules.iter().map(|rule| (rule.id.as_str(), rule.tolerance));
        for (id, tolerance) in all.chain(form.unformulated.iter().map(|rule| (rule.id.as_str(), Amount::ZERO))) {
            if ids.contains(&id) || id.is_empty() {
                findings.push(Finding::error("rule-doubled").at(file).with("rule", id));
            }
            if tolerance < Amount::ZERO {
                findings.push(Finding::error("tolerance-unfit").at(file).with("rule", id).with("tolerance", tolerance));
            }
            ids.push(id);
        }
        if form.divisor < 1 || form.places > 9 {
            findings.push(Finding::error("unit-unfit").at(file));
        }
        if findings.is_empty() { (Some(form), findings) } else { (None, findings) }
    }

    /// Whether the form is due for a month.
    pub fn is_due(&self, month: Month) -> bool {
        let closes = match self.frequency {
            Frequency::Monthly => true,
            Frequency::Quarterly => month.month().is_multiple_of(3),
            Frequency::Annual => month.month() == 12,
        };
        closes && !self.exempt_months.contains(&month.month())
    }

    /// The row with this code or id.
    pub fn row(&self, key: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.key() == key)
    }
}
