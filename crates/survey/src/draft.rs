//! Ledger cells and the report draft of one form, book and month.

use std::collections::BTreeMap;

use formula::{At, Gap, Scope, Trace, Value, What};
use model::{Amount, Finding, Level, Month, Period};

use crate::{
    Form, Row,
    asked::{asked, classes},
    audit::{self, Claim, Explanation, Given, Outcome},
    document::{
        Cell, Column, Columns, Draft, Evidence, Footer, Growth, Header, LedgerCell, Lineage, Note, Original, Stands, Unit,
    },
    engine::Engine,
    measures::Measures,
};

/// A seal that figures stand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Merkle root over its vouchers.
    pub root: String,
    /// Whether the ERP had closed the period.
    pub closed: bool,
}

/// Seals that a draft may stand on, by period.
#[derive(Clone, Copy, Debug)]
pub struct Seals<'a> {
    /// Of the book.
    pub books: &'a BTreeMap<Period, Sealed>,
    /// Of measures alone.
    pub measures: &'a BTreeMap<Period, Sealed>,
    /// Of the book with the measures beside it; the book's own where nothing asks for any.
    pub both: &'a BTreeMap<Period, Sealed>,
}

impl<'a> Seals<'a> {
    /// Those that a figure stands on.
    pub fn of(&self, on: Stands) -> &'a BTreeMap<Period, Sealed> {
        match on {
            Stands::Books => self.books,
            Stands::Measures => self.measures,
            Stands::Both => self.both,
        }
    }
}

/// What a draft is built from.
pub struct Order<'a> {
    /// The form.
    pub form: &'a Form,
    /// The month.
    pub month: Month,
    /// Formulas on the book, in 元.
    pub engine: &'a Engine<'a>,
    /// The same in the book's own currency, where that is another.
    pub original: Option<&'a Engine<'a>>,
    /// Reporting unit.
    pub unit: Unit,
    /// Who answers for it.
    pub footer: Footer,
    /// Facts of the unit that fill texts, by name: `unit.code` …
    pub facts: &'a BTreeMap<String, String>,
    /// Id of the book.
    pub book: String,
    /// Currency of the book.
    pub currency: String,
    /// What the ledger says the figures come from.
    pub source: String,
    /// Whether unposted vouchers are in the figures.
    pub unposted: bool,
    /// Whether measures are in the figures.
    pub measures: bool,
    /// They, where any formula asks for them.
    pub measured: Option<&'a Measures>,
    /// What was sealed.
    pub seals: Seals<'a>,
    /// Digest of the mapping.
    pub mapping: String,
    /// What rules look at beside the book.
    pub given: &'a Given,
    /// What people said about rules that are not met.
    pub said: &'a [Explanation],
    /// SHA-256 of a text in hexadecimal digits.
    pub digest: &'a dyn Fn(&str) -> String,
}

/// A draft and its ledger cells.
pub struct Built {
    /// The draft.
    pub draft: Draft,
    /// The ledger cells with their lineage, in the form's order.
    pub ledger: Vec<LedgerCell>,
    /// What was found; an error means that nothing may be kept.
    pub findings: Vec<Finding>,
}

