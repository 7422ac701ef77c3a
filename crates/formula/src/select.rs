//! Which accounts of a book a selector means.

use std::collections::BTreeSet;

use crate::ast::{Pick, Selector};

/// Class of an account by the accounting standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// 资产
    Asset,
    /// 负债
    Liability,
    /// 共同
    Common,
    /// 所有者权益
    Equity,
    /// 成本
    Cost,
    /// 损益
    ProfitAndLoss,
}

const CLASSES: [(Class, &str, &str); 6] = [
    (Class::Asset, "asset", "资产"),
    (Class::Liability, "liability", "负债"),
    (Class::Common, "common", "共同"),
    (Class::Equity, "equity", "权益"),
    (Class::Cost, "cost", "成本"),
    (Class::ProfitAndLoss, "profit_and_loss", "损益"),
];

impl Class {
    /// All of them.
    pub const ALL: [Class; 6] = [Class::Asset, Class::Liability, Class::Common, Class::Equity, Class::Cost, Class::ProfitAndLoss];

    /// The class with this English or Chinese name.
    pub fn named(name: &str) -> Option<Class> {
        CLASSES.iter().find(|(_, english, chinese)| name == *english || name == *chinese).map(|(class, ..)| *class)
    }

    /// English name.
    pub fn name(self) -> &'static str {
        CLASSES.iter().find(|(class, ..)| *class == self).map_or("", |(_, english, _)| english)
    }
}

/// An account as formulas see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Code in the book.
    pub code: String,
    /// Name in the book.
    pub name: String,
    /// The standard's account that it is.
    pub standard: Option<String>,
    /// Class; by the standard where it is known there.
    pub class: Option<Class>,
    /// Whether its normal side is debit.
    pub debit: Option<bool>,
    /// The standard's accounts that it may be, where code and name disagree and nobody has decided.
    pub undecided: Vec<String>,
}

/// By which codes a formula names accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The accounting standard's: shipped layers.
    Standard,
    /// The book's own: layers of the enterprise. The standard's serve there too where the book has no such code.
    Own,
}

/// What a selector means in a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// Places in the chart, in its order.
    pub accounts: Vec<usize>,
    /// Picks that select nothing; the whole selector where what it leaves out took all of it.
    pub empty: Vec<String>,
    /// Exceptions that take nothing out.
    pub idle: Vec<String>,
    /// Places of accounts that may belong here, and that nobody has decided on.
    pub undecided: Vec<usize>,
}

/// The accounts that `selector` means in `chart`.
///
/// A code means itself and all below it: `1602` is `1602`, `160201`, `1602.01` and `1602-01`, never `16020` of a chart that also has
/// four-digit siblings by accident of digits: Chinese charts add two digits or more a level, so at least two must follow. A code that no
/// account has stands for what is below it only from four digits on, as `160` for `1601` would otherwise be `160201`.
pub fn select(selector: &Selector, chart: &[Account], scope: Scope) -> Selected {
    let mut selected = Selected::default();
    let mut accounts = BTreeSet::new();
    let mut undecided = BTreeSet::new();
    for pick in &selector.picks {
        let (found, maybe) = matching(pick, chart, scope);
        if found.is_empty() && maybe.is_empty() {
            selected.empty.push(pick.to_string());
        }
        accounts.extend(found);
        undecided.extend(maybe);
    }
    for pick in &selector.without {
        let (found, _) = matching(pick, chart, scope);
        if found.is_empty() {
            selected.idle.push(format!("!{pick}"));
        }
        for at in found {
            accounts.remove(&at);
            undecided.remove(&at);
        }
    }
    undecided.retain(|at| !accounts.contains(at));
    // What is left out took all there was: a class whose only account is left out, for one. Then it is the whole that has nothing.
    if accounts.is_empty() && undecided.is_empty() && selected.empty.is_empty() {
        selected.empty.push(selector.to_string());
    }
    selected.accounts = accounts.into_iter().collect();
    selected.undecided = undecided.into_iter().collect();
    selected
}

