/*!
Names that are data, in English: of forms, indicators, rules, accounts, measures. They are Chinese where they come from, and stay so in what is kept;
a page in English shows the English name where there is one, and says of the rest that it is Chinese (`lang="zh"`).

A name is matched whole, as it stands. What people wrote stays as they wrote it: elements with `translate="no"`, text areas and code are left alone.
*/

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

/// The names that come with the program.
const SOURCES: [&str; 2] =
    [include_str!("../../../mappings/english/forms.toml"), include_str!("../../../mappings/english/books.toml")];

/// Names by their first letter, the longest first: Chinese, English.
type Terms = HashMap<char, Vec<(String, String)>>;

static TERMS: LazyLock<RwLock<Arc<Terms>>> = LazyLock::new(|| {
    let known = SOURCES.iter().flat_map(|source| read(source).unwrap_or_default());
    RwLock::new(Arc::new(sorted(Terms::new(), known)))
});

/// Names in a file: `"中文" = "English"`.
pub fn read(text: &str) -> Result<BTreeMap<String, String>, toml::de::Error> {
    toml::from_str(text)
}

fn sorted(mut terms: Terms, more: impl IntoIterator<Item = (String, String)>) -> Terms {
    for (chinese, english) in more {
        let Some(first) = chinese.chars().next().filter(|_| !english.is_empty()) else { continue };
        let same: &mut Vec<(String, String)> = terms.entry(first).or_default();
        same.retain(|(known, _)| *known != chinese);
        same.push((chinese, english));
    }
    terms.values_mut().for_each(|same| same.sort_by_key(|(chinese, _)| std::cmp::Reverse(chinese.len())));
    terms
}

/// Adds names, which stand in the place of those that were there.
pub fn add(more: impl IntoIterator<Item = (String, String)>) {
    let mut terms = TERMS.write().unwrap_or_else(PoisonError::into_inner);
    *terms = Arc::new(sorted(Terms::clone(&terms), more));
}

fn terms() -> Arc<Terms> {
    Arc::clone(&TERMS.read().unwrap_or_else(PoisonError::into_inner))
}

/// Whether a letter is Chinese; marks of punctuation are none.
pub const fn is_chinese(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    /// As it stands.
    Plain(&'a str),
    /// A name, in English.
    English(&'a str),
    /// Chinese without an English name.
    Chinese(&'a str),
}

/// A text in parts. Chinese reaches from its first letter to its last, with what stands between.
fn parts<'a>(terms: &'a Terms, text: &'a str) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    let (mut from, mut at, mut open) = (0, 0, true);
    while let Some(letter) = text[at..].chars().next() {
        let named = terms.get(&letter).filter(|_| open).and_then(|same| {
            same.iter().find(|(chinese, _)| {
                let rest = text[at..].strip_prefix(chinese.as_str());
                rest.is_some_and(|rest| !rest.starts_with(is_chinese) || !chinese.ends_with(is_chinese))
            })
        });
        if let Some((chinese, english)) = named {
            rest(&mut parts, &text[from..at]);
            parts.push(Part::English(english));
            at += chinese.len();
            from = at;
            open = true;
        } else {
            at += letter.len_utf8();
            open = !is_chinese(letter);
        }
    }
    rest(&mut parts, &text[from..]);
    parts
}

/// What has no name.
fn rest<'a>(parts: &mut Vec<Part<'a>>, text: &'a str) {
    let first = text.find(is_chinese);
    let end = text.rfind(is_chinese).and_then(|at| Some(at + text[at..].chars().next()?.len_utf8()));
    match first.zip(end) {
        Some((first, end)) => {
            let cut = [Part::Plain(&text[..first]), Part::Chinese(&text[first..end]), Part::Plain(&text[end..])];
            parts.extend(cut.into_iter().filter(|part| *part != Part::Plain("")));
        }
        None if text.is_empty() => {}
        None => parts.push(Part::Plain(text)),
    }
}

/// Marks between English words are those of English.
fn marks(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut marked, letter| {
        match letter {
            '、' | '，' => marked.push_str(", "),
            '；' => marked.push_str("; "),
            '：' => marked.push_str(": "),
            '。' => marked.push_str(". "),
            '（' => marked.push_str(" ("),
            '）' => marked.push(')'),
            other => marked.push(other),
        }
        marked
    })
}