/// Builds the draft. The same evidence with the same mapping gives the same documents.
pub fn build(order: &Order<'_>) -> Built {
    let mut building =
        Building { order, findings: Vec::new(), audit: BTreeMap::new(), said: BTreeMap::new(), explanations: Vec::new() };
    building.rules();
    let region = order.facts.get("unit.region").map_or("", String::as_str);
    let rows = order.form.rows.iter().filter(|row| row.is_filled_in(region));
    let ledger: Vec<LedgerCell> = rows.map(|row| building.row(row)).collect();
    let last = Period { month: order.month, adjustment: false };
    let year = Month::new(order.month.year(), 1).map(Period::from);
    let upto = |period: &Period| *period <= last || period.month == order.month;
    let seals = order.seals.both.iter().filter(|(period, _)| upto(period));
    let books_open =
        seals.clone().any(|(period, seal)| !seal.closed && year.is_none_or(|year| *period >= year) && *period <= last);
    let place = building.place();
    if books_open {
        building.findings.push(Finding::note("books-open").at(&place));
    }
    let form = order.form;
    // The row of last year stands beside one that meant something else.
    for change in form.changed(order.month) {
        let finding = Finding::warning("definition-changed").at(&place).with("rows", change.rows.join(", "));
        building.findings.push(finding.with("since", change.since).with("text", &change.text));
    }
    if let Some(replaced) = form.replaced(order.month) {
        let finding = Finding::warning("form-replaced").at(&place).with("form", &replaced.form);
        building.findings.push(finding.with("year", order.month.year()));
    }
    let Building { findings, explanations, .. } = building;
    let draft = Draft {
        form: form.form.clone(),
        edition: form.edition.clone(),
        name: form.name.clone(),
        period: order.month.to_string(),
        unit: order.unit.clone(),
        book: order.book.clone(),
        currency: order.currency.clone(),
        due: form.is_due(order.month),
        books_open,
        unposted: order.unposted,
        measures: order.measures,
        header: Header {
            authority: form.header.authority.clone(),
            document: form.header.document.clone(),
            valid_until: form.header.valid_until.clone(),
            money_unit: form.unit.clone(),
            scope: form.scope.clone(),
            deadline: form.deadline.clone(),
        },
        footer: order.footer.clone(),
        region: form.region.clone(),
        printed: form.columns.iter().map(|column| column.name().to_owned()).collect(),
        mapping: order.mapping.clone(),
        evidence: seals.map(|(period, seal)| (period.to_string(), seal.root.clone())).collect(),
        pack: None,
        rates: Vec::new(),
        doubtful: Vec::new(),
        typed: BTreeMap::new(),
        closings: None,
        cells: ledger.iter().map(|cell| Cell { columns: cell.cell.columns.figures(), ..cell.cell.clone() }).collect(),
        findings: findings.iter().map(Note::from).collect(),
        explanations,
    };
    let ledger = ledger.into_iter().map(|cell| LedgerCell { books_open, ..cell }).collect();
    Built { draft, ledger, findings }
}

/// Digest over the seals between two months, as ledger cells keep it.
pub fn evidence_digest(
    seals: &BTreeMap<Period, Sealed>,
    from: Option<Month>,
    to: Month,
    digest: &dyn Fn(&str) -> String,
) -> String {
    let within = seals.iter().filter(|(period, _)| period.month <= to && from.is_none_or(|from| period.month >= from));
    digest(&within.map(|(period, seal)| format!("{period} {}\n", seal.root)).collect::<String>())
}

/// Why there is no value, as a finding.
pub fn gap_finding(gap: &Gap, level: Level) -> Finding {
    gap.arguments.iter().fold(Finding::new(level, gap.code), |finding, (name, value)| finding.with(name, value))
}

struct Building<'a> {
    order: &'a Order<'a>,
    findings: Vec<Finding>,
    /// Rules that are not met, by indicator.
    audit: BTreeMap<String, Vec<String>>,
    /// What was said about them, by indicator.
    said: BTreeMap<String, Vec<Explanation>>,
    /// All that was said about rules that are not met.
    explanations: Vec<Explanation>,
}

