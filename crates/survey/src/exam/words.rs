//! How the headings of sheets are recognised: data.

use std::collections::{BTreeMap, BTreeSet};

use model::Finding;
use serde::Deserialize;
use settings::Shape;

use super::grid::half;
use crate::{Form, Printed, Row};

const ANY: Shape = Shape::Any;
const SHAPE: Shape = Shape::Table(&[
    (
        "column",
        Shape::Table(&[
            ("this_month", ANY),
            ("this_quarter", ANY),
            ("cumulative", ANY),
            ("prior_year_month", ANY),
            ("prior_year", ANY),
            ("closing", ANY),
            ("opening", ANY),
        ]),
    ),
    (
        "role",
        Shape::Table(&[("code", ANY), ("name", ANY), ("unit", ANY), ("period", ANY), ("unit_code", ANY), ("unit_name", ANY)]),
    ),
    ("figure", Shape::Table(&[("alone", ANY)])),
    ("money", Shape::Map(&ANY)),
    ("tax", Shape::Table(&[("rates", ANY)])),
]);

/// The words that come with the program.
pub const HEADERS: &str = include_str!("../../../../mappings/headers.toml");

#[derive(Deserialize)]
struct Raw {
    column: BTreeMap<String, Vec<String>>,
    role: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    figure: Figures,
    money: BTreeMap<String, i64>,
    tax: Tax,
}

#[derive(Default, Deserialize)]
struct Figures {
    alone: Vec<String>,
}

#[derive(Deserialize)]
struct Tax {
    rates: Vec<u8>,
}

/// Columns of figures with their machine names.
pub const COLUMNS: [Printed; 7] = [
    Printed::ThisMonth,
    Printed::ThisQuarter,
    Printed::Cumulative,
    Printed::Closing,
    Printed::Opening,
    Printed::PriorYearMonth,
    Printed::PriorYear,
];

/// The column of figures with this machine name.
pub fn column_named(name: &str) -> Option<Printed> {
    COLUMNS.into_iter().find(|column| column.name() == name)
}

/// What a column says of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Code of the indicator.
    Code,
    /// Its name.
    Name,
    /// Its unit.
    Unit,
    /// The period.
    Period,
    /// Code of the reporting unit.
    UnitCode,
    /// Name of the reporting unit.
    UnitName,
}

/// The words.
#[derive(Clone, Debug)]
pub struct Words {
    columns: BTreeMap<String, Printed>,
    roles: BTreeMap<String, Role>,
    alone: BTreeSet<String>,
    money: BTreeMap<String, i64>,
    /// Rates of tax that are tried, in percent.
    pub taxes: Vec<u8>,
}

impl Words {
    /// Reads the words; everything that is wrong is found at once.
    pub fn parse(file: &str, text: &str) -> (Option<Words>, Vec<Finding>) {
        let (raw, findings) = settings::read::<Raw>(file, text, &SHAPE);
        let words = raw.map(|raw| {
            let mut words = Words {
                columns: BTreeMap::new(),
                roles: BTreeMap::new(),
                alone: raw.figure.alone.iter().map(|text| plain(text)).collect(),
                money: raw.money.into_iter().filter(|(_, of)| *of > 0).collect(),
                taxes: raw.tax.rates,
            };
            for (name, texts) in raw.column {
                if let Some(column) = column_named(&name) {
                    words.columns.extend(texts.iter().map(|text| (plain(text), column)));
                }
            }
            for (name, texts) in raw.role {
                let role = match name.as_str() {
                    "code" => Role::Code,
                    "name" => Role::Name,
                    "unit" => Role::Unit,
                    "period" => Role::Period,
                    "unit_code" => Role::UnitCode,
                    _ => Role::UnitName,
                };
                words.roles.extend(texts.iter().map(|text| (plain(text), role)));
            }
            words
        });
        (words, findings)
    }

    /// The column that a heading says.
    pub fn column(&self, heading: &str) -> Option<Printed> {
        self.columns.get(&plain(heading)).or_else(|| self.columns.get(&plain(&without_brackets(heading)))).copied()
    }

    /// Whether a heading says that figures stand below it, and not of which column they are.
    pub fn alone(&self, heading: &str) -> bool {
        self.alone.contains(&plain(heading)) || self.alone.contains(&plain(&without_brackets(heading)))
    }

    /// What a heading says of its row.
    pub fn role(&self, heading: &str) -> Option<Role> {
        // The portal writes the form before it: [201-1] 统一社会信用代码.
        let heading = heading.trim();
        let heading = heading.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(heading, |(_, rest)| rest);
        self.roles.get(&plain(heading)).or_else(|| self.roles.get(&plain(&without_brackets(heading)))).copied()
    }