/// A text in English as far as there are names for what is in it.
pub fn english(text: &str) -> String {
    if !text.contains(is_chinese) {
        return text.to_owned();
    }
    let terms = terms();
    let said = parts(&terms, text).into_iter().map(|part| match part {
        Part::Plain(plain) => marks(plain),
        Part::English(known) => known.to_owned(),
        Part::Chinese(chinese) => chinese.to_owned(),
    });
    said.collect()
}

/// A text in the language of a page.
pub fn term(lang: crate::Lang, text: &str) -> String {
    if lang == crate::Lang::En { english(text) } else { text.to_owned() }
}

/// Elements without an end.
const VOID: [&str; 9] = ["area", "base", "br", "col", "hr", "img", "input", "link", "meta"];
/// Elements whose text is no sentence, or what somebody types.
const LEFT: [&str; 5] = ["code", "pre", "script", "style", "textarea"];
/// Elements that hold text alone.
const BARE: [&str; 3] = ["option", "title", "text"];
/// Attributes that are read out or shown.
const READ: [&str; 4] = ["title", "aria-label", "placeholder", "alt"];

/// A page of ours in English: names that are data are said in English, and what is left of Chinese is marked as that.
pub fn page(html: &str) -> String {
    let terms = terms();
    let mut out = String::with_capacity(html.len() + html.len() / 8);
    // Whether each open element is left as it is.
    let mut open: Vec<bool> = Vec::new();
    let mut rest = html;
    while let Some(begin) = rest.find('<') {
        let (text, tag) = rest.split_at(begin);
        say(&mut out, &terms, text, open.last().copied().unwrap_or(false));
        let Some(end) = end_of(tag) else {
            out.push_str(tag);
            return out;
        };
        let (tag, after) = tag.split_at(end);
        rest = after;
        let name = tag[1..].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        if tag.starts_with("</") {
            open.pop();
            out.push_str(tag);
            continue;
        }
        if name.is_empty() {
            out.push_str(tag);
            continue;
        }
        let own = LEFT.contains(&name) || tag.contains(" translate=\"no\"") || tag.contains(" lang=\"zh\"");
        let left = own || open.last().copied().unwrap_or(false);
        let tag = attributes(&terms, tag, left);
        if BARE.contains(&name) {
            // An element within it would be none: the whole of it is said, and marked where Chinese is left.
            let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            let kept = left || name == "option" && !tag.contains(" value=");
            let said = if kept { text.to_owned() } else { escaped(&english(&plain(text))) };
            let marked = said.contains(is_chinese) && !tag.contains(" lang=");
            out.push_str(&if marked { tag.replacen(name, &format!("{name} lang=\"zh\""), 1) } else { tag });
            out.push_str(&said);
            rest = after;
        } else {
            out.push_str(&tag);
        }
        if !VOID.contains(&name) {
            open.push(left);
        }
    }
    say(&mut out, &terms, rest, false);
    out
}

/// Where a tag ends: a mark in quotes is no end.
fn end_of(tag: &str) -> Option<usize> {
    let mut quoted = false;
    let end = tag.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    });
    end.map(|end| end + 1)
}

fn say(out: &mut String, terms: &Terms, text: &str, left: bool) {
    if left || !text.contains(is_chinese) {
        out.push_str(&if left { text.to_owned() } else { marks(text) });
        return;
    }
    let text = plain(text);
    for part in parts(terms, &text) {
        match part {
            Part::Plain(plain) => out.push_str(&escaped(&marks(plain))),
            Part::English(known) => out.push_str(&escaped(known)),
            Part::Chinese(chinese) => {
                out.push_str("<span lang=\"zh\">");
                out.push_str(&escaped(chinese));
                out.push_str("</span>");
            }
        }
    }
}

