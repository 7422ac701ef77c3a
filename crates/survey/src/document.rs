//! What is kept and exported of a draft and of a ledger cell: documents with decimals as strings, missing as null with a status.

use std::collections::BTreeMap;

use formula::{Measure, Side, Trace, Value, What};
use model::{Finding, Level};
use serde::{Deserialize, Serialize};

pub use crate::stands::{Evidence, PackUsed, RateUsed, Stands};
use crate::{Printed, audit::Explanation};

/// Empty values are left out of documents, so that their bytes say no more than there is.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A report draft (报表草稿).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Form code (表号).
    pub form: String,
    /// Edition (制度年份).
    pub edition: String,
    /// Name of the form (表名).
    pub name: String,
    /// Month, `YYYY-MM`.
    pub period: String,
    /// Reporting unit.
    pub unit: Unit,
    /// Book it was built from.
    pub book: String,
    /// Currency of the book, ISO 4217; empty where nobody said.
    pub currency: String,
    /// Whether the form is due for this month.
    pub due: bool,
    /// 账未结: a month in it is not closed in the ERP, so that figures may still move.
    pub books_open: bool,
    /// Whether unposted vouchers are in it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unposted: bool,
    /// Whether figures stand on measures too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub measures: bool,
    /// Head of the form.
    pub header: Header,
    /// Foot of the form.
    pub footer: Footer,
    /// Region whose own form it is (行政区划代码).
    #[serde(default, skip_serializing_if = "is_default")]
    pub region: Option<String>,
    /// Columns that the form prints, in its order; the draft may have more.
    #[serde(default, skip_serializing_if = "is_default")]
    pub printed: Vec<String>,
    /// Digest of the mapping: standard, forms and layers.
    pub mapping: String,
    /// The form's own pack in it; absent in a draft of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<PackUsed>,
    /// Root of the seal of each period up to this one.
    pub evidence: BTreeMap<String, String>,
    /// Rates by which a book in another currency was converted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rates: Vec<RateUsed>,
    /// Accounts of the book without a line whose code and name disagree: with one they hold figures up.
    #[serde(default, skip_serializing_if = "is_default")]
    pub doubtful: Vec<String>,
    /// Accounts that only the ERP says the class of, with lines, by what it said: `asset`, `liability credit` …
    #[serde(default, skip_serializing_if = "is_default")]
    pub typed: BTreeMap<String, Vec<String>>,
    /// Digest over the keys of the closing vouchers of each period that has any: which they are follows from the chart, and no seal's root says it.
    /// Absent in a draft of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closings: Option<BTreeMap<String, String>>,
    /// Indicators in the form's order.
    pub cells: Vec<Cell>,
    /// What a person should know.
    pub findings: Vec<Note>,
    /// 核实说明: what people said about rules that are not met, while it speaks of these figures.
    #[serde(default, skip_serializing_if = "is_default")]
    pub explanations: Vec<Explanation>,
}

impl Draft {
    /// Columns as people read them, by machine name: what each row reports of the period stands in one column, `cumulative` or `value`.
    pub fn shown(&self) -> Vec<&'static str> {
        let prints = |name: &str| self.printed.iter().any(|known| known == name);
        let has = |name: &&&str| self.cells.iter().any(|cell| cell.columns.get(name).is_some());
        let main = if prints("value") { "value" } else { "cumulative" };
        let opening: &[&str] = if prints("opening") { &["opening"] } else { &[] };
        let before = ["this_month", "this_quarter"].iter().filter(has).copied();
        let after = ["prior_year_month", "prior_year"].iter().filter(has).copied();
        before.chain([main]).chain(opening.iter().copied()).chain(after).collect()
    }
}

/// Reporting unit (填报单位).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Unified social credit code.
    pub code: String,
    /// Name.
    pub name: String,
}

/// Head of an official form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// 制定机关
    pub authority: String,
    /// 文号
    pub document: String,
    /// 有效期至
    pub valid_until: String,
    /// 计量单位
    pub money_unit: String,
    /// 填报范围
    pub scope: String,
    /// 报送时间, in words
    pub deadline: String,
}

/// Foot of an official form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footer {
    /// 单位负责人
    pub head: String,
    /// 统计负责人
    pub statistician: String,
    /// 填表人
    pub preparer: String,
    /// 联系电话
    pub phone: String,
    /// 报出日期; empty until it is sent
    pub sent_on: String,
}

