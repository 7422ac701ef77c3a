//! Rows of a form (指标): what each is, in which unit it is printed, and where its value comes from.

use model::Finding;
use serde::Deserialize;
use settings::Shape;
use toml::Spanned;

use crate::{column::Printed, shape::ANY};

pub(crate) const ROW: Shape = Shape::Table(&[
    ("code", ANY),
    ("id", ANY),
    ("name", ANY),
    ("unit", ANY),
    ("divisor", ANY),
    ("places", ANY),
    ("kind", ANY),
    ("region", ANY),
    ("columns", ANY),
    ("each", ANY),
    ("once", ANY),
    ("formula", ANY),
    ("rest", ANY),
    ("fill", ANY),
    ("source", ANY),
    ("choices", ANY),
    ("max_choices", ANY),
    ("required", ANY),
    ("status", ANY),
    ("note", ANY),
]);

/// Kind of an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// 期末数
    Stock,
    /// 年初数: what there was when the year began
    Opening,
    /// 发生数
    Flow,
    /// People and other counts: never divided by the unit of money.
    Count,
    /// A text.
    Text,
    /// One or more of given answers.
    Choice,
}

impl RowKind {
    /// Name in packs and documents.
    pub fn name(self) -> &'static str {
        match self {
            RowKind::Stock => "stock",
            RowKind::Opening => "opening",
            RowKind::Flow => "flow",
            RowKind::Count => "count",
            RowKind::Text => "text",
            RowKind::Choice => "choice",
        }
    }

    /// Whether its values are numbers.
    pub fn is_number(self) -> bool {
        !matches!(self, RowKind::Text | RowKind::Choice)
    }
}

/// One indicator.
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
    /// Divisor into that unit: 1 where it says nothing.
    pub divisor: Option<i64>,
    /// Decimals in that unit: none where it says nothing.
    pub places: Option<u32>,
    /// Kind.
    pub kind: RowKind,
    /// Region that adds it to a national form (行政区划代码).
    pub region: Option<String>,
    /// Columns of the form in which it is printed; all where empty.
    #[serde(default)]
    pub columns: Vec<Printed>,
    /// What the row is repeated for on paper: `product`, `industry`, `commodity`, `energy`, `project` …
    pub each: Option<String>,
    /// Whether it stands once on a form that is repeated as a whole.
    #[serde(default)]
    pub once: bool,
    /// The row of the pack that it is one of, where the form was repeated for what the unit has.
    #[serde(skip)]
    pub repeats: Option<String>,
    /// Where its value comes from; absent where no formula says it.
    pub formula: Option<Spanned<String>>,
    /// Of a row that is repeated by industry: what no product has of its own, such as work in progress; the row of the main industry has
    /// it too. After the form was repeated, only where nobody knows which industry that is.
    pub rest: Option<Spanned<String>>,
    /// A fact of the unit that fills a text: `unit.code`, `unit.name` …
    pub fill: Option<String>,
    /// The record that holds it, in words, where a formula does not say it.
    pub source: Option<String>,
    /// The answers of a choice.
    #[serde(default)]
    pub choices: Vec<String>,
    /// How many answers may be given; one where it says nothing.
    pub max_choices: Option<u32>,
    /// Whether it may not be left empty.
    #[serde(default)]
    pub required: bool,
    /// Evidence status: `confirmed` or `recalled`.
    pub status: String,
    /// What else is known.
    pub note: Option<String>,
}

impl Row {
    /// What a person answers, as the form has it: a choice by its number or its words. What it cannot be is a finding.
    pub fn answer(&self, text: &str) -> Result<String, Finding> {
        let unfit = |reason: String| {
            let finding = Finding::error("text-unfit").with("indicator", self.key()).with("name", &self.name).with("text", text);
            Err(finding.with("reason", reason).with("known", self.choices.join("、")))
        };
        let text = text.trim();
        if text.is_empty() || text.chars().any(|letter| letter.is_control() && letter != '\n') {
            return unfit(format!("{:?}", text));
        }
        if self.choices.is_empty() {
            return Ok(text.to_owned());
        }
        let most = self.max_choices.unwrap_or(1) as usize;
        let mut taken: Vec<&String> = Vec::new();
        for answer in formula::answers(text) {
            let meant = |known: &&String| {
                let (code, words) = known.split_once(' ').unwrap_or((known, known));
                known.as_str() == answer || code == answer || words.trim() == answer
            };
            match self.choices.iter().find(meant) {
                Some(known) if !taken.contains(&known) => taken.push(known),
                Some(_) => {}
                None => return unfit(answer.to_owned()),
            }
        }
        if taken.len() > most {
            return unfit(format!("{} > {most}", taken.len()));
        }
        Ok(taken.into_iter().map(String::as_str).collect::<Vec<_>>().join("、"))
    }

    /// Code or id.
    pub fn key(&self) -> &str {
        self.code.as_deref().or(self.id.as_deref()).unwrap_or_default()
    }

    /// Whether a unit in `region` fills it: a region adds rows for its own province. Where nobody said where the unit is, it is shown.
    pub fn is_filled_in(&self, region: &str) -> bool {
        let province = |code: &str| code.get(..2).map(str::to_owned);
        self.region.as_deref().is_none_or(|own| region.is_empty() || province(own) == province(region))
    }
}