/// A tag with the attributes that people read in English.
fn attributes(terms: &Terms, tag: &str, left: bool) -> String {
    if left || !tag.contains(is_chinese) {
        return tag.to_owned();
    }
    let mut said = tag.to_owned();
    for name in READ {
        let begin = format!(" {name}=\"");
        let Some((before, after)) = said.split_once(&begin) else { continue };
        let Some((value, after)) = after.split_once('"') else { continue };
        let value = plain(value);
        let words: String = parts(terms, &value)
            .into_iter()
            .map(|part| match part {
                Part::Plain(plain) => marks(plain),
                Part::English(known) => known.to_owned(),
                Part::Chinese(chinese) => chinese.to_owned(),
            })
            .collect();
        said = format!("{before}{begin}{}\"{after}", escaped(&words));
    }
    said
}

/// The four marks that are written otherwise in a page.
const MARKS: [(&str, &str); 4] = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];

fn plain(text: &str) -> String {
    MARKS.iter().fold(text.to_owned(), |text, (written, mark)| text.replace(written, mark))
}

fn escaped(text: &str) -> String {
    MARKS.iter().rev().fold(text.to_owned(), |text, (written, mark)| text.replace(mark, written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_said_once_and_in_english() {
        let files: Vec<_> = SOURCES.iter().map(|source| read(source).unwrap()).collect();
        let mut seen = std::collections::BTreeSet::new();
        for (chinese, english) in files.iter().flatten() {
            assert!(seen.insert(chinese), "{chinese} stands in two files");
            assert!(!english.contains(is_chinese) && !english.trim().is_empty(), "{chinese} = {english}");
        }
    }

    #[test]
    fn a_name_is_matched_whole() {
        assert_eq!(english("301 营业收入"), "301 Operating revenue");
        assert_eq!(english("主营业务收入、其他业务收入"), "Main business revenue, Other business revenue");
        assert_eq!(english("营业收入账"), "营业收入账");
        assert_eq!(english("同比变动大须说明：资产总计"), "A large change on last year needs an explanation: Total assets");
        assert_eq!(english("其中：出口交货值"), "of which: export deliveries");
        assert_eq!(english("plain"), "plain");
    }

    #[test]
    fn a_page_says_what_it_can_and_marks_the_rest() {
        let page = |html: &str| super::page(html);
        assert_eq!(page("<td>营业收入</td>"), "<td>Operating revenue</td>");
        assert_eq!(page("<p>见合同 3 号 &amp; 订单</p>"), "<p><span lang=\"zh\">见合同 3 号 &amp; 订单</span></p>");
        assert_eq!(page("<p>Said: 甲公司。</p>"), "<p>Said: <span lang=\"zh\">甲公司</span>. </p>");
        assert_eq!(page("<textarea>营业收入</textarea>"), "<textarea>营业收入</textarea>");
        assert_eq!(
            page("<p translate=\"no\">存货 <b>存货</b></p><i>存货</i>"),
            "<p translate=\"no\">存货 <b>存货</b></p><i>Inventories</i>"
        );
        assert_eq!(page("<option value=\"1\">B203 存货</option>"), "<option value=\"1\">B203 Inventories</option>");
        assert_eq!(page("<option value=\"1\">甲</option>"), "<option lang=\"zh\" value=\"1\">甲</option>");
        assert_eq!(page("<option>存货</option>"), "<option lang=\"zh\">存货</option>");
        assert_eq!(page("<a title=\"存货 &gt; 1\" href=\"/存货\">x</a>"), "<a title=\"Inventories &gt; 1\" href=\"/存货\">x</a>");
        assert_eq!(page("<input value=\"存货\"><br><p>存货</p>"), "<input value=\"存货\"><br><p>Inventories</p>");
        assert_eq!(page("<p>B203、B204-1</p><pre>a、b</pre>"), "<p>B203, B204-1</p><pre>a、b</pre>");
        assert_eq!(page("<p>资产&lt;b&gt;</p>"), "<p><span lang=\"zh\">资产</span>&lt;b&gt;</p>");
    }

    #[test]
    fn names_of_ones_own_stand_in_the_place_of_others() {
        add([("自家指标".to_owned(), "Our own".to_owned())]);
        assert_eq!(english("自家指标 1"), "Our own 1");
    }
}