/// Accounts that the pick means, and undecided ones that it may mean.
fn matching(pick: &Pick, chart: &[Account], scope: Scope) -> (Vec<usize>, Vec<usize>) {
    let by = |code: fn(&Account) -> Option<&str>| -> Vec<usize> {
        let known = match pick {
            Pick::Code(wanted, _) => wanted.len() >= 4 || chart.iter().any(|account| code(account) == Some(wanted)),
            _ => true,
        };
        let fits = |account: &Account| match pick {
            Pick::Class(class) => account.class == Some(*class) && account.undecided.is_empty(),
            _ => code(account).is_some_and(|code| fits(pick, code, &account.name, known)),
        };
        chart.iter().enumerate().filter(|(_, account)| fits(account)).map(|(at, _)| at).collect()
    };
    let own = |account: &Account| -> bool { account.undecided.is_empty() && account.standard.is_none() };
    match scope {
        Scope::Standard => {
            let mut found = by(|account| account.standard.as_deref());
            // A code of the book that no account of the standard stands for still means itself.
            let plain = by(|account| Some(&account.code));
            found.extend(plain.into_iter().filter(|at| own(&chart[*at])));
            found.sort_unstable();
            found.dedup();
            (found, maybe(pick, chart))
        }
        Scope::Own => {
            let found = by(|account| Some(&account.code));
            match pick {
                Pick::Class(_) => (found, maybe(pick, chart)),
                _ if found.is_empty() => matching(pick, chart, Scope::Standard),
                // The enterprise's own codes are no question of the standard.
                _ => (found, Vec::new()),
            }
        }
    }
}

/// Undecided accounts that the pick may mean.
fn maybe(pick: &Pick, chart: &[Account]) -> Vec<usize> {
    let fits = |account: &Account| match pick {
        Pick::Class(_) => true,
        _ => account.undecided.iter().any(|code| fits(pick, code, &account.name, true)),
    };
    chart.iter().enumerate().filter(|(_, account)| !account.undecided.is_empty() && fits(account)).map(|(at, _)| at).collect()
}

fn fits(pick: &Pick, code: &str, name: &str, known: bool) -> bool {
    match pick {
        Pick::Code(wanted, text) => {
            (code == wanted || below(code, wanted, known)) && text.as_deref().is_none_or(|text| name.contains(text))
        }
        Pick::Range(from, to) => between(code, from, to),
        Pick::Pattern(pattern) => like(code, pattern),
        Pick::Class(_) => false,
    }
}

/// Whether `code` is an account below `above`.
fn below(code: &str, above: &str, known: bool) -> bool {
    code.strip_prefix(above).is_some_and(|rest| {
        let digits = known && rest.chars().count() >= 2 && above.chars().all(|c| c.is_ascii_digit());
        rest.starts_with(['.', '-', '_', '/']) || digits
    })
}

/// Whether `code` stands from `from` to `to`, or below `to`. Codes are compared as texts, as charts are sorted; one that is shorter than
/// both ends is on another level and stands between no two of them.
fn between(code: &str, from: &str, to: &str) -> bool {
    code.len() >= from.len().min(to.len()) && code >= from && (code <= to || below(code, to, true))
}

