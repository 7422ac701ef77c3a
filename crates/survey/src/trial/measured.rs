//! Measures that a test gives beside the figures of the books: what people entered, or documents as an ERP has them.

use std::collections::{BTreeMap, BTreeSet};

use model::{Amount, Finding, MeasureRow, Month};
use serde::Deserialize;
use settings::Shape;

use super::{ANY, Text};
use crate::measures::{Basis, Energy, Entered, Kinds, Measures};

pub(super) const MEASURES: Shape = Shape::Each(&Shape::Table(&[
    ("kind", ANY),
    ("item", ANY),
    ("name", ANY),
    ("class", ANY),
    ("origin", ANY),
    ("unit", ANY),
    ("period", ANY),
    ("date", ANY),
    ("quantity", ANY),
    ("amount", ANY),
    ("document", ANY),
    ("basis", ANY),
    ("coefficient", ANY),
    ("use", ANY),
    ("source", ANY),
]));

/// Where a row comes from: what people enter is a gap where nobody did, what an ERP keeps is zero where it has no document.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    #[default]
    Entry,
    Erp,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    #[default]
    Change,
    Level,
}

/// A line of the given measures.
#[derive(Deserialize)]
pub(super) struct Measured {
    kind: String,
    #[serde(default)]
    item: String,
    name: Option<String>,
    class: Option<String>,
    origin: Option<String>,
    unit: Option<String>,
    period: Option<Text<Month>>,
    date: Option<String>,
    quantity: Option<Text<Amount>>,
    amount: Option<Text<Amount>>,
    #[serde(default)]
    document: String,
    #[serde(default)]
    basis: Said,
    coefficient: Option<Text<Amount>>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    composition: Option<String>,
    #[serde(default)]
    source: Source,
}

impl Measured {
    /// The month that it counts in: as it says, or of its date.
    pub(super) fn month(&self) -> Option<Month> {
        let dated = || self.date.as_ref().and_then(|date| date.get(..7)).and_then(|month| month.parse().ok());
        self.period.map(|period| period.0).or_else(dated)
    }

    fn row(&self, kind: &str, month: Month) -> MeasureRow {
        MeasureRow {
            month,
            kind: kind.to_owned(),
            item: self.item.clone(),
            item_name: self.name.clone(),
            class: self.class.clone(),
            origin: self.origin.clone(),
            unit: self.unit.clone(),
            quantity: self.quantity.map(|quantity| quantity.0),
            amount: self.amount.map(|amount| amount.0),
            document: self.document.clone(),
            line: None,
            date: self.date.clone(),
        }
    }
}

/// What an ERP that keeps measures was read for: every month from the first that a test gives to its own.
pub(super) struct Span {
    pub(super) from: Month,
    pub(super) to: Month,
}

/// The measures of a test.
pub(super) fn measures(
    given: &[Measured],
    none: &[String],
    span: &Span,
    kinds: &Kinds,
    energy: &Energy,
    place: &str,
) -> (Measures, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut id = |name: &str| {
        let found = kinds.find(name).map(|(id, _)| id.to_owned());
        if found.is_none() {
            let near = settings::nearest(name, kinds.names()).unwrap_or("—");
            findings.push(Finding::error("measure-kind-unknown").at(place).with("kind", name).with("near", near));
        }
        found
    };
    let none: BTreeSet<String> = none.iter().filter_map(|name| id(name)).collect();
    let known: Vec<(Option<String>, &Measured)> = given.iter().map(|measured| (id(&measured.kind), measured)).collect();
    let (mut sealed, mut entered): (BTreeMap<Month, Vec<MeasureRow>>, Vec<Entered>) = Default::default();
    for (kind, measured) in known {
        let Some(kind) = kind else { continue };
        let Some(month) = measured.month() else {
            let date = measured.date.as_deref().unwrap_or("—");
            findings.push(Finding::error("measure-date-unfit").at(place).with("item", &measured.item).with("document", date));
            continue;
        };
        let row = measured.row(&kind, month);
        if measured.source == Source::Erp {
            sealed.entry(month).or_default().push(row);
            continue;
        }
        let key = format!("{kind}:{}", measured.item);
        let basis = match measured.basis {
            Said::Change => Basis::Change,
            Said::Level => Basis::Level,
        };
        let coefficient = measured.coefficient.map(|coefficient| coefficient.0);
        let (purpose, composition) = (measured.purpose.clone(), measured.composition.clone());
        let person = String::new();
        entered.push(Entered { row, key, operation: 0, person, basis, purpose, composition, coefficient });
    }
    if !sealed.is_empty() {
        let mut month = sealed.keys().next().copied().map(|first| first.min(span.from));
        while let Some(now) = month.filter(|month| *month <= span.to) {
            sealed.entry(now).or_default();
            month = now.plus(1);
        }
    }
    (Measures::new(kinds.clone(), energy.clone(), sealed, entered, none, BTreeMap::new()), findings)
}