/// One indicator of a draft.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Code, or the id that the pack gives it.
    pub id: String,
    /// Official code (指标代码).
    pub code: Option<String>,
    /// The row of the form that it is one of, where the form repeats one for what the unit has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub repeats: Option<String>,
    /// Name (指标名称).
    pub name: String,
    /// Unit (计量单位).
    pub unit: String,
    /// `stock`, `opening`, `flow`, `count`, `text` or `choice`.
    pub kind: String,
    /// Columns in which it is printed, where these are not all of the form's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub printed: Vec<String>,
    /// The record that holds it, where no formula says it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub record: Option<String>,
    /// Columns.
    pub columns: Columns,
    /// Formula as it is written in the mapping.
    pub formula: Option<String>,
    /// Where it is written: `file:line:column`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub place: Option<String>,
    /// Status of its current columns: `ok`, `missing_account`, `missing_source`, `before_first_period`, `no_rate` …
    pub status: String,
    /// How sure the pack is of the indicator: `confirmed` or `recalled`.
    pub fact: String,
    /// Which sealed months it stands on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub evidence: Option<Evidence>,
    /// A person's change beside what was computed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub adjustment: Option<Adjustment>,
    /// Whether its figures differ from the version before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub changed: bool,
    /// Figures of the version before, where they differ.
    #[serde(default, skip_serializing_if = "is_default")]
    pub before: Option<Columns>,
}

impl Cell {
    /// What a person reports in one of its columns, where that is another than what was computed.
    pub fn adjusted(&self, column: &Column) -> Option<&Adjustment> {
        self.adjustment.as_ref().filter(|_| self.columns.adjusted().is_some_and(|own| std::ptr::eq(own, column)))
    }
}

/// Columns of a form (栏).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// 本月
    #[serde(default, skip_serializing_if = "is_default")]
    pub this_month: Option<Column>,
    /// 本季
    #[serde(default, skip_serializing_if = "is_default")]
    pub this_quarter: Option<Column>,
    /// 1—本月
    #[serde(default, skip_serializing_if = "is_default")]
    pub cumulative: Option<Column>,
    /// 期末
    #[serde(default, skip_serializing_if = "is_default")]
    pub closing: Option<Column>,
    /// 年初
    #[serde(default, skip_serializing_if = "is_default")]
    pub opening: Option<Column>,
    /// A text or a choice.
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: Option<Column>,
    /// 上年同月
    #[serde(default, skip_serializing_if = "is_default")]
    pub prior_year_month: Option<Column>,
    /// 上年同期
    #[serde(default, skip_serializing_if = "is_default")]
    pub prior_year: Option<Column>,
}

impl Columns {
    /// All columns with their machine names, in the order in which people read them.
    fn all(&self) -> [(&'static str, &Option<Column>); 8] {
        [
            ("this_month", &self.this_month),
            ("this_quarter", &self.this_quarter),
            ("cumulative", &self.cumulative),
            ("closing", &self.closing),
            ("opening", &self.opening),
            ("value", &self.value),
            ("prior_year_month", &self.prior_year_month),
            ("prior_year", &self.prior_year),
        ]
    }

    /// The columns that are there.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &Column)> {
        self.all().into_iter().filter_map(|(name, column)| Some((name, column.as_ref()?)))
    }

