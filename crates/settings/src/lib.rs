/*!
TOML read strictly: every unknown key and every syntax error at once, each at `file:line:column` with the nearest known name.

Pure: texts come in, values and findings go out.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

use std::collections::BTreeMap;

use model::Finding;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

/// What a table may hold.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Anything: serde decides.
    Any,
    /// A text.
    Text,
    /// A whole number.
    Whole,
    /// `true` or `false`.
    Flag,
    /// An array of anything.
    List,
    /// This shape, and the key must be there.
    Must(&'static Shape),
    /// A text, or this shape.
    TextOr(&'static Shape),
    /// A table with these keys and no other.
    Table(&'static [(&'static str, Shape)]),
    /// A table with keys of one's own, each of this shape.
    Map(&'static Shape),
    /// An array of this shape.
    Each(&'static Shape),
}

/// Longest file that is read, in bytes.
pub const LENGTH_MAX: usize = 4 << 20;

/// Reads `text` of `file` into `T`. There is a value when nothing was found that is an error.
pub fn read<T: DeserializeOwned>(file: &str, text: &str, shape: &Shape) -> (Option<T>, Vec<Finding>) {
    let (value, findings) = read_mended(file, text, shape);
    (value.filter(|_| findings.is_empty()), findings)
}

/// Words outside their lists that are told in one go.
const MENDED_MAX: usize = 200;

/// The same; where all that is wrong are words that a list does not have, there is a value with the first word of the list in their place,
/// so that whoever examines it can say everything else too. It is not for use.
pub fn read_mended<T: DeserializeOwned>(file: &str, text: &str, shape: &Shape) -> (Option<T>, Vec<Finding>) {
    if text.len() > LENGTH_MAX {
        return (None, vec![Finding::error("file-too-long").at(file).with("limit", LENGTH_MAX)]);
    }
    let (document, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let mut findings: Vec<Finding> = errors.iter().map(|error| syntax(file, text, error)).collect();
    if findings.is_empty() {
        let mut wrong = Vec::new();
        keys(document.get_ref(), document.span().start, "", shape, &mut |at, finding| {
            wrong.push((at, finding.at(place(file, text, at))));
        });
        // Tables come in the order of their names; people read a file from its first line.
        wrong.sort_by_key(|(at, _)| *at);
        findings.extend(wrong.into_iter().map(|(_, finding)| finding));
    }
    // With these the types would only say the same again.
    if !findings.is_empty() {
        return (None, findings);
    }
    // The reader of types stops at the first word that it does not know.
    let mut text = text.to_owned();
    loop {
        match toml::from_str(&text) {
            Ok(value) => return (Some(value), findings),
            Err(error) => {
                findings.push(syntax(file, &text, &error));
                match mended(&text, &error).filter(|_| findings.len() < MENDED_MAX) {
                    Some(next) => text = next,
                    None => return (None, findings),
                }
            }
        }
    }
}

/// A text with a known word in the place of the unknown one that an error is about.
fn mended(text: &str, error: &toml::de::Error) -> Option<String> {
    let mut words = error.message().strip_prefix("unknown variant")?.split('`').skip(1).step_by(2);
    let (unknown, known) = (words.next()?, words.next()?);
    let span = error.span()?;
    let written = text.get(span.clone())?;
    let plain = written.trim_matches(['"', '\'']) == unknown && written.len() == unknown.len() + 2;
    plain.then(|| format!("{}\"{known}\"{}", &text[..span.start], &text[span.end..]))
}

fn syntax(file: &str, text: &str, error: &toml::de::Error) -> Finding {
    let at = place(file, text, error.span().map_or(0, |span| span.start));
    told(error.message()).at(at)
}

/// What the reader of TOML says, as a code with a sentence of its own; the rest in its words.
fn told(reason: &str) -> Finding {
    let quoted = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
    if reason.starts_with("string values must be quoted") {
        Finding::error("text-unquoted")
    } else if reason.starts_with("unclosed")
        || reason.starts_with("invalid basic string")
        || reason.starts_with("invalid literal string")
    {
        Finding::error("toml-unclosed")
    } else if reason.starts_with("duplicate key") {
        Finding::error("key-doubled")
    } else if reason.starts_with("key with no value") || reason.starts_with("missing value") {
        Finding::error("key-without-value")
    } else if reason.starts_with("missing field") {
        Finding::error("key-missing").with("key", quoted(reason))
    } else if let Some((_, known)) = reason.strip_prefix("unknown variant").and_then(|rest| rest.split_once("expected ")) {
        let known = known.trim_start_matches("one of ").replace('`', "");
        Finding::error("value-unknown").with("value", quoted(reason)).with("known", known)
    } else {
        Finding::error("toml-invalid").with("reason", reason)
    }
}

/// Where the keys and array elements of a file stand, by path: `book.0.connector`.
#[derive(Clone, Debug)]
pub struct Places {
    file: String,
    places: BTreeMap<String, String>,
}

impl Places {
    /// The places of a file; one that does not parse has none.
    pub fn read(file: &str, text: &str) -> Places {
        Places { file: file.to_owned(), places: places(file, text) }
    }

    /// Place of a key, or of the nearest table around it that is there.
    pub fn of(&self, key: &str) -> String {
        let mut key = key;
        loop {
            match (self.places.get(key), key.rsplit_once('.')) {
                (Some(place), _) => return place.clone(),
                (None, Some((outer, _))) => key = outer,
                (None, None) => return self.file.clone(),
            }
        }
    }
}

fn places(file: &str, text: &str) -> BTreeMap<String, String> {
    fn walk(value: &DeValue<'_>, path: &str, found: &mut impl FnMut(String, usize)) {
        let under = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match value {
            DeValue::Table(table) => {
                for (key, value) in table.iter() {
                    let path = under(key.get_ref());
                    // A plain value is what is wrong; a table is best found by its head.
                    let plain = !matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_));
                    found(path.clone(), if plain { value.span().start } else { key.span().start });
                    walk(value.get_ref(), &path, found);
                }
            }
            DeValue::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let path = under(&at.to_string());
                    found(path.clone(), item.span().start);
                    walk(item.get_ref(), &path, found);
                }
            }
            _ => {}
        }
    }
    let mut places = BTreeMap::new();
    let Ok(document) = DeTable::parse(text) else { return places };
    walk(&DeValue::Table(document.into_inner()), "", &mut |path, at| drop(places.insert(path, place(file, text, at))));
    places
}

/// `file:line:column` of a byte position; columns count characters from 1.
pub fn place(file: &str, text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{file}:{line}:{column}")
}

/// Unknown and missing keys of a table that begins at a byte.
fn keys(table: &DeTable<'_>, start: usize, name: &str, shape: &Shape, found: &mut impl FnMut(usize, Finding)) {
    match shape {
        Shape::Must(inner) | Shape::TextOr(inner) => keys(table, start, name, inner, found),
        Shape::Any => {}
        Shape::Map(inner) => {
            for (key, value) in table.iter() {
                values(value.get_ref(), value.span().start, key.get_ref(), inner, found);
            }
        }
        Shape::Table(known) => {
            let mut meant = Vec::new();
            for (key, value) in table.iter() {
                match known.iter().find(|(known, _)| *known == key.get_ref().as_ref()) {
                    Some((name, inner)) => values(value.get_ref(), value.span().start, name, inner, found),
                    None => {
                        let near = nearest(key.get_ref(), known.iter().map(|(known, _)| *known));
                        meant.extend(near);
                        let known: Vec<&str> = known.iter().map(|(known, _)| *known).collect();
                        let finding = Finding::error("key-unknown").with("key", key.get_ref());
                        found(key.span().start, finding.with("near", near.unwrap_or("—")).with("known", known.join(", ")));
                    }
                }
            }
            // A key that is there under a misspelt name is told already.
            let there = |name: &str| table.contains_key(name) || meant.contains(&name);
            let absent = known.iter().filter(|(name, shape)| matches!(shape, Shape::Must(_)) && !there(name));
            absent.for_each(|(name, _)| found(start, Finding::error("key-missing").with("key", name)));
        }
        Shape::Each(_) => found(start, Finding::error("table-not-list").with("key", name)),
        wanted => found(start, kind("table", name, wanted)),
    }
}

fn values(value: &DeValue<'_>, start: usize, name: &str, shape: &Shape, found: &mut impl FnMut(usize, Finding)) {
    match (value, shape) {
        (value, Shape::Must(inner)) => values(value, start, name, inner, found),
        (DeValue::Table(table), shape) => keys(table, start, name, shape, found),
        (DeValue::Array(items), Shape::Each(inner)) => {
            items.iter().for_each(|item| values(item.get_ref(), item.span().start, name, inner, found));
        }
        (_, Shape::Any)
        | (DeValue::Array(_), Shape::List)
        | (DeValue::String(_), Shape::Text | Shape::TextOr(_))
        | (DeValue::Integer(_), Shape::Whole)
        | (DeValue::Boolean(_), Shape::Flag) => {}
        (value, wanted) => found(start, kind(value.type_str(), name, wanted)),
    }
}

/// A value of another kind than its key takes; kinds have the names that TOML gives them.
fn kind(given: &str, name: &str, wanted: &Shape) -> Finding {
    let wanted = match wanted {
        Shape::Text => "string",
        Shape::Whole => "integer",
        Shape::Flag => "boolean",
        Shape::List | Shape::Each(_) => "array",
        _ => "table",
    };
    Finding::error("value-kind").with("key", name).with("given", given).with("wanted", wanted)
}

/// The known name that `name` was most likely meant to be: at most two letters in five are wrong.
pub fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let lower = name.to_lowercase();
    let close = known.map(|known| (distance(&lower, &known.to_lowercase()), known));
    let (steps, best) = close.min_by_key(|(steps, _)| *steps)?;
    (steps * 5 <= best.chars().count().max(name.chars().count()) * 2).then_some(best)
}

/// Number of letters to insert, delete, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (mut above, mut row): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for (i, from) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let mut steps = (row[j] + usize::from(from != to)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                steps = steps.min(above[j - 1] + 1);
            }
            next.push(steps);
        }
        (above, row) = (row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: Shape = Shape::Table(&[("id", Shape::Any), ("connector", Shape::Any), ("variables", Shape::Map(&Shape::Any))]);
    const FILE: Shape = Shape::Table(&[("book", Shape::Each(&BOOK)), ("state", Shape::Table(&[("dir", Shape::Any)]))]);

    fn found(text: &str) -> Vec<String> {
        read::<toml::Table>("agent.toml", text, &FILE).1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_unknown_keys_are_found_at_once_with_their_places() {
        let text = "[[book]]\nid = \"a\"\nvariables.own = 1\nconector = \"x\"\n\n[[book]]\n\"台账\" = 1\n[stat]\ndir = 1\n";
        let findings = found(text);
        assert_eq!(findings.len(), 3, "{findings:?}");
        assert!(findings[0].starts_with("key-unknown at agent.toml:4:1, key conector, near connector"), "{findings:?}");
        assert!(findings[1].contains("agent.toml:7:1, key 台账, near —"), "{findings:?}");
        assert!(findings[2].contains("agent.toml:8:2, key stat, near state"), "{findings:?}");
    }

    #[test]
    fn all_syntax_errors_are_found_at_once() {
        let findings = found("[[book]]\nid = \nconnector = 'x\n[state\n");
        let places =
            |codes: [&str; 2]| codes.map(|code| findings.iter().any(|f| f.starts_with(&format!("{code} at agent.toml:"))));
        assert_eq!(places(["text-unquoted", "toml-unclosed"]), [true, true], "{findings:?}");
        assert!(findings[0].contains(":2:"), "{findings:?}");
    }

    #[test]
    fn missing_keys_and_values_of_another_kind_are_found_at_once_with_their_places() {
        const FORM: Shape = Shape::Table(&[
            ("code", Shape::Must(&Shape::Text)),
            ("phone", Shape::Text),
            ("unposted", Shape::Flag),
            ("mapping", Shape::List),
        ]);
        const AGENT: Shape = Shape::Table(&[("form", Shape::Each(&FORM)), ("years", Shape::Whole)]);
        let found = |text: &str| {
            let findings = read::<toml::Table>("a.toml", text, &AGENT).1;
            findings.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let text = "years = '2'\n[[form]]\nphone = 571\nunposted = 'no'\n\n[[form]]\ncode = 'B203'\nmapping = 'x'\n";
        let expected = [
            "value-kind at a.toml:1:9, key years, given string, wanted integer",
            "key-missing at a.toml:2:1, key code",
            "value-kind at a.toml:3:9, key phone, given integer, wanted string",
            "value-kind at a.toml:4:12, key unposted, given string, wanted boolean",
            "value-kind at a.toml:8:11, key mapping, given string, wanted array",
        ];
        assert_eq!(found(text), expected);
        assert_eq!(found("[form]\ncode = 'B203'\n"), ["table-not-list at a.toml:1:1, key form"]);
        assert_eq!(found("[[years]]\n"), ["value-kind at a.toml:1:1, key years, given array, wanted integer"]);
    }

    #[test]
    fn places_are_those_of_values_and_of_heads() {
        let places = Places::read("a.toml", "[[book]]\nid = 'a'\nvariables.own = 1\n[[book]]\nid = 'b'\n");
        let at = |keys: [&str; 5]| keys.map(|key| places.of(key));
        let keys = ["book.0.id", "book.1.id", "book.1.variables.own", "book.0.variables.own", "unit.code"];
        assert_eq!(at(keys), ["a.toml:2:6", "a.toml:5:6", "a.toml:4:1", "a.toml:3:17", "a.toml"]);
    }

    #[test]
    fn far_names_are_not_suggested() {
        assert_eq!(nearest("periode", ["period", "book"].into_iter()), Some("period"));
        assert_eq!(nearest("naem", ["code", "name"].into_iter()), Some("name"), "two letters that changed places");
        assert_eq!(nearest("xyz", ["period", "book"].into_iter()), None);
        assert_eq!(nearest("CAS", ["small-business", "cas"].into_iter()), Some("cas"));
    }
}
