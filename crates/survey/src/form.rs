//! A survey form (报表) of an edition: header, rows, audit rules. All of it is data.

use model::{Amount, Finding, Month};
use serde::{Deserialize, Deserializer, de};
use settings::Shape;

use crate::{
    column::Printed,
    mapping::Source,
    row::{ROW, Row, RowKind},
    rule::{RULE, Rule, UNFORMULATED, Unformulated},
    shape::ANY,
};

const SHAPE: Shape = Shape::Table(&[
    ("form", ANY),
    ("edition", ANY),
    ("revision", ANY),
    ("region", ANY),
    ("trade", ANY),
    ("name", ANY),
    ("scope", ANY),
    ("frequency", ANY),
    ("exempt_months", ANY),
    ("cumulated_months", ANY),
    ("census_years", ANY),
    ("deadline", ANY),
    ("columns", ANY),
    ("each", ANY),
    ("unit", ANY),
    ("divisor", ANY),
    ("places", ANY),
    ("basis", ANY),
    ("header", Shape::Table(&[("authority", ANY), ("document", ANY), ("valid_until", ANY), ("status", ANY)])),
    ("known_as", Shape::Each(&Shape::Table(&[("form", ANY), ("name", ANY), ("status", ANY), ("note", ANY)]))),
    ("replaced_by", Shape::Each(&Shape::Table(&[("form", ANY), ("years", ANY), ("status", ANY), ("note", ANY)]))),
    ("change", Shape::Each(&Shape::Table(&[("since", ANY), ("rows", ANY), ("text", ANY), ("status", ANY)]))),
    ("row", Shape::Each(&ROW)),
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
    /// Which correction of that edition's pack this is; a newer one has a higher number.
    #[serde(default)]
    pub revision: u32,
    /// Code of the region (行政区划代码) whose own form it is; absent for a national form.
    pub region: Option<String>,
    /// Letter of the trade that fills it (专业): B, C, E, S, X, F, U; absent where every trade does.
    pub trade: Option<String>,
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
    /// Months that are reported together, in the last of them.
    #[serde(default)]
    pub cumulated_months: Vec<u8>,
    /// Years of which a census asks for it.
    #[serde(default)]
    pub census_years: Vec<u16>,
    /// Until when, in words.
    #[serde(default)]
    pub deadline: String,
    /// Columns that it prints, in its order.
    pub columns: Vec<Printed>,
    /// What the whole form is repeated for: `project`, `energy` …
    pub each: Option<String>,
    /// Unit of money (计量单位).
    pub unit: String,
    /// 元 divided by this is the unit.
    pub divisor: i64,
    /// Decimals of the unit.
    pub places: u32,
    /// What is known of the edition, and from where.
    #[serde(default)]
    pub basis: String,
    /// Facts of the form's head.
    pub header: Header,
    /// Other numbers under which it went or may go, and the forms of its series.
    #[serde(default)]
    pub known_as: Vec<KnownAs>,
    /// Forms that stand in its place in census years.
    #[serde(default)]
    pub replaced_by: Vec<Replacement>,
    /// Changes of what its indicators mean.
    #[serde(default, rename = "change")]
    pub changes: Vec<Change>,
    /// Indicators, in the form's order.
    #[serde(default, rename = "row")]
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
    /// 变更时报
    OnChange,
    /// 普查
    Census,
}

impl Frequency {
    /// Name in packs and documents.
    pub fn name(self) -> &'static str {
        match self {
            Frequency::Monthly => "monthly",
            Frequency::Quarterly => "quarterly",
            Frequency::Annual => "annual",
            Frequency::OnChange => "on_change",
            Frequency::Census => "census",
        }
    }

    /// Whether it is about whole years, so that adjustment periods count.
    pub fn is_yearly(self) -> bool {
        matches!(self, Frequency::Annual | Frequency::Census)
    }
}

/// Another number of a form.
#[derive(Clone, Debug, Deserialize)]
pub struct KnownAs {
    /// Form code.
    pub form: String,
    /// Name.
    #[serde(default)]
    pub name: String,
    /// Evidence status.
    pub status: String,
    /// What else is known.
    pub note: Option<String>,
}