    /// The column with this machine name.
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.each().find(|(known, _)| *known == name).map(|(_, column)| column)
    }

    /// A column of [`Draft::shown`].
    pub fn shown(&self, name: &str) -> Option<&Column> {
        if matches!(name, "cumulative" | "value") { self.main() } else { self.get(name) }
    }

    /// The place of a column.
    pub(crate) fn at_mut(&mut self, column: Printed) -> &mut Option<Column> {
        match column {
            Printed::ThisMonth => &mut self.this_month,
            Printed::ThisQuarter => &mut self.this_quarter,
            Printed::Cumulative => &mut self.cumulative,
            Printed::Closing => &mut self.closing,
            Printed::Opening => &mut self.opening,
            Printed::PriorYearMonth => &mut self.prior_year_month,
            Printed::PriorYear => &mut self.prior_year,
            Printed::Value => &mut self.value,
        }
    }

    /// What the row reports of the period itself: 1—本月, 期末, 年初 or its text.
    pub fn main(&self) -> Option<&Column> {
        [&self.cumulative, &self.closing, &self.opening, &self.value].into_iter().find_map(Option::as_ref)
    }

    /// The column beside whose computed value an adjustment stands: the cumulative one of a flow, the closing one of a stock.
    pub fn adjusted(&self) -> Option<&Column> {
        [&self.cumulative, &self.closing, &self.this_month].into_iter().find_map(Option::as_ref)
    }

    /// The same without lineage: figures only.
    #[must_use]
    pub fn figures(&self) -> Columns {
        let bare = |column: &Option<Column>| column.as_ref().map(|column| Column { lineage: None, ..column.clone() });
        Columns {
            this_month: bare(&self.this_month),
            this_quarter: bare(&self.this_quarter),
            cumulative: bare(&self.cumulative),
            closing: bare(&self.closing),
            opening: bare(&self.opening),
            value: bare(&self.value),
            prior_year_month: bare(&self.prior_year_month),
            prior_year: bare(&self.prior_year),
        }
    }
}

/// One figure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// In the form's unit, rounded once.
    pub value: Option<String>,
    /// In 元, not rounded.
    pub raw: Option<String>,
    /// `ok`, or why there is no figure.
    pub status: String,
    /// What the platform has for it (平台值), in the form's unit, where the books have nothing: reported and not computed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub platform: Option<String>,
    /// In the book's currency, where that is not the form's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub original: Option<Original>,
    /// How it came about; kept with the ledger.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lineage: Option<Lineage>,
}

/// A person's change beside what was computed (调整): the computed value stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// Added to the computed value of the main column, in the form's unit.
    pub amount: String,
    /// The computed value it was made on; empty where there was none.
    pub computed: String,
    /// What is reported: computed and adjusted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reported: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// SHA-256 and names of attached files.
    #[serde(default, skip_serializing_if = "is_default")]
    pub evidence: Vec<BTreeMap<String, String>>,
    /// Whether it was taken back.
    #[serde(default, skip_serializing_if = "is_default")]
    pub withdrawn: bool,
}

/// A figure before it was converted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// ISO 4217.
    pub currency: String,
    /// In whole units, not rounded.
    pub raw: String,
}

/// One version of one indicator in the ledger (台账).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCell {
    /// The indicator with its columns and their lineage.
    #[serde(flatten)]
    pub cell: Cell,
    /// Growth on the same month and period of last year, in percent with one decimal.
    pub growth: Growth,
    /// Digest of the mapping.
    pub mapping: String,
    /// Where the figures come from (资料来源).
    pub source: String,
    /// How 元 became the form's unit (换算).
    pub conversion: String,
    /// 账未结
    pub books_open: bool,
    /// What is reported (填报值): computed and adjusted.
    pub reported: Option<String>,
    /// What the platform has (平台值).
    pub platform: Option<String>,
    /// Audit rules that are not met (审核结果).
    pub audit: Vec<String>,
    /// 核实说明
    pub explanation: Option<String>,
    /// 锁定状态
    pub locked: bool,
}

/// Growth in percent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Growth {
    /// 本月 on 上年同月.
    #[serde(default, skip_serializing_if = "is_default")]
    pub month: Option<String>,
    /// 1—本月 or 期末 on 上年同期.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cumulative: Option<String>,
}

/// A finding as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Entry of the catalogue.
    pub code: String,
    /// `note`, `warning` or `error`.
    pub level: String,
    /// Where.
    pub place: String,
    /// Values of the sentence.
    pub arguments: BTreeMap<String, String>,
}

impl From<&Finding> for Note {
    fn from(finding: &Finding) -> Note {
        let arguments = finding.arguments.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        let (code, level) = (finding.code.to_string(), finding.level.name().to_owned());
        Note { code, level, place: finding.place.clone(), arguments }
    }
}

impl Note {
    /// The finding that it was.
    pub fn finding(&self) -> Finding {
        let level = [Level::Error, Level::Warning].into_iter().find(|level| level.name() == self.level).unwrap_or(Level::Note);
        let arguments = self.arguments.iter().map(|(name, value)| (name.clone().into(), value.clone())).collect();
        Finding { code: self.code.clone().into(), level, place: self.place.clone(), arguments }
    }
}

