/*!
Message catalogues: every sentence a person reads, in Chinese and in English, by code; the parts that pages are made of; and
what people type before it is parsed.

Knows no domain and does no I/O: catalogue, style and script are compiled in. A sentence names its values in braces.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

pub mod chart;
pub mod page;
pub mod refill;
pub mod terms;
pub mod words;

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

/// Language of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// 中文
    #[default]
    Zh,
    /// English
    En,
}

/// One entry of the catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    zh: String,
    en: String,
    #[serde(default)]
    hint_zh: String,
    #[serde(default)]
    hint_en: String,
}

/// The catalogue by area, so that each area can be read and changed on its own.
const SOURCES: &[&str] = &[
    include_str!("../messages/acting.toml"),
    include_str!("../messages/archive.toml"),
    include_str!("../messages/audit.toml"),
    include_str!("../messages/board.toml"),
    include_str!("../messages/bureau.toml"),
    include_str!("../messages/config.toml"),
    include_str!("../messages/connect.toml"),
    include_str!("../messages/connector.toml"),
    include_str!("../messages/deeds.toml"),
    include_str!("../messages/delivery.toml"),
    include_str!("../messages/demo.toml"),
    include_str!("../messages/doing.toml"),
    include_str!("../messages/everyday.toml"),
    include_str!("../messages/figure.toml"),
    include_str!("../messages/forms.toml"),
    include_str!("../messages/exam.toml"),
    include_str!("../messages/formula.toml"),
    include_str!("../messages/history.toml"),
    include_str!("../messages/journal.toml"),
    include_str!("../messages/labels.toml"),
    include_str!("../messages/log.toml"),
    include_str!("../messages/mapping.toml"),
    include_str!("../messages/measures.toml"),
    include_str!("../messages/packs.toml"),
    include_str!("../messages/pages.toml"),
    include_str!("../messages/peers.toml"),
    include_str!("../messages/people.toml"),
    include_str!("../messages/proofs.toml"),
    include_str!("../messages/reader.toml"),
    include_str!("../messages/signing.toml"),
    include_str!("../messages/signoff.toml"),
    include_str!("../messages/seal.toml"),
    include_str!("../messages/staff.toml"),
    include_str!("../messages/stores.toml"),
    include_str!("../messages/survey.toml"),
];

/// A file that does not parse is empty, and its codes are then shown bare; a test keeps this from happening.
static ENTRIES: LazyLock<BTreeMap<String, Entry>> = LazyLock::new(|| {
    SOURCES.iter().flat_map(|source| toml::from_str::<BTreeMap<String, Entry>>(source).unwrap_or_default()).collect()
});

/// The sentence of `code`, filled. A code without an entry is shown with its values, so that nothing is lost.
pub fn text<N: AsRef<str>, V: AsRef<str>>(lang: Lang, code: &str, values: &[(N, V)]) -> String {
    match ENTRIES.get(code) {
        Some(entry) => {
            let said = saying(if lang == Lang::Zh { &entry.zh } else { &entry.en }, values);
            fill(lang, said.trim_end_matches(['；', ';']), values)
        }
        None => {
            let values = values.iter().map(|(name, value)| format!(" {}={}", name.as_ref(), value.as_ref()));
            format!("{code}{}", values.collect::<String>())
        }
    }
}

/// Whether the catalogue has a sentence for `code`.
pub fn knows(code: &str) -> bool {
    ENTRIES.contains_key(code)
}

/// What people read for a name of the machine: a column, a state, a button. `label-<name>` of the catalogue.
pub fn label(lang: Lang, name: &str) -> String {
    let none: [(&str, &str); 0] = [];
    text(lang, &format!("label-{}", name.replace('_', "-")), &none)
}

/// A decimal with its thousands apart.
pub fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.chars().count() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// What to do about `code`, filled; `None` where there is nothing to say.
pub fn hint<N: AsRef<str>, V: AsRef<str>>(lang: Lang, code: &str, values: &[(N, V)]) -> Option<String> {
    let entry = ENTRIES.get(code)?;
    let hint = saying(if lang == Lang::Zh { &entry.hint_zh } else { &entry.hint_en }, values);
    let hint = match (hint.strip_suffix('；'), hint.strip_suffix(';')) {
        (Some(hint), _) => format!("{hint}。"),
        (_, Some(hint)) => format!("{hint}."),
        _ => hint.into_owned(),
    };
    (!hint.is_empty()).then(|| fill(lang, &hint, values))
}

/// Values that say there is nothing, as in "the nearest is —".
const NOTHING: [&str; 2] = ["", "—"];

/// Words without the sentences that would name what there is where there is nothing.
fn saying<'a, N: AsRef<str>, V: AsRef<str>>(hint: &'a str, values: &[(N, V)]) -> Cow<'a, str> {
    let nothing = |name: &str| values.iter().any(|(known, value)| known.as_ref() == name && NOTHING.contains(&value.as_ref()));
    let empty: Vec<String> =
        ["near", "nearest", "known"].into_iter().filter(|name| nothing(name)).map(|name| format!("{{{name}}}")).collect();
    if empty.is_empty() {
        return Cow::Borrowed(hint);
    }
    let (mut left, mut dropped) = (String::with_capacity(hint.len()), false);
    let ends = ["。", "；", "? ", ". ", "; "];
    let mut rest = hint;
    while !rest.is_empty() {
        let end = ends.iter().filter_map(|end| rest.find(end).map(|at| at + end.len())).min().unwrap_or(rest.len());
        let (sentence, after) = rest.split_at(end);
        rest = after;
        if empty.iter().any(|name| sentence.contains(name)) {
            dropped = true;
        } else {
            // What began after a semicolon begins the hint now; names of programs and keys stay as they are written.
            let plain = dropped && left.is_empty() && !sentence.starts_with("taizhang");
            let mut letters = sentence.chars();
            match letters.next().filter(|_| plain) {
                Some(first) => left.extend(first.to_uppercase().chain(letters)),
                None => left.push_str(sentence),
            }
        }
    }
    Cow::Owned(left.trim_end().to_owned())
}

/// What is wrong or worth knowing as a person reads it: level (`error`, `warning`, `note`) and code before place and sentence.
pub fn head<N: AsRef<str>, V: AsRef<str>>(lang: Lang, level: &str, code: &str, place: &str, values: &[(N, V)]) -> String {
    let none: [(&str, &str); 0] = [];
    let place = if place.is_empty() { ":".to_owned() } else { format!(" {place}:") };
    format!("{}[{code}]{place} {}", text(lang, &format!("level-{level}"), &none), text(lang, code, values))
}

/// What to do about it, on a line of its own; empty where there is nothing to say.
pub fn advice<N: AsRef<str>, V: AsRef<str>>(lang: Lang, code: &str, values: &[(N, V)]) -> String {
    let none: [(&str, &str); 0] = [];
    hint(lang, code, values).map_or_else(String::new, |hint| format!("\n    {}{hint}", text(lang, "label-hint", &none)))
}

/// Codes of the catalogue, in alphabetical order.
pub fn codes() -> impl Iterator<Item = &'static str> {
    ENTRIES.keys().map(String::as_str)
}

/// What people read for words of the machine, joined as they stand.
fn words(lang: Lang, kind: &str, words: &str) -> String {
    words.split(", ").map(|one| word(lang, kind, one)).collect::<Vec<_>>().join(if lang == Lang::Zh { "、" } else { ", " })
}

/// What people read for a word of the machine: `label-<kind>-<word>`, or the word where the catalogue has none.
fn word<'a>(lang: Lang, kind: &str, word: &'a str) -> &'a str {
    match ENTRIES.get(&format!("label-{kind}-{}", word.replace('_', "-"))) {
        Some(entry) if lang == Lang::Zh => &entry.zh,
        Some(entry) => &entry.en,
        None => word,
    }
}

/// Values are put in once, from left to right: braces inside a value stay what they are. `{name:kind}` is a word of the machine, as people
/// read it.
fn fill<N: AsRef<str>, V: AsRef<str>>(lang: Lang, sentence: &str, values: &[(N, V)]) -> String {
    let (mut filled, mut rest) = (String::with_capacity(sentence.len() + 32), sentence);
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let named = after.split_once('}').and_then(|(name, after)| {
            let (name, kind) = name.split_once(':').map_or((name, None), |(name, kind)| (name, Some(kind)));
            let (_, value) = values.iter().find(|(known, _)| known.as_ref() == name)?;
            let value = value.as_ref();
            Some((kind.map_or(Cow::Borrowed(value), |kind| Cow::Owned(words(lang, kind, value))), after))
        });
        match named {
            Some((value, after)) => {
                filled.push_str(&value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (text, expected) in [("0", "0"), ("-123", "-123"), ("1234.5678", "1,234.5678"), ("-1234567", "-1,234,567")] {
            assert_eq!(grouped(text), expected);
        }
    }

    #[test]
    fn every_entry_parses_and_names_the_same_values_in_both_languages() {
        let files: Vec<_> = SOURCES.iter().map(|source| toml::from_str::<BTreeMap<String, Entry>>(source).unwrap()).collect();
        let count: usize = files.iter().map(BTreeMap::len).sum();
        let entries: BTreeMap<String, Entry> = files.into_iter().flatten().collect();
        assert_eq!(entries.len(), count, "a code stands in two files");
        let names = |text: &str| {
            let mut names: Vec<String> =
                text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned()).collect();
            names.sort();
            names.dedup();
            names
        };
        for (code, entry) in entries {
            assert_eq!(names(&entry.zh), names(&entry.en), "{code}");
            assert_eq!(entry.hint_zh.is_empty(), entry.hint_en.is_empty(), "{code}");
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{code}");
        }
    }

    #[test]
    fn a_hint_names_nothing_where_there_is_nothing() {
        let said = |near: &str| hint(Lang::En, "measure-kind-unknown", &[("kind", "x"), ("near", near)]);
        assert_eq!(said("sales").as_deref(), Some("The nearest is sales; taizhang measure kinds lists them."));
        assert_eq!(said("—").as_deref(), Some("taizhang measure kinds lists them."));
        let zh = hint(Lang::Zh, "measure-kind-unknown", &[("kind", "x"), ("near", "—")]);
        assert_eq!(zh.as_deref(), Some("taizhang measure kinds 列出全部。"));
        assert_eq!(hint(Lang::En, "person-unknown", &[("near", "—"), ("known", "wu")]), None);
        let pack = hint(Lang::En, "connector-unknown", &[("near", "—"), ("known", "odoo")]);
        assert!(pack.is_some_and(|hint| hint.starts_with("Packs of the program: odoo.")));
        assert_eq!(saying("One is {known}; write it in the file.", &[("known", "")]), "Write it in the file.");
        let rule = |near: &str| text(Lang::Zh, "rule-unknown", &[("rule", "X-1"), ("near", near)]);
        assert_eq!((&*rule("FIN-01"), &*rule("—")), ("这张表没有审核关系 X-1；最接近的是 FIN-01", "这张表没有审核关系 X-1"));
    }

    #[test]
    fn values_are_filled_in_once() {
        let values = [("a", "{b}"), ("b", "2")];
        assert_eq!(fill(Lang::En, "{a} and {b} and {c", &values), "{b} and 2 and {c");
        let words = [("class", "profit_and_loss"), ("other", "x")];
        assert_eq!(fill(Lang::Zh, "{class:class}, {other:class}", &words), "损益, x");
        assert_eq!(text(Lang::En, "no-such-code", &values), "no-such-code a={b} b=2");
    }
}