impl Building<'_> {
    fn place(&self) -> String {
        format!("{}, {}, book {}", self.order.form.form, self.order.month, self.order.book)
    }

    fn report(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Audit rules that are not met, mandatory ones first, each with what a person said about it.
    fn rules(&mut self) {
        let order = self.order;
        let form = &order.form.form;
        let world = audit::Filed::new(order.engine, form, order.given);
        for ready in audit::rules(order.engine.mapping(), form, order.month) {
            let verdict = audit::judge(&ready, &world, order.month);
            let claim = verdict.claim(order.said, order.digest);
            let place = self.place();
            if let (Claim::Stale(said), true) = (&claim, verdict.outcome != Outcome::Met) {
                self.findings.push(Finding::warning("explanation-stale").at(&place).with("rule", &said.rule));
            }
            if verdict.outcome != Outcome::Unmet {
                continue;
            }
            let explained = match claim {
                Claim::Holds(said) => Some(said.clone()),
                Claim::Stale(_) | Claim::None => None,
            };
            self.findings.push(verdict.finding(explained.as_ref()).at(place));
            for fact in verdict.facts.iter().filter(|fact| fact.form == *form) {
                let rules = self.audit.entry(fact.code.clone()).or_default();
                if !rules.contains(&verdict.rule) {
                    rules.push(verdict.rule.clone());
                    self.said.entry(fact.code.clone()).or_default().extend(explained.clone());
                }
            }
            self.explanations.extend(explained);
        }
    }

    fn row(&mut self, row: &Row) -> LedgerCell {
        let order = self.order;
        let form = order.form;
        let mut traces: Vec<Trace> = Vec::new();
        let mut columns = Columns::default();
        for which in form.columns_of(row) {
            let made = if row.kind.is_number() {
                let (made, trace) = self.column(row, which.at(order.month, row.kind));
                traces.extend(trace);
                made
            } else {
                self.text(row)
            };
            *columns.at_mut(which) = Some(made);
        }
        let status = [columns.cumulative.as_ref(), columns.this_month.as_ref(), columns.main()]
            .into_iter()
            .flatten()
            .map(|column| column.status.as_str())
            .find(|status| *status != "ok")
            .unwrap_or("ok")
            .to_owned();
        let key = (order.form.form.clone(), row.key().to_owned());
        let formula = order.engine.mapping().cells.get(&key);
        let cell = Cell {
            id: row.key().to_owned(),
            code: row.code.clone(),
            repeats: row.repeats.clone(),
            name: row.name.clone(),
            unit: row.unit.clone().unwrap_or_else(|| order.form.unit.clone()),
            kind: row.kind.name().to_owned(),
            printed: row.columns.iter().map(|column| column.name().to_owned()).collect(),
            record: row.source.clone(),
            formula: formula.map(|formula| formula.text.clone()),
            place: formula.map(|formula| formula.place.clone()),
            status,
            fact: row.status.clone(),
            evidence: self.evidence(&traces),
            adjustment: None,
            changed: false,
            before: None,
            columns,
        };
        let entered = order.given.texts.get(&(form.form.clone(), order.month, row.key().to_owned()));
        let entered =
            entered.filter(|entered| cell.columns.main().and_then(|column| column.value.as_ref()) == Some(&entered.text));
        let main = cell.columns.main();
        let (divisor, places) = form.conversion(row);
        LedgerCell {
            growth: growth_of(&cell.columns),
            mapping: order.mapping.clone(),
            source: entered.map_or_else(|| order.source.clone(), |entered| format!("text · {}", entered.by)),
            conversion: if divisor == 1 { String::new() } else { format!("÷{divisor}, .{places}") },
            reported: main.and_then(|column| column.value.clone()),
            audit: self.audit.get(row.key()).cloned().unwrap_or_default(),
            explanation: self.said.get(row.key()).filter(|said| !said.is_empty()).map(|said| {
                said.iter()
                    .map(|said| format!("{} [{}] {} ({})", said.rule, said.cause, said.text, said.by))
                    .collect::<Vec<_>>()
                    .join("; ")
            }),
            cell,
            ..LedgerCell::default()
        }
    }

    /// A text: a fact of the unit, what a person entered, or what one still has to say.
    fn text(&mut self, row: &Row) -> Column {
        let order = self.order;
        let known = order.given.text(order.form, row, order.month).map(str::to_owned);
        if known.is_none() {
            let gap = Gap::new("missing_source", "indicator-without-source").with("indicator", row.key());
            self.gap(row, &gap);
        }
        let status = if known.is_some() { "ok" } else { "missing_source" };
        Column { value: known, status: status.to_owned(), ..Column::default() }
    }

    fn column(&mut self, row: &Row, at: Option<At>) -> (Column, Option<Trace>) {
        let Some(at) = at else { return (Column { status: "before_first_period".to_owned(), ..Column::default() }, None) };
        let form = &self.order.form.form;
        let trace = self.order.engine.cell(form, row.key(), at);
        let lineage = Some(Lineage::from(&trace));
        let original = self.order.original.and_then(|engine| match engine.cell(form, row.key(), at).outcome {
            Ok(Value::Number(raw)) => Some(Original { currency: self.order.currency.clone(), raw: raw.to_string() }),
            _ => None,
        });
        let (divisor, places) = self.order.form.conversion(row);
        let figure = match &trace.outcome {
            Ok(Value::Number(raw)) => raw
                .div_round(divisor.into(), places)
                .map(|value| (value, *raw))
                .ok_or_else(|| Gap::new("error", "amount-too-large")),
            Ok(Value::Truth(_)) => Err(Gap::new("error", "value-wrong-kind")),
            Err(gap) => Err(gap.clone()),
        };
        let column = match figure {
            Ok((value, raw)) => Column {
                value: Some(value.to_string()),
                raw: Some(raw.to_string()),
                status: "ok".to_owned(),
                original,
                lineage,
                ..Column::default()
            },
            Err(gap) => {
                // A last year that was never read is missing, and nothing to tell a person.
                if at.month == self.order.month {
                    self.gap(row, &gap);
                }
                Column { status: gap.status.to_owned(), original, lineage, ..Column::default() }
            }
        };
        (column, Some(trace))
    }

    /// Tells why an indicator has no figure, at the level its reason deserves.
    fn gap(&mut self, row: &Row, gap: &Gap) {
        let form = &self.order.form.form;
        let formula = self.order.engine.mapping().cells.get(&(form.clone(), row.key().to_owned()));
        let own = formula.is_some_and(|formula| formula.scope == Scope::Own);
        let cell = || match formula {
            Some(formula) => format!("{form}:{} ({})", row.key(), formula.place),
            None => format!("{form}:{}", row.key()),
        };
        let finding = match gap.status {
            "error" => gap_finding(gap, Level::Error).at(cell()),
            "no_rate" => gap_finding(gap, Level::Error).at(self.place()),
            "before_first_period" | "not_read" => gap_finding(gap, Level::Warning).at(self.place()),
            // What a person has to enter is told once, on the row that wants it.
            "missing_source" if formula.is_some() && gap.code != "indicator-without-source" => {
                gap_finding(gap, Level::Warning).at(self.place())
            }
            "undecided_account" => gap_finding(gap, Level::Warning).at(cell()),
            "missing_account" if own => gap_finding(gap, Level::Warning).at(cell()),
            // The standard has no such thing; the form leaves the cell empty.
            "not_applicable" => return,
            _ => gap_finding(gap, Level::Note).at(cell()),
        };
        self.report(finding);
    }

    /// The sealed months that figures stand on.
    fn evidence(&self, traces: &[Trace]) -> Option<Evidence> {
        let mut span: Option<(Option<Month>, Month)> = None;
        let (mut books, mut measures) = (false, false);
        let mut waiting: Vec<&Trace> = traces.iter().collect();
        while let Some(trace) = waiting.pop() {
            waiting.extend(&trace.children);
            let asked = match (&trace.question, &trace.measured) {
                (Some(question), _) if trace.outcome.is_ok() => {
                    books = true;
                    ((!matches!(question.what, What::Opening | What::Closing)).then_some(question.from), question.to)
                }
                // What is at hand has its beginning in the first document; a price may be of three months before. What nobody entered yet
                // is another figure once somebody does.
                (None, Some(question)) => {
                    measures = true;
                    (None, question.to)
                }
                _ => continue,
            };
            span = Some(match span {
                None => asked,
                Some((known, to)) => (known.zip(asked.0).map(|(known, from)| known.min(from)), to.max(asked.1)),
            });
        }
        let (from, to) = span?;
        let on = match (books, measures) {
            (false, true) => Stands::Measures,
            (true, true) => Stands::Both,
            _ => Stands::Books,
        };
        let digest = evidence_digest(self.order.seals.of(on), from, to, self.order.digest);
        let measured = self.order.measured.map(|measures| measures.asked(traces)).unwrap_or_default();
        let (asked, classes) = (asked(traces, self.order.engine.chart()), classes(traces));
        Some(Evidence { from: from.map(|month| month.to_string()), to: to.to_string(), digest, on, asked, measured, classes })
    }
}

