/*!
TOML read strictly: every unknown key and every syntax error at once, each at `file:line:column` with the nearest known name.

Pure: texts come in, values and findings go out.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

use model::Finding;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

/// What a table may hold.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Anything: serde decides.
    Any,
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
    if text.len() > LENGTH_MAX {
        return (None, vec![Finding::error("file-too-long").at(file).with("limit", LENGTH_MAX)]);
    }
    let (document, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let mut findings: Vec<Finding> = errors.iter().map(|error| syntax(file, text, error)).collect();
    if findings.is_empty() {
        let mut unknown = Vec::new();
        keys(document.get_ref(), shape, &mut |at, key, known| {
            let finding = Finding::error("key-unknown").at(place(file, text, at)).with("key", key);
            let near = nearest(key, known.iter().copied());
            let known = known.join(", ");
            unknown.push((at, finding.with("near", near.unwrap_or("—")).with("known", known)));
        });
        // Tables come in the order of their names; people read a file from its first line.
        unknown.sort_by_key(|(at, _)| *at);
        findings.extend(unknown.into_iter().map(|(_, finding)| finding));
    }
    // With unknown keys the types would only say the same again.
    if !findings.is_empty() {
        return (None, findings);
    }
    match toml::from_str(text) {
        Ok(value) => (Some(value), findings),
        Err(error) => {
            findings.push(syntax(file, text, &error));
            (None, findings)
        }
    }
}

fn syntax(file: &str, text: &str, error: &toml::de::Error) -> Finding {
    let at = place(file, text, error.span().map_or(0, |span| span.start));
    Finding::error("toml-invalid").at(at).with("reason", error.message())
}

/// `file:line:column` of a byte position; columns count characters from 1.
pub fn place(file: &str, text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{file}:{line}:{column}")
}

fn keys(table: &DeTable<'_>, shape: &Shape, found: &mut impl FnMut(usize, &str, &[&'static str])) {
    for (key, value) in table.iter() {
        let name: &str = key.get_ref();
        match shape {
            Shape::Any | Shape::Each(_) => {}
            Shape::Map(inner) => values(value.get_ref(), inner, found),
            Shape::Table(known) => match known.iter().find(|(known, _)| *known == name) {
                Some((_, inner)) => values(value.get_ref(), inner, found),
                None => {
                    let names: Vec<&'static str> = known.iter().map(|(known, _)| *known).collect();
                    found(key.span().start, name, &names);
                }
            },
        }
    }
}

fn values(value: &DeValue<'_>, shape: &Shape, found: &mut impl FnMut(usize, &str, &[&'static str])) {
    match (value, shape) {
        (DeValue::Table(table), shape) => keys(table, shape, found),
        (DeValue::Array(items), Shape::Each(inner)) => items.iter().for_each(|item| values(item.get_ref(), inner, found)),
        _ => {}
    }
}

/// The known name that `name` was most likely meant to be: at most two letters in five are wrong.
pub fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let close = known.map(|known| (distance(name, known), known));
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
        assert!(findings.len() >= 2 && findings.iter().all(|f| f.starts_with("toml-invalid at agent.toml:")), "{findings:?}");
        assert!(findings[0].contains(":2:"), "{findings:?}");
    }

    #[test]
    fn far_names_are_not_suggested() {
        assert_eq!(nearest("periode", ["period", "book"].into_iter()), Some("period"));
        assert_eq!(nearest("naem", ["code", "name"].into_iter()), Some("name"), "two letters that changed places");
        assert_eq!(nearest("xyz", ["period", "book"].into_iter()), None);
    }
}