/// How a figure came about: the formula as a tree of values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// This part of the formula.
    pub text: String,
    /// Its value; `true` or `false` for a comparison.
    pub value: Option<String>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub gap: Option<Note>,
    /// What was asked of the book.
    #[serde(default, skip_serializing_if = "is_default")]
    pub question: Option<Question>,
    /// What was asked of the measures.
    #[serde(default, skip_serializing_if = "is_default")]
    pub measured: Option<Measured>,
    /// What each account gave, with the sign it has in the value; of measures, what each item gave.
    #[serde(default, skip_serializing_if = "is_default")]
    pub parts: Vec<Part>,
    /// What it was made from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub children: Vec<Lineage>,
}

/// A question to the book.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// `opening`, `closing`, `turnover`, `net`, `movement` or `counter`.
    pub what: String,
    /// `money`, `quantity` or `foreign`.
    pub measure: String,
    /// First month; balances go back to the beginning.
    pub from: String,
    /// Last month.
    pub to: String,
    /// `debit` or `credit`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub side: Option<String>,
    /// Only balances of account and party on this side.
    #[serde(default, skip_serializing_if = "is_default")]
    pub detail: Option<String>,
    /// Only lines with these values of dimensions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub filters: Vec<String>,
}

/// A question to the measures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Kind, as the formula names it.
    pub kind: String,
    /// `quantity`, `amount`, `value`, `average`, `closing` or `coal`.
    pub aspect: String,
    /// First month.
    pub from: String,
    /// Last month.
    pub to: String,
    /// Unit that was asked for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unit: Option<String>,
    /// Only rows with these values.
    #[serde(default, skip_serializing_if = "is_default")]
    pub filters: Vec<String>,
}

/// What one account gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Code in the book.
    pub account: String,
    /// In 元.
    pub amount: String,
}

/// Levels of a tree that are kept: what readers of JSON take without being asked to.
const DEEPEST: usize = 48;

impl From<&Trace> for Lineage {
    fn from(trace: &Trace) -> Lineage {
        lineage(trace, DEEPEST)
    }
}

fn lineage(trace: &Trace, deepest: usize) -> Lineage {
    {
        let side = |side: Side| if side == Side::Debit { "debit" } else { "credit" }.to_owned();
        let question = trace.question.as_ref().map(|question| Question {
            what: match question.what {
                What::Opening => "opening",
                What::Closing => "closing",
                What::Turnover => "turnover",
                What::Net => "net",
                What::Movement => "movement",
                What::Counter => "counter",
            }
            .to_owned(),
            measure: match question.measure {
                Measure::Money => "money",
                Measure::Quantity => "quantity",
                Measure::Foreign => "foreign",
            }
            .to_owned(),
            from: question.from.to_string(),
            to: question.to.to_string(),
            side: question.side.map(side),
            detail: question.detail.map(side),
            filters: question.filters.iter().map(|filter| format!("{:?}={}", filter.name, filter.value).to_lowercase()).collect(),
        });
        Lineage {
            text: trace.text.clone(),
            value: trace.outcome.as_ref().ok().map(|value| match value {
                Value::Number(number) => number.to_string(),
                Value::Truth(truth) => truth.to_string(),
            }),
            gap: trace.outcome.as_ref().err().map(|gap| Note::from(&crate::draft::gap_finding(gap, Level::Note))),
            question,
            measured: trace.measured.as_ref().map(|question| Measured {
                kind: question.kind.clone(),
                aspect: format!("{:?}", question.aspect).to_lowercase(),
                from: question.from.to_string(),
                to: question.to.to_string(),
                unit: question.unit.clone(),
                filters: question.fields.iter().map(|(field, value)| format!("{field:?}={value}").to_lowercase()).collect(),
            }),
            parts: trace
                .parts
                .iter()
                .map(|part| Part { account: part.account.clone(), amount: part.amount.to_string() })
                .collect(),
            children: match deepest.checked_sub(1) {
                Some(deepest) => trace.children.iter().map(|child| lineage(child, deepest)).collect(),
                None => Vec::new(),
            },
        }
    }
}
