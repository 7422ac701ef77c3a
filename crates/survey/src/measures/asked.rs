//! What a figure asked of measures: by this one tells whether an entry can make it another.

use std::collections::BTreeSet;

use formula::{Aspect, Field, MeasureQuestion, Trace};
use model::Month;
use serde::{Deserialize, Serialize};

use super::{Measures, Nature};

/// Kinds and items that a figure asked for in some months.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AskedMeasure {
    /// First month; absent where it goes back to the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Last month.
    pub to: String,
    /// Ids of kinds.
    pub kinds: Vec<String>,
    /// Items, under every name that is known of them; any where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
}

impl AskedMeasure {
    /// Whether it asked for an item of a kind in a month.
    pub fn asks(&self, month: Month, kind: &str, item: &str) -> bool {
        // What cannot be read rules nothing out.
        let until = self.to.parse().ok().is_none_or(|to| month <= to);
        let since = self.from.as_ref().and_then(|from| from.parse().ok()).is_none_or(|from: Month| from <= month);
        let named = |list: &[String], name: &str| list.iter().any(|known| known == name);
        until && since && named(&self.kinds, kind) && (self.items.is_empty() || named(&self.items, item))
    }
}

impl Measures {
    /// What traces asked of measures. A kind that nobody knows makes it empty: then nothing is ruled out.
    pub(crate) fn asked<'a>(&self, traces: impl IntoIterator<Item = &'a Trace>) -> Vec<AskedMeasure> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<&Trace> = traces.into_iter().collect();
        while let Some(trace) = waiting.pop() {
            waiting.extend(&trace.children);
            let Some(question) = &trace.measured else { continue };
            let Some(asked) = self.looked(question, trace.outcome.is_ok()) else { return Vec::new() };
            found.extend(asked);
        }
        found.into_iter().collect()
    }

    /// Where a question looks. One without an answer may get one from another month: an item that occurs there is known, and has nothing here.
    fn looked(&self, question: &MeasureQuestion, answered: bool) -> Option<Vec<AskedMeasure>> {
        let (id, kind) = self.kinds.find(&question.kind)?;
        let since = matches!(kind.nature, Nature::Flow | Nature::Price).then_some(question.from).filter(|_| answered);
        let items = question.fields.iter().filter(|(field, _)| *field == Field::Item);
        let items: Vec<String> = items.flat_map(|(_, item)| self.known_as(item)).collect();
        let of = |from: Option<Month>, kinds: Vec<String>, items: Vec<String>| AskedMeasure {
            from: from.map(|from| from.to_string()),
            to: question.to.to_string(),
            kinds,
            items,
        };
        let all = |wanted: &dyn Fn(&super::KindFact) -> bool| -> Vec<String> {
            self.kinds.kinds.iter().filter(|(_, kind)| wanted(kind)).map(|(id, _)| id.clone()).collect()
        };
        let mut asked = vec![of(since, vec![id.to_owned()], items.clone())];
        match question.aspect {
            // A price may be of another item of the class, and of three months before.
            Aspect::Value => {
                let prices = all(&|kind| kind.nature == Nature::Price || kind.invoices);
                asked.push(of(since.and_then(|from| from.plus(-3)), prices, Vec::new()));
            }
            // A coefficient that was measured for one kind is the item's.
            Aspect::Coal => asked.push(of(since, all(&|kind| kind.coal && kind.nature == Nature::Flow), items)),
            _ => {}
        }
        Some(asked)
    }

    /// Every name of an item.
    fn known_as(&self, item: &str) -> BTreeSet<String> {
        let rows = self.rows.values().flatten().chain(self.entered.iter().map(|entry| &entry.row));
        let names = rows.filter(|row| row.is(item)).flat_map(|row| std::iter::once(&row.item).chain(&row.item_name));
        names.cloned().chain([item.to_owned()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_asked_for_by_its_kind_item_and_month() {
        let asked = AskedMeasure {
            from: Some("2025-01".to_owned()),
            to: "2025-03".to_owned(),
            kinds: vec!["energy".to_owned()],
            items: vec!["电力".to_owned()],
        };
        let said = |month: &str, kind: &str, item: &str| asked.asks(month.parse().unwrap(), kind, item);
        assert!(said("2025-01", "energy", "电力") && said("2025-03", "energy", "电力"));
        assert!(!said("2024-12", "energy", "电力") && !said("2025-04", "energy", "电力"));
        assert!(!said("2025-02", "headcount", "电力") && !said("2025-02", "energy", "原煤"));
        let any = AskedMeasure { from: None, items: Vec::new(), ..asked };
        assert!(any.asks("2020-01".parse().unwrap(), "energy", "原煤"));
    }
}
