//! Texts of survey knowledge as they are published: which kind one is, and what it says otherwise than another.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

/// What a text of survey knowledge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The calendar of a year.
    Calendar,
    /// A form of an edition.
    Form,
}

impl Kind {
    /// In machine formats.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Calendar => "calendar",
            Kind::Form => "form",
        }
    }

    /// Of a text: a form says which form it is. A text that cannot be read is taken for what it looks like, so that its own reader says what
    /// is wrong with it.
    pub fn of(text: &str) -> Kind {
        let form = text.lines().take_while(|line| !line.starts_with('[')).any(|line| {
            let (key, rest) = line.split_once('=').unwrap_or_default();
            key.trim() == "form" && !rest.is_empty()
        });
        if form { Kind::Form } else { Kind::Calendar }
    }
}

/// Where a text says something else than another: a key, or entries of a table that is repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The key: `deadline`, `row`, `rule` …
    pub key: String,
    /// Entries that are new; nothing where the key holds one value.
    pub added: Vec<String>,
    /// Entries that are gone.
    pub gone: Vec<String>,
    /// Entries that say something else.
    pub changed: Vec<String>,
}

/// What the later of two packs says otherwise, by key. That its revision is another is no difference; of what cannot be read nothing is said.
pub fn differences(before: &str, after: &str) -> Vec<Difference> {
    let (Ok(before), Ok(after)) = (before.parse::<Table>(), after.parse::<Table>()) else { return Vec::new() };
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).filter(|key| *key != "revision").collect();
    keys.into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .map(|key| {
            let (old, new) = (entries(before.get(key)), entries(after.get(key)));
            let only = |one: &BTreeMap<String, &Table>, other: &BTreeMap<String, &Table>| -> Vec<String> {
                one.keys().filter(|name| !other.contains_key(*name)).cloned().collect()
            };
            let changed = new.iter().filter(|(name, entry)| old.get(*name).is_some_and(|old| old != *entry));
            Difference {
                key: key.clone(),
                added: only(&new, &old),
                gone: only(&old, &new),
                changed: changed.map(|(name, _)| name.clone()).collect(),
            }
        })
        .collect()
}

/// Entries of a repeated table by what names them. A second one of the same name is told by its number.
fn entries(value: Option<&Value>) -> BTreeMap<String, &Table> {
    let mut named = BTreeMap::new();
    for entry in value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table) {
        let first = ["code", "id", "form", "forms", "name", "since"].into_iter().find_map(|key| entry.get(key));
        let name = match first {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            _ => String::new(),
        };
        let again = (2..).map(|number| format!("{name}#{number}"));
        let free = std::iter::once(name.clone()).chain(again).find(|name| !named.contains_key(name));
        named.insert(free.unwrap_or(name), entry);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_are_known_and_compared() {
        for (_, _, text) in crate::FORMS {
            assert_eq!(Kind::of(text), Kind::Form);
        }
        for (_, text) in crate::CALENDARS {
            assert_eq!(Kind::of(text), Kind::Calendar);
        }
        let before = "form = 'X'\nrevision = 1\ndeadline = '18'\n[[row]]\ncode = '1'\nname = 'a'\n[[row]]\ncode = '2'\nname = 'b'\n\
                      [[rule]]\nid = 'R'\n";
        let after = "form = 'X'\nrevision = 2\ndeadline = '15'\n[[row]]\ncode = '1'\nname = 'c'\n[[row]]\ncode = '3'\nname = 'b'\n\
                     [[rule]]\nid = 'R'\n";
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let deadline = Difference { key: "deadline".to_owned(), ..Difference::default() };
        let (added, gone, changed) = (words(&["3"]), words(&["2"]), words(&["1"]));
        let row = Difference { key: "row".to_owned(), added, gone, changed };
        assert_eq!(differences(before, after), [deadline, row]);
        assert_eq!(differences(before, before), []);
    }
}