/// `*` is any text, `?` one character; without recursion, as patterns come from files.
fn like(code: &str, pattern: &str) -> bool {
    let (code, pattern): (Vec<char>, Vec<char>) = (code.chars().collect(), pattern.chars().collect());
    let (mut c, mut p, mut star) = (0, 0, None);
    while c < code.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, c));
            p += 1;
        } else if pattern.get(p).is_some_and(|wanted| *wanted == '?' || *wanted == code[c]) {
            (c, p) = (c + 1, p + 1);
        } else if let Some((at, from)) = star {
            (c, p, star) = (from + 1, at + 1, Some((at, from + 1)));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(code: &str, name: &str, standard: Option<&str>) -> Account {
        Account {
            code: code.to_owned(),
            name: name.to_owned(),
            standard: standard.map(str::to_owned),
            class: Some(Class::Asset),
            debit: Some(true),
            undecided: Vec::new(),
        }
    }

    fn codes(selector: &str, chart: &[Account], scope: Scope) -> Vec<String> {
        let (expr, faults) = crate::parse(&format!("QM({selector})"));
        assert_eq!(faults, [], "{selector}");
        let crate::Node::Account(call) = expr.unwrap().node else { panic!("{selector}") };
        select(&call.accounts, chart, scope).accounts.iter().map(|at| chart[*at].code.clone()).collect()
    }

    #[test]
    fn codes_ranges_patterns_names_and_exceptions() {
        let chart: Vec<Account> = ["1001", "140100", "1405", "140501", "1411.02", "1412", "5001"]
            .iter()
            .map(|code| account(code, if *code == "140501" { "库存商品—甲" } else { "x" }, None))
            .collect();
        for (selector, expected) in [
            ("1405", vec!["1405", "140501"]),
            ("1401", vec!["140100"]),
            ("1401:1411", vec!["140100", "1405", "140501", "1411.02"]),
            ("14*", vec!["140100", "1405", "140501", "1411.02", "1412"]),
            ("14??", vec!["1405", "1412"]),
            ("{1401:1411, 5001, !1405}", vec!["140100", "1411.02", "5001"]),
            ("1405~甲", vec!["140501"]),
            ("9999", vec![]),
            // 14 and 140 are no accounts here, and 1411:1401 is the wrong way round.
            ("14", vec![]),
            ("140", vec![]),
            ("1411:1401", vec![]),
            ("1401:140501", vec!["140100", "1405", "140501"]),
            ("\"1405\"", vec!["1405", "140501"]),
            ("{\"1001\":\"1405\", !\"140501\"}", vec!["1001", "140100", "1405"]),
        ] {
            assert_eq!(codes(selector, &chart, Scope::Standard), expected, "{selector}");
        }
    }

    #[test]
    fn an_account_is_found_by_what_the_standard_calls_it() {
        let chart = [
            account("660210", "研发费用", Some("6604")),
            account("660200", "管理费用", Some("6602")),
            account("6.1", "销售费用", Some("6601")),
        ];
        assert_eq!(codes("6602", &chart, Scope::Standard), ["660200"]);
        assert_eq!(codes("6604", &chart, Scope::Standard), ["660210"]);
        assert_eq!(codes("6601", &chart, Scope::Own), ["6.1"], "the standard's code serves where the book has none");
        assert_eq!(codes("6602", &chart, Scope::Own), ["660210", "660200"]);
    }

    #[test]
    fn an_undecided_account_is_named_wherever_it_may_belong() {
        let mut odd = account("1122", "预收账款", None);
        odd.undecided = vec!["1122".to_owned(), "2203".to_owned()];
        let chart = [odd, account("1001", "x", Some("1001"))];
        let (expr, _) = crate::parse("QM({1001, 2203})");
        let crate::Node::Account(call) = expr.unwrap().node else { panic!("no call") };
        let selected = select(&call.accounts, &chart, Scope::Standard);
        assert_eq!((selected.accounts, selected.undecided), (vec![1], vec![0]));
        // A code of one's own says which account is meant, whatever the standard thinks of it.
        let selected = select(&call.accounts, &chart[1..], Scope::Own);
        assert_eq!((selected.accounts, selected.empty), (vec![0], vec!["2203".to_owned()]));
        let (expr, _) = crate::parse("QM(1122)");
        let crate::Node::Account(call) = expr.unwrap().node else { panic!("no call") };
        let selected = select(&call.accounts, &chart, Scope::Own);
        assert_eq!((selected.accounts, selected.undecided), (vec![0], vec![]));
    }

    #[test]
    fn levels_of_a_chart_are_told_by_digits_or_by_signs() {
        for (code, above, expected) in [
            ("160201", "1602", true),
            ("1602001", "1602", true),
            ("16020", "1602", false),
            ("1602.1", "1602", true),
            ("1602-01", "1602", true),
            ("1602.01.02", "1602.01", true),
            ("6.10", "6.1", false),
            ("6.1.10", "6.1", true),
            ("1602", "1602", false),
            ("1601", "1602", false),
            ("1602甲", "1602", false),
        ] {
            assert_eq!(below(code, above, true), expected, "{code} below {above}");
        }
        // Of a chart with three-digit and four-digit codes, 101 is not between 1001 and 1121 though it sorts there.
        for (code, expected) in
            [("1001", true), ("100201", true), ("101", false), ("1121", true), ("112101", true), ("1122", false)]
        {
            assert_eq!(between(code, "1001", "1121"), expected, "{code}");
        }
    }
}
