/*! An accounting standard: its chart, and which of its accounts a book's account is. */

use std::collections::BTreeMap;

use model::Finding;
use serde::Deserialize;
use settings::Shape;

use crate::mapping::{Item, Source};

const ANY: Shape = Shape::Any;
const SHAPE: Shape = Shape::Table(&[
    ("name", ANY),
    ("title", ANY),
    ("profit", ANY),
    ("profit_names", ANY),
    ("shown_apart", Shape::Map(&ANY)),
    ("group", Shape::Each(&Shape::Table(&[("class", ANY), ("side", ANY), ("status", ANY), ("accounts", Shape::Map(&ANY))]))),
    ("item", Shape::Map(&crate::mapping::ITEM)),
]);

#[derive(Deserialize)]
struct Raw {
    name: String,
    title: String,
    profit: Vec<String>,
    profit_names: Vec<String>,
    #[serde(default)]
    shown_apart: BTreeMap<String, Vec<String>>,
    group: Vec<Group>,
    #[serde(default)]
    item: BTreeMap<String, Item>,
}

#[derive(Deserialize)]
struct Group {
    class: String,
    side: String,
    status: String,
    accounts: BTreeMap<String, Vec<String>>,
}

/// One account of a standard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandardAccount {
    /// Code.
    pub code: String,
    /// Names it goes by, the official one first.
    pub names: Vec<String>,
    /// `asset`, `liability`, `equity`, `cost` or `profit_and_loss`.
    pub class: String,
    /// Whether its normal side is debit.
    pub debit: bool,
    /// `confirmed` or `recalled`.
    pub status: String,
}

/// An accounting standard (会计准则).
#[derive(Clone, Debug)]
pub struct Standard {
    /// Name used in configurations.
    pub name: String,
    /// Chinese name.
    pub title: String,
    accounts: BTreeMap<String, StandardAccount>,
    profit: Vec<String>,
    profit_names: Vec<String>,
    shown_apart: BTreeMap<String, Vec<String>>,
    decided: BTreeMap<String, String>,
    pub(crate) items: BTreeMap<String, Item>,
    pub(crate) source: Source,
}

/// Which account of the standard a book's account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match<'a> {
    /// Code and name say the same, or the name alone says it and no other account has that name.
    Is(&'a StandardAccount),
    /// The code says one account and the name another: a person decides.
    Disagrees {
        /// By its code.
        code: &'a StandardAccount,
        /// By its name; nothing where the name is none of the standard's.
        name: Option<&'a StandardAccount>,
    },
    /// Neither says anything.
    Unknown,
}

impl Standard {
    /// Reads a standard's chart.
    pub fn parse(file: &str, text: &str) -> (Option<Standard>, Vec<Finding>) {
        let (raw, findings) = settings::read::<Raw>(file, text, &SHAPE);
        let standard = raw.map(|mut raw| {
            let mut accounts = BTreeMap::new();
            for group in std::mem::take(&mut raw.group) {
                for (code, names) in group.accounts {
                    let (class, debit, status) = (group.class.clone(), group.side == "debit", group.status.clone());
                    accounts.insert(code.clone(), StandardAccount { code, names, class, debit, status });
                }
            }
            let Raw { name, title, profit, profit_names, shown_apart, item, .. } = raw;
            let source = Source { file: file.to_owned(), text: text.to_owned() };
            let decided = BTreeMap::new();
            Standard { name, title, accounts, profit, profit_names, shown_apart, decided, items: item, source }
        });
        (standard, findings)
    }

    /// The account with this code.
    pub fn account(&self, code: &str) -> Option<&StandardAccount> {
        self.accounts.get(code)
    }

    /// All accounts in order of their codes.
    pub fn accounts(&self) -> impl Iterator<Item = &StandardAccount> {
        self.accounts.values()
    }