/// A form of a census in the place of this one.
#[derive(Clone, Debug, Deserialize)]
pub struct Replacement {
    /// Form code.
    pub form: String,
    /// Years that are reported so.
    pub years: Vec<u16>,
    /// Evidence status.
    pub status: String,
    /// What else is known.
    pub note: Option<String>,
}

/// From a month on, rows mean something else.
#[derive(Clone, Debug, Deserialize)]
pub struct Change {
    /// First month of the new meaning, `YYYY-MM`.
    #[serde(deserialize_with = "month")]
    pub since: Month,
    /// Rows it is about.
    pub rows: Vec<String>,
    /// What changed, and how to bring the figure before it to the new meaning.
    pub text: String,
    /// Evidence status.
    pub status: String,
}

fn month<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Month, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
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

impl Form {
    /// Reads a form; everything that is wrong is found at once.
    pub fn parse(file: &str, text: &str) -> (Option<Form>, Vec<Finding>) {
        let (form, mut findings) = settings::read_mended::<Form>(file, text, &SHAPE);
        let Some(mut form) = form else { return (None, findings) };
        form.source = Source { file: file.to_owned(), text: text.to_owned() };
        findings.extend(form.wrong());
        if findings.is_empty() { (Some(form), findings) } else { (None, findings) }
    }