/// Growth on the same month and period of last year.
pub fn growth_of(columns: &Columns) -> Growth {
    let of = |now: &Option<Column>, then: &Option<Column>| {
        let (now, then) = base(now.as_ref()?, then.as_ref()?)?;
        growth(now, then)
    };
    let to_date = columns.main().cloned();
    Growth { month: of(&columns.this_month, &columns.prior_year_month), cumulative: of(&to_date, &columns.prior_year) }
}

/// Growth of a row as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grown {
    /// Nothing to compare, or nothing that is compared.
    None,
    /// In percent.
    Percent(String),
    /// Last year was not above zero, so that a percentage says nothing: last year's figure and the difference, in the form's unit.
    Meaningless {
        /// Last year's figure.
        base: String,
        /// The difference.
        difference: String,
    },
}

/// Growth of what a row reports of the period, on the same period of last year.
pub fn grown(columns: &Columns) -> Grown {
    let (Some(now), Some(then)) = (columns.main(), &columns.prior_year) else { return Grown::None };
    let Some((raw, before)) = base(now, then) else { return Grown::None };
    if let Some(percent) = growth(raw, before) {
        return Grown::Percent(percent);
    }
    let amount = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<Amount>().ok());
    match amount(&now.value).zip(amount(&then.value).or(amount(&then.platform))) {
        Some((now, then)) if before <= Amount::ZERO => match now.checked_sub(then) {
            Some(difference) => Grown::Meaningless { base: then.to_string(), difference: difference.to_string() },
            None => Grown::None,
        },
        _ => Grown::None,
    }
}