    /// A unit of money that stands in a text: alone, in brackets, or behind 单位：.
    pub fn money(&self, text: &str) -> Option<i64> {
        let text: String = text.chars().map(half).filter(|c| !c.is_whitespace()).collect();
        let inner = text.rsplit_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inner, _)| inner.to_owned());
        let behind = text.rsplit_once("单位:").map(|(_, rest)| rest.to_owned());
        [Some(text.clone()), inner, behind].into_iter().flatten().find_map(|text| self.money.get(text.as_str()).copied())
    }

    /// Units of money, the smallest first.
    pub fn moneys(&self) -> impl Iterator<Item = (&str, i64)> {
        let mut all: Vec<(&str, i64)> = self.money.iter().map(|(name, of)| (name.as_str(), *of)).collect();
        all.sort_by_key(|(name, of)| (*of, name.chars().count()));
        all.dedup_by_key(|(_, of)| *of);
        all.into_iter()
    }

    /// Whether the figures of a row are money, so that a unit of money is one of theirs.
    pub fn is_money(&self, form: &Form, row: &Row) -> bool {
        let unit = row.unit.as_deref().unwrap_or(&form.unit);
        self.money.contains_key(unit.trim())
    }
}

/// A heading as it is compared.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars().map(half) {
        let c = match c {
            '—' | '–' | '―' | '‐' | '−' | '~' | '～' | '至' | '到' | ';' => '-',
            c if c.is_whitespace() => continue,
            c => c.to_ascii_lowercase(),
        };
        if c != '-' || !plain.ends_with('-') {
            plain.push(c);
        }
    }
    plain.trim_matches([':', '-']).to_owned()
}

fn without_brackets(text: &str) -> String {
    let text: String = text.chars().map(half).collect();
    match (text.find('('), text.rfind(')')) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &text[..from], &text[to + 1..]),
        _ => text,
    }
}

/// The name of an indicator as it is compared: without numbering, 其中, 减 and 加, brackets and spaces.
pub(super) fn bare_name(text: &str) -> String {
    let text = plain(&without_brackets(text));
    let mut rest = text.as_str();
    loop {
        let before = rest;
        for word in ["其中:", "其中", "减:", "加:", "减", "#", "*", "-"] {
            rest = rest.strip_prefix(word).unwrap_or(rest);
        }
        let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit() || "一二三四五六七八九十(".contains(c));
        if digits.len() < rest.len() {
            rest = digits.strip_prefix(['、', '.', ')', ',']).unwrap_or(rest);
        }
        if rest.len() == before.len() {
            break;
        }
    }
    rest.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let (words, findings) = Words::parse("mappings/headers.toml", HEADERS);
        assert_eq!(findings, []);
        words.unwrap()
    }

    #[test]
    fn headings_are_recognised_however_they_are_written() {
        let words = words();
        for (heading, column) in [
            ("本月", Printed::ThisMonth),
            ("本年-本月", Printed::ThisMonth),
            ("1—本月", Printed::Cumulative),
            ("１－本月", Printed::Cumulative),
            ("1 至 本月", Printed::Cumulative),
            ("本年-1—本月", Printed::Cumulative),
            ("1-本月（千元）", Printed::Cumulative),
            ("上年同期", Printed::PriorYear),
            ("上年-1—本月", Printed::PriorYear),
            ("上年-本月", Printed::PriorYearMonth),
            ("期末余额", Printed::Closing),
            ("prior_year_month", Printed::PriorYearMonth),
        ] {
            assert_eq!(words.column(heading), Some(column), "{heading}");
        }
        assert_eq!(words.column("增速"), None);
        assert_eq!(words.role("指标代码"), Some(Role::Code));
        assert_eq!(words.role("[201-1] 统一社会信用代码"), Some(Role::UnitCode));
        for (text, unit) in
            [("千元", Some(1000)), ("计量单位：万元", Some(10_000)), ("本月(元)", Some(1)), ("人", None), ("单位", None)]
        {
            assert_eq!(words.money(text), unit, "{text}");
        }
    }

    #[test]
    fn every_word_of_the_file_is_its_own() {
        // A heading that stood in two lists would be the one of the last.
        let raw: Raw = toml::from_str(HEADERS).unwrap();
        let mut seen = BTreeMap::new();
        for (list, texts) in raw.column.iter().chain(&raw.role) {
            for text in texts {
                let before = seen.insert(plain(text), list.clone());
                assert!(before.is_none_or(|before| before == *list), "{text}");
            }
        }
    }

    #[test]
    fn names_are_compared_without_their_trimmings() {
        for (text, expected) in [
            ("一、营业收入", "营业收入"),
            ("  其中：利息费用", "利息费用"),
            ("减：营业成本（千元）", "营业成本"),
            ("1.固定资产原价", "固定资产原价"),
            ("(一) 营业利润", "营业利润"),
            ("6个月以上", "6个月以上"),
        ] {
            assert_eq!(bare_name(text), expected, "{text}");
        }
    }
}
