//! What a figure asked of the books: by this one tells whether it can be another once a period was sealed anew.

use std::collections::{BTreeMap, BTreeSet};

use formula::{Account, Class, Question, Trace, What};
use model::Period;
use serde::{Deserialize, Serialize};

/// Accounts that a figure asked for in the same months.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// First month; absent where it goes back to the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Last month.
    pub to: String,
    /// How closely it looked.
    #[serde(default, skip_serializing_if = "By::is_account")]
    pub by: By,
    /// Codes. One that ends in `*` means all that begin so: every one of them in the chart was asked for.
    pub accounts: Vec<String>,
}

/// What a question tells apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Accounts.
    #[default]
    Account,
    /// Dimensions: a party, a department; or on which side each party's balance stands.
    Dimension,
    /// Vouchers: which accounts stand against each other in them.
    Voucher,
}

impl By {
    fn is_account(&self) -> bool {
        *self == By::Account
    }
}

impl Asked {
    /// Whether it asked about this period.
    pub fn covers(&self, period: Period) -> bool {
        let month = |text: &String| text.parse().ok();
        // What cannot be read rules nothing out.
        month(&self.to).is_none_or(|to| period.month <= to)
            && self.from.as_ref().and_then(month).is_none_or(|from| from <= period.month)
    }

    /// Whether it asked for this account.
    pub fn asks(&self, account: &str) -> bool {
        self.accounts.iter().any(|known| covers(known, account))
    }
}

fn covers(known: &str, account: &str) -> bool {
    known == account || known.strip_suffix('*').is_some_and(|start| account.starts_with(start))
}

/// What traces asked, shortest said. `chart` is in order of codes.
pub(crate) fn asked<'a>(traces: impl IntoIterator<Item = &'a Trace>, chart: &[Account]) -> Vec<Asked> {
    let mut found: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    let mut waiting: Vec<&Trace> = traces.into_iter().collect();
    while let Some(trace) = waiting.pop() {
        waiting.extend(&trace.children);
        if let Some(question) = trace.question.as_ref().filter(|_| trace.outcome.is_ok()) {
            let by = match question.what {
                What::Counter => By::Voucher,
                _ if question.detail.is_some() || !question.filters.is_empty() => By::Dimension,
                _ => By::Account,
            };
            // A voucher counts by what stands on its other side too.
            let accounts = question.accounts.iter().chain(&question.counter).map(String::as_str);
            found.entry((months(question), by)).or_default().extend(accounts);
        }
    }
    let asked = |(((from, to), by), accounts): ((_, _), BTreeSet<&str>)| {
        let ((from, to), by): ((Option<model::Month>, model::Month), By) = ((from, to), by);
        Asked { from: from.map(|from| from.to_string()), to: to.to_string(), by, accounts: short(&accounts, chart) }
    };
    found.into_iter().map(asked).collect()
}

/// Classes that questions to the books pick, as their own text says them.
pub(crate) fn classes(traces: &[Trace]) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&Trace> = traces.iter().collect();
    while let Some(trace) = waiting.pop() {
        waiting.extend(&trace.children);
        if trace.question.is_some() {
            found.extend(Class::ALL.into_iter().map(Class::name).filter(|name| trace.text.contains(&format!("#{name}"))));
        }
    }
    found.into_iter().map(str::to_owned).collect()
}

fn months(question: &Question) -> (Option<model::Month>, model::Month) {
    match question.what {
        What::Opening => (None, question.from.plus(-1).unwrap_or(question.from)),
        What::Closing => (None, question.to),
        _ => (Some(question.from), question.to),
    }
}

/// The same accounts by the shortest beginnings that no other account of the chart shares.
fn short(accounts: &BTreeSet<&str>, chart: &[Account]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for code in accounts {
        if found.last().is_some_and(|known| covers(known, code)) {
            continue;
        }
        let ends = code.char_indices().map(|(at, letter)| at + letter.len_utf8());
        let whole = |start: &&str| {
            let first = chart.partition_point(|account| account.code.as_str() < *start);
            let those = chart[first..].iter().take_while(|account| account.code.starts_with(*start));
            those.map(|account| account.code.as_str()).all(|code| accounts.contains(code))
        };
        let start = ends.map(|end| &code[..end]).find(whole);
        found.push(start.map_or_else(|| (*code).to_owned(), |start| format!("{start}*")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_said_shortest_and_no_other_is_meant() {
        let account = |code: &&str| Account {
            code: (*code).to_owned(),
            name: String::new(),
            standard: None,
            class: None,
            debit: None,
            undecided: Vec::new(),
        };
        let chart: Vec<Account> = ["1001", "140200", "140300", "1404", "140401", "2202", "2203"].iter().map(account).collect();
        let said = |codes: &[&str]| short(&codes.iter().copied().collect(), &chart);
        assert_eq!(said(&["1001", "140200", "140300", "1404", "140401"]), ["1*"]);
        assert_eq!(said(&["140200"]), ["1402*"]);
        assert_eq!(said(&["1404"]), ["1404"]);
        assert_eq!(said(&["140200", "1404", "140401", "2202"]), ["1402*", "1404*", "2202*"]);
        let asked = Asked { to: "2025-06".to_owned(), accounts: said(&["140200", "1404"]), ..Asked::default() };
        let meant: Vec<&str> = chart.iter().map(|account| account.code.as_str()).filter(|code| asked.asks(code)).collect();
        assert_eq!(meant, ["140200", "1404"]);
    }
}