    /// Which account of the standard a book's account is, by code and name together.
    pub fn find(&self, code: &str, name: &str) -> Match<'_> {
        let by_code = (4..=code.len()).rev().find_map(|end| self.accounts.get(code.get(..end)?));
        let by_name = self.by_name(name);
        match (by_code, by_name) {
            (Some(code), Some(name)) if code.code == name.code => Match::Is(code),
            // The name of a longer account may begin with that of a shorter one, or be written a little differently.
            (Some(code), _) if code.names.iter().any(|known| alike(head(name), known)) => Match::Is(code),
            (Some(by_code), Some(name)) if code.len() > 4 && self.apart(&by_code.code, &name.code) => Match::Is(name),
            // A sub-account's name says what it is for (100201 工商银行), not what it is.
            (Some(by_code), None) if code.len() > 4 => Match::Is(by_code),
            (Some(code), name) => Match::Disagrees { code, name },
            (None, Some(name)) => Match::Is(name),
            (None, None) => Match::Unknown,
        }
    }

    /// Whether sub-accounts of `under` that are named as `shown` are `shown`: 研发费用 is kept under 管理费用 and reported apart.
    fn apart(&self, under: &str, shown: &str) -> bool {
        self.shown_apart.get(under).is_some_and(|apart| apart.iter().any(|code| code == shown))
    }

    fn by_name(&self, name: &str) -> Option<&StandardAccount> {
        let head = head(name);
        self.accounts.values().find(|account| account.names.iter().any(|known| known == head))
    }

    /// The standard as one book sees it: what people decided about its accounts (account, the standard's account that it is) comes
    /// before codes and names.
    pub fn decided(mut self, decisions: impl IntoIterator<Item = (String, String)>) -> Standard {
        self.decided.extend(decisions);
        self
    }

    /// Whether a person decided what a book's account is.
    pub fn is_decided(&self, code: &str) -> bool {
        self.decided.contains_key(code)
    }

    /// The account of the standard that a book's account is, where nothing is in doubt.
    pub fn certain(&self, code: &str, name: &str) -> Option<&StandardAccount> {
        if let Some(decided) = self.decided.get(code).and_then(|is| self.accounts.get(is)) {
            return Some(decided);
        }
        match self.find(code, name) {
            Match::Is(account) => Some(account),
            Match::Disagrees { .. } | Match::Unknown => None,
        }
    }

    /// Whether a book's account is 本年利润 or 利润分配.
    pub fn is_profit(&self, code: &str, name: &str) -> bool {
        let named = |known: &String| head(name) == known || name.trim().eq_ignore_ascii_case(known);
        let by_name = !self.is_decided(code) && self.profit_names.iter().any(named);
        by_name || self.certain(code, name).is_some_and(|account| self.profit.contains(&account.code))
    }

    /// Whether a book's account is one of profit and loss.
    pub fn is_profit_and_loss(&self, code: &str, name: &str) -> bool {
        self.certain(code, name).is_some_and(|account| account.class == "profit_and_loss")
    }
}

/// The part of an account's name before what tells it from its sisters: 应交税费—应交增值税 is one of 应交税费.
fn head(name: &str) -> &str {
    let cut = name.find(['—', '-', '－', '–', '_', '/', '\\', '（', '(', '·', ':', '：', ' ']).unwrap_or(name.len());
    name[..cut].trim()
}

/// 资本公积金 is 资本公积.
fn alike(name: &str, known: &str) -> bool {
    name.chars().count() >= 2 && (name.contains(known) || known.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standard(name: &str) -> Standard {
        let (_, text) = crate::STANDARDS.iter().find(|(known, _)| *known == name).unwrap();
        let (standard, findings) = Standard::parse(name, text);
        assert_eq!(findings, []);
        standard.unwrap()
    }

    fn is(standard: &Standard, code: &str, name: &str) -> Option<String> {
        match standard.find(code, name) {
            Match::Is(account) => Some(account.code.clone()),
            _ => None,
        }
    }

    #[test]
    fn the_same_code_means_other_things_by_standard() {
        let (cas, small) = (standard("cas"), standard("small-business"));
        assert_eq!(is(&cas, "4001", "实收资本").as_deref(), Some("4001"));
        assert_eq!(is(&small, "3001", "实收资本").as_deref(), Some("3001"));
        assert_eq!(is(&small, "500101", "主营业务收入").as_deref(), Some("5001"));
        // Under the other standard code and name say different things, and a person decides.
        assert!(
            matches!(cas.find("500101", "主营业务收入"), Match::Disagrees { code, name: Some(name) } if code.code == "5001" && name.code == "6001")
        );
        assert!(matches!(small.find("4001", "实收资本"), Match::Disagrees { .. }));
    }

    #[test]
    fn accounts_are_recognised_under_codes_of_their_own() {
        let cas = standard("cas");
        for (code, name, expected) in [
            ("160201", "累计折旧—机器设备", Some("1602")),
            ("222112", "应交税费—城建税及附加", Some("2221")),
            ("222100", "应交税金", Some("2221")),
            ("400200", "资本公积金", Some("4002")),
            ("6.3.10.01", "所得税费用", Some("6801")),
            ("5.2.2.05", "研发费用—人员人工", Some("6604")),
            ("6.2.1.01", "财务费用—汇兑损益", Some("6603")),
            ("2.1.1", "Trade Payables", None),
            ("5.1.5.01", "暂估入库（在途）", None),
            ("660210", "研发费用", Some("6604")),
            ("6602", "研发费用", None),
            ("100203", "未结清收据", Some("1002")),
            ("1002", "未结清收据", None),
        ] {
            assert_eq!(is(&cas, code, name).as_deref(), expected, "{code} {name}");
        }
        assert!(cas.is_profit("3.2.1.01", "未分配利润") && cas.is_profit("410401", "利润分配—未分配利润"));
        assert!(!cas.is_profit("400200", "资本公积"));
        assert!(cas.is_profit("3.2.1.01", "Retained Earnings") && !cas.is_profit("3.2.1.02", "Retained Deposits"));
        // What a person decided comes before names and codes, in both directions.
        let decided = cas.decided([("3100".to_owned(), "4104".to_owned()), ("410401".to_owned(), "4002".to_owned())]);
        assert!(decided.is_profit("3100", "Owner's account") && !decided.is_profit("410401", "利润分配—未分配利润"));
    }
}
