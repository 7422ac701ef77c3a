//! The words of the language: each with its first name, which is printed, and its aliases. All are lower case; texts are lowered before.

use crate::ast::{Aspect, Column, Field, Function, Measure, Name, Side, Span, What, Year};

type Named<T> = &'static [(&'static [&'static str], T)];

/// What a word names.
pub(crate) fn find<T: Copy>(names: Named<T>, word: &str) -> Option<T> {
    names.iter().find(|(known, _)| known.contains(&word)).map(|(_, value)| *value)
}

/// First name of a value.
pub(crate) fn name_of<T: PartialEq>(names: Named<T>, wanted: &T) -> &'static str {
    names.iter().find(|(_, value)| value == wanted).map_or("", |(names, _)| names[0])
}

pub(crate) const COLUMNS: Named<Column> = &[
    (&["this_month", "本月"], Column::ThisMonth),
    (&["cumulative", "累计", "本年累计"], Column::Cumulative),
    (&["prior_year_month", "上年同月"], Column::PriorYearMonth),
    (&["prior_year", "上年同期"], Column::PriorYear),
    (&["closing", "期末"], Column::Closing),
    (&["previous", "上期"], Column::Previous),
    (&["opening", "年初"], Column::Opening),
    (&["filed_last_year", "上年已报"], Column::FiledLastYear),
];

pub(crate) const FUNCTIONS: Named<Function> = &[
    (&["abs", "绝对值"], Function::Abs),
    (&["min", "最小"], Function::Min),
    (&["max", "最大"], Function::Max),
    (&["round", "四舍五入"], Function::Round),
    (&["if", "如果", "iff"], Function::If),
    (&["coalesce", "有则取"], Function::Coalesce),
    (&["missing", "缺失"], Function::Missing),
    (&["sum", "合计"], Function::Sum),
    (&["filled", "已填"], Function::Filled),
    (&["is", "是"], Function::Is),
    (&["contains", "含"], Function::Contains),
    (&["length", "字数"], Function::Length),
    (&["answers", "选项数"], Function::Answers),
    (&["year", "年份"], Function::Year),
    (&["months", "月数"], Function::Months),
];

pub(crate) const DIMENSIONS: Named<Name> = &[
    (&["any", "辅助核算"], Name::Any),
    (&["party", "往来单位"], Name::Party),
    (&["product", "存货"], Name::Product),
    (&["department", "部门"], Name::Department),
    (&["project", "项目"], Name::Project),
    (&["person", "个人"], Name::Person),
    (&["currency", "币种"], Name::Currency),
];

/// `d` is no side: it is the first letter of debit and of 贷 (dài).
pub(crate) const SIDES: Named<Side> =
    &[(&["借", "借方", "debit", "dr"], Side::Debit), (&["贷", "贷方", "credit", "cr"], Side::Credit)];

/// Spans that a word says. 月 is the month or, in a function that runs from January, up to the month.
pub(crate) const SPANS: Named<Span> = &[
    (&["月", "本月", "month"], Span::Month(0)),
    (&["上月", "last_month"], Span::Month(-1)),
    (&["季", "本季", "quarter"], Span::Quarter),
    (&["年", "全年", "year"], Span::Year),
    (&["累计", "本年累计", "ytd"], Span::ToDate),
];

/// Years that a word says: in UFO's place of the year 年 is the year of the report.
pub(crate) const YEARS: Named<Year> =
    &[(&["年", "全年", "本年", "year"], Year::Offset(0)), (&["上年", "去年", "last_year"], Year::Offset(-1))];

/// The function that asks for a measure.
pub(crate) const MEASURE: &[&str] = &["measure", "计量"];

pub(crate) const ASPECTS: Named<Aspect> = &[
    (&["quantity", "数量"], Aspect::Quantity),
    (&["amount", "金额"], Aspect::Amount),
    (&["value", "产值"], Aspect::Value),
    (&["average", "平均"], Aspect::Average),
    (&["closing", "期末"], Aspect::Closing),
    (&["coal", "折标"], Aspect::Coal),
];