/// What is compared: both in 元, or in the form's unit where last year is known as it was reported.
fn base(now: &Column, then: &Column) -> Option<(Amount, Amount)> {
    let (now, then) = match (&then.raw, &then.platform) {
        (Some(raw), _) => (now.raw.as_ref()?, raw),
        (None, platform) => (now.value.as_ref()?, platform.as_ref()?),
    };
    Some((now.parse().ok()?, then.parse().ok()?))
}

/// Growth in percent, one decimal. On zero there is none, and on a loss none that means anything: a larger loss would be a growth with a
/// minus sign, and a loss that became a profit one of some hundred percent.
pub fn growth(now: Amount, then: Amount) -> Option<String> {
    if then <= Amount::ZERO {
        return None;
    }
    let percent = now.checked_sub(then)?.checked_mul(Amount::from_whole(100)?)?.checked_div(then)?;
    percent.round(1).map(|percent| percent.fixed(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_has_a_meaning_only_on_what_is_above_zero() {
        let column = |raw: &str| Some(Column { raw: Some(raw.to_owned()), value: Some(raw.to_owned()), ..Column::default() });
        let grown = |now: &str, then: &str| {
            let columns = Columns { cumulative: column(now), prior_year: column(then), ..Columns::default() };
            assert_eq!(growth_of(&columns).cumulative.is_some(), matches!(super::grown(&columns), Grown::Percent(_)));
            super::grown(&columns)
        };
        let meaningless =
            |base: &str, difference: &str| Grown::Meaningless { base: base.to_owned(), difference: difference.to_owned() };
        assert_eq!(grown("110", "100"), Grown::Percent("10.0".to_owned()));
        assert_eq!(grown("-50", "100"), Grown::Percent("-150.0".to_owned()));
        // A loss of 4 that became one of 33.
        assert_eq!(grown("-33", "-4"), meaningless("-4", "-29"));
        assert_eq!(grown("7", "0"), meaningless("0", "7"));
        let columns = Columns { cumulative: column("7"), ..Columns::default() };
        assert_eq!(super::grown(&columns), Grown::None);
    }
}