    /// What serde cannot see.
    fn wrong(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let file = self.source.file.as_str();
        let mut seen = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            let place = self.place("row", at);
            let here = |finding: Finding| finding.at(&place).with("indicator", row.key());
            if row.key().is_empty() {
                findings.push(Finding::error("row-nameless").at(&place).with("name", &row.name));
            } else if seen.contains(&row.key()) {
                findings.push(here(Finding::error("row-doubled")));
            }
            seen.push(row.key());
            if row.divisor.is_some_and(|divisor| divisor < 1) || row.places.is_some_and(|places| places > 9) {
                findings.push(Finding::error("unit-unfit").at(&place));
            }
            let choice = row.kind == RowKind::Choice;
            let chosen = !row.choices.is_empty() || row.max_choices.is_some();
            let most = row.max_choices.unwrap_or(1) as usize;
            let answers = choice && (most < 1 || !row.choices.is_empty() && most > row.choices.len());
            if !choice && chosen || answers {
                findings.push(here(Finding::error("choices-unfit")));
            }
            let stray = row.columns.iter().find(|column| !self.columns.contains(column));
            if let Some(column) = stray {
                findings.push(here(Finding::error("column-not-printed")).with("column", column.name()));
            }
            let rest = row.rest.is_some() && (row.each.as_deref() != Some("industry") || row.formula.is_none());
            if rest || row.formula.is_some() && !row.kind.is_number() || row.fill.is_some() && row.kind != RowKind::Text {
                findings.push(here(Finding::error("row-source-unfit")));
            }
        }
        let mut ids: Vec<&str> = Vec::new();
        let rules = self.rules.iter().enumerate().map(|(at, rule)| (self.place("rule", at), rule.id.as_str(), rule.tolerance));
        let others = self.unformulated.iter().enumerate();
        for (place, id, tolerance) in
            rules.chain(others.map(|(at, rule)| (self.place("unformulated", at), &*rule.id, Amount::ZERO)))
        {
            if ids.contains(&id) || id.is_empty() {
                findings.push(Finding::error("rule-doubled").at(&place).with("rule", id));
            }
            if tolerance < Amount::ZERO {
                findings.push(Finding::error("tolerance-unfit").at(&place).with("rule", id).with("tolerance", tolerance));
            }
            ids.push(id);
        }
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| !rule.only.is_empty() && self.each.is_none()) {
            findings.push(Finding::error("rule-only-unfit").at(self.place("rule", at)).with("rule", &rule.id));
        }
        for (at, change) in self.changes.iter().enumerate() {
            for row in change.rows.iter().filter(|row| self.row(row).is_none()) {
                findings.push(Finding::error("change-of-nothing").at(self.place("change", at)).with("indicator", row));
            }
        }
        let months = self.exempt_months.iter().chain(&self.cumulated_months);
        let months = months.chain(self.rules.iter().flat_map(|rule| &rule.months));
        if months.copied().any(|month| !(1..=12).contains(&month)) {
            findings.push(Finding::error("pack-month-unfit").at(file));
        }
        if self.columns.is_empty() {
            findings.push(Finding::error("columns-missing").at(file));
        }
        if self.divisor < 1 || self.places > 9 {
            findings.push(Finding::error("unit-unfit").at(file));
        }
        findings
    }

    /// Place of the `at`th `[[table]]`, counted from 0.
    fn place(&self, table: &str, at: usize) -> String {
        let Source { file, text } = &self.source;
        let head = format!("[[{table}]]");
        let mut found = text.match_indices(&head).map(|(start, _)| start).filter(|start| {
            let line = text[..*start].rsplit('\n').next().unwrap_or_default();
            line.trim().is_empty()
        });
        // Written in another way, as an inline array, there is only the file to name.
        found.nth(at).map_or_else(|| file.clone(), |start| settings::place(file, text, start))
    }

    /// Whether a month ends one of the form's periods.
    pub fn closes(&self, month: Month) -> bool {
        match self.frequency {
            Frequency::Monthly => true,
            Frequency::Quarterly => month.month().is_multiple_of(3),
            Frequency::Annual => month.month() == 12,
            Frequency::Census => month.month() == 12 && self.census_years.contains(&month.year()),
            Frequency::OnChange => false,
        }
    }

    /// Whether the form is due for a month.
    pub fn is_due(&self, month: Month) -> bool {
        self.closes(month) && !self.exempt_months.contains(&month.month()) && self.replaced(month).is_none()
    }

    /// What stands in the place of an annual form for a year of a census.
    pub fn replaced(&self, month: Month) -> Option<&Replacement> {
        let years = |replacement: &&Replacement| replacement.years.contains(&month.year());
        self.replaced_by.iter().find(years).filter(|_| self.frequency == Frequency::Annual)
    }

    /// Changes of definition that lie between a month and the same month of the year before.
    pub fn changed(&self, month: Month) -> impl Iterator<Item = &Change> {
        let before = month.prior_year().unwrap_or(month);
        self.changes.iter().filter(move |change| before < change.since && change.since <= month)
    }

    /// The row with this code or id.
    pub fn row(&self, key: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.key() == key)
    }

    /// The rows that a row of the pack was repeated for; itself where it was not.
    pub fn repeated<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.key() == key || row.repeats.as_deref() == Some(key))
    }

    /// Whether a row of the pack is repeated for what a unit has.
    pub fn is_repeated(&self, key: &str) -> bool {
        let own = |row: &Row| self.each.is_some() || row.each.is_some();
        self.rows.iter().any(|row| row.repeats.as_deref() == Some(key) || row.key() == key && row.repeats.is_none() && own(row))
    }

    /// Divisor and decimals of a row: the form's, unless it has a unit of its own.
    pub fn conversion(&self, row: &Row) -> (i64, u32) {
        let own = row.unit.is_some() || row.kind == RowKind::Count;
        let (divisor, places) = if own { (1, 0) } else { (self.divisor, self.places) };
        (row.divisor.unwrap_or(divisor), row.places.unwrap_or(places))
    }

    /// Whether a row is an amount of money.
    pub fn is_money(&self, row: &Row) -> bool {
        row.kind != RowKind::Count && row.unit.as_ref().unwrap_or(&self.unit).ends_with('元')
    }

    /// How many of what rules reckon in one of a row's unit is: money in 元, whatever unit it is printed in, so that forms can be compared;
    /// quantities in the unit that is printed, so that a rule means what stands on the form.
    pub fn reckoned(&self, row: &Row) -> i64 {
        if self.is_money(row) { self.conversion(row).0 } else { 1 }
    }
}