pub(crate) const FIELDS: Named<Field> = &[
    (&["item", "品种"], Field::Item),
    (&["class", "类别"], Field::Class),
    (&["origin", "来源"], Field::Origin),
    (&["use", "用途"], Field::Use),
    (&["composition", "构成"], Field::Composition),
];

/// UFO's name, the English one, what is asked, and whether it runs from January.
pub(crate) const ACCOUNT_FUNCTIONS: &[(&str, &str, What, bool)] = &[
    ("qc", "opening", What::Opening, false),
    ("qm", "closing", What::Closing, false),
    ("fs", "turnover", What::Turnover, false),
    ("lfs", "turnover_to_date", What::Turnover, true),
    ("je", "net", What::Net, false),
    ("dfs", "counter", What::Counter, false),
    ("sy", "movement", What::Movement, false),
    ("sl", "movement_to_date", What::Movement, true),
];

/// Prefixes of the families: before UFO's names, before the English ones.
const FAMILIES: &[(&str, &str, Measure)] =
    &[("", "", Measure::Money), ("s", "quantity_", Measure::Quantity), ("w", "foreign_", Measure::Foreign)];

/// What a name asks of accounts, in what, and whether from January.
pub(crate) fn account_function(name: &str) -> Option<(What, Measure, bool)> {
    // The short names have short prefixes, the long ones long prefixes.
    FAMILIES.iter().find_map(|(short, long, measure)| {
        let (short, long) = (name.strip_prefix(short), name.strip_prefix(long));
        let same = |known: &&(&str, &str, What, bool)| short == Some(known.0) || long == Some(known.1);
        ACCOUNT_FUNCTIONS.iter().find(same).map(|(.., what, to_date)| (*what, *measure, *to_date))
    })
}

/// The known function whose name differs least; bounded, as names are short.
pub(crate) fn nearest_function(name: &str) -> &'static str {
    let values = FUNCTIONS.iter().flat_map(|(names, _)| names.iter().copied());
    let asks = ACCOUNT_FUNCTIONS.iter().flat_map(|(short, long, ..)| [*short, *long]);
    values.chain(asks).chain(MEASURE.iter().copied()).min_by_key(|known| distance(name, known)).unwrap_or("—")
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(32).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(32).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_the_reference() {
        let document = include_str!("../../../docs/reference/formula.md");
        let mut words = Vec::new();
        for (short, long, ..) in ACCOUNT_FUNCTIONS {
            words.extend([format!("`{}`", short.to_uppercase()), format!("`{long}`")]);
            words.extend(FAMILIES[1..].iter().map(|(prefix, ..)| format!("{prefix}{short}").to_uppercase()));
        }
        words.extend(COLUMNS.iter().flat_map(|(names, _)| names.iter().map(|name| format!("`.{name}`"))));
        words.extend(FUNCTIONS.iter().flat_map(|(names, _)| names.iter().map(|name| format!("`{name}"))));
        words.extend(DIMENSIONS.iter().flat_map(|(names, _)| names.iter().map(|name| format!("`{name}`"))));
        words.push(format!("`{}`", MEASURE[0].to_uppercase()));
        words.push(format!("`{}`", MEASURE[1]));
        words.extend(ASPECTS.iter().flat_map(|(names, _)| names.iter().map(|name| format!("`{name}`"))));
        words.extend(FIELDS.iter().flat_map(|(names, _)| names.iter().map(|name| format!("`{name}`"))));
        words.extend(SIDES.iter().flat_map(|(names, _)| names.iter().map(|name| format!("`{name}`"))));
        words.extend(SPANS.iter().flat_map(|(names, _)| names.iter().map(|name| format!("`{name}`"))));
        words.extend(YEARS.iter().flat_map(|(names, _)| names.iter().map(|name| format!("`{name}`"))));
        let absent: Vec<String> = words.into_iter().filter(|word| !document.contains(word.as_str())).collect();
        assert!(absent.is_empty(), "docs/reference/formula.md does not have {absent:?}");
    }
}
