//! A layer's text with something else in it: comments, order and spacing stay as people wrote them.

use model::Finding;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

/// One thing that a person says in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// About what.
    pub about: About,
    /// The formula, or the standard's account; nothing where the layer is to say no more of it.
    pub say: String,
    /// Why, as it stands in the layer.
    pub why: String,
    /// Lines of comment above it, without the sign before them.
    pub remarks: Vec<String>,
}

/// What an edit is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A row of a form: form code and row.
    Cell(String, String),
    /// An item of the mapping.
    Item(String),
    /// An account of the book.
    Account(String),
}

impl About {
    /// As people write it: `B203:301`, `@interest_expense`; an account is its code.
    pub fn name(&self) -> String {
        match self {
            About::Cell(form, row) => format!("{form}:{row}"),
            About::Item(name) => format!("@{name}"),
            About::Account(code) => code.clone(),
        }
    }

    /// Table, key in it, and the key that holds what is said.
    fn keys(&self) -> (&'static str, String, &'static str) {
        match self {
            About::Cell(form, row) => ("cell", format!("{form}:{row}"), "formula"),
            About::Item(name) => ("item", name.clone(), "formula"),
            About::Account(code) => ("accounts", code.clone(), "is"),
        }
    }
}

/// The text of a layer with the edits in it. A layer that is not there yet begins with `title`.
pub fn edited(place: &str, text: Option<&str>, title: &str, edits: &[Edit]) -> Result<String, Finding> {
    let windows = text.is_some_and(|text| text.contains("\r\n"));
    let (mark, plain) = match text {
        Some(text) => text.strip_prefix('\u{feff}').map_or(("", text), |rest| ("\u{feff}", rest)),
        None => ("", ""),
    };
    let plain = plain.replace("\r\n", "\n");
    let unfit = |reason: String| Finding::error("toml-invalid").at(place).with("reason", reason);
    let mut document: DocumentMut = plain.parse().map_err(|error: toml_edit::TomlError| unfit(error.message().to_owned()))?;
    if text.is_none() {
        document.insert("title", Item::Value(title.into()));
    }
    for edit in edits {
        put(document.as_table_mut(), edit).ok_or_else(|| unfit(edit.about.name()))?;
    }
    let text = document.to_string();
    Ok(format!("{mark}{}", if windows { text.replace('\n', "\r\n") } else { text }))
}

/// Puts one edit into a layer; nothing where something else stands in its place.
fn put(root: &mut Table, edit: &Edit) -> Option<()> {
    let (table, key, says) = edit.about.keys();
    if edit.say.is_empty() {
        let group = root.get_mut(table)?.as_table_like_mut()?;
        group.remove(&key)?;
        if group.is_empty() {
            root.remove(table);
        }
        return Some(());
    }
    if root.get(table).is_none() {
        let mut group = Table::new();
        group.set_implicit(true);
        root.insert(table, Item::Table(group));
    }
    let group = root.get_mut(table)?.as_table_like_mut()?;
    let known = group.contains_key(&key);
    if !known {
        let inline = group_is_inline(group);
        let item =
            if inline { Item::Value(Value::InlineTable(toml_edit::InlineTable::new())) } else { Item::Table(Table::new()) };
        group.insert(&key, item);
    }
    let remarks: String = edit.remarks.iter().map(|line| format!("# {}\n", one_line(line))).collect();
    let comment = |prefix: Option<&str>| {
        let before = prefix.unwrap_or("\n");
        // A comment that ends without a line end would swallow ours.
        let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
        format!("{before}{gap}{remarks}")
    };
    let entry = group.get_mut(&key)?;
    match entry {
        Item::Table(entry) if !entry.is_dotted() => {
            let prefix = comment(entry.decor().prefix().and_then(|prefix| prefix.as_str()));
            entry.decor_mut().set_prefix(prefix);
        }
        // `"B203:301" = { … }` and `"B203:301".formula = …`: the comment stands above the key.
        Item::Table(entry) => {
            if let Some(mut first) = entry.key_mut(says) {
                let prefix = comment(first.leaf_decor().prefix().and_then(|prefix| prefix.as_str()).or(Some("")));
                first.leaf_decor_mut().set_prefix(prefix);
            }
        }
        _ => {
            let mut own = group.key_mut(&key)?;
            let prefix = comment(own.leaf_decor().prefix().and_then(|prefix| prefix.as_str()).or(Some("")));
            own.leaf_decor_mut().set_prefix(prefix);
        }
    }
    let entry = group.get_mut(&key)?.as_table_like_mut()?;
    set(entry, says, &edit.say);
    set(entry, "why", &edit.why);
    Some(())
}

/// Whether a group is written as `cell = { … }` as a whole, where tables of their own have no place.
fn group_is_inline(group: &dyn TableLike) -> bool {
    group.iter().any(|(_, item)| item.is_inline_table()) && group.iter().all(|(_, item)| !item.is_table())
}

/// Sets a text and keeps what stands around it: a comment behind it, spaces before it.
fn set(entry: &mut dyn TableLike, key: &str, text: &str) {
    let mut value = Value::from(text);
    if let Some(before) = entry.get(key).and_then(Item::as_value) {
        *value.decor_mut() = before.decor().clone();
        if let Some(item) = entry.get_mut(key) {
            *item = Item::Value(value);
        }
    } else {
        entry.insert(key, Item::Value(value));
    }
}

/// A text as one line of a comment.
pub fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(row: &str, formula: &str) -> Edit {
        Edit {
            about: About::Cell("B203".to_owned(), row.to_owned()),
            say: formula.to_owned(),
            why: "因为".to_owned(),
            remarks: vec!["2026-01-02 吴静 (wu): 因为".to_owned()],
        }
    }

    #[test]
    fn what_people_wrote_stays_as_they_wrote_it() {
        let before = "# 头\ntitle = \"本单位\" # 名\n\n# 一\n[cell.\"B203:301\"]\n# 二\nformula   = \"SL(6001,,贷)\"   # 三\nwhy = \"旧\"\n\n\
                      [accounts.\"1.2\"]\nis = \"1122\"\nwhy = \"x\" # 四\n\n[[test]]\nname = \"t\"\n# 尾\n";
        let after = edited("x", Some(before), "", &[cell("301", "SL(6001,,贷) + 1"), cell("302", "0")]).unwrap();
        let expected = "# 头\ntitle = \"本单位\" # 名\n\n# 一\n# 2026-01-02 吴静 (wu): 因为\n[cell.\"B203:301\"]\n# 二\nformula   = \"SL(6001,,贷) + 1\"   # 三\n\
                        why = \"因为\"\n\n# 2026-01-02 吴静 (wu): 因为\n[cell.\"B203:302\"]\nformula = \"0\"\nwhy = \"因为\"\n\n[accounts.\"1.2\"]\nis = \"1122\"\n\
                        why = \"x\" # 四\n\n[[test]]\nname = \"t\"\n# 尾\n";
        assert_eq!(after, expected);
        // Lines of Windows stay lines of Windows.
        let windows = edited("x", Some(&before.replace('\n', "\r\n")), "", &[cell("302", "0")]).unwrap();
        assert!(windows.contains("\r\n") && !windows.replace("\r\n", "").contains('\n'), "{windows}");
    }

    #[test]
    fn what_a_layer_no_longer_says_leaves_the_rest_as_it_was() {
        let before = "title = \"x\"\n\n# 一\n[cell.\"B203:301\"]\nformula = \"1\"\nwhy = \"旧\"\n\n# 二\n[cell.\"B203:302\"]\nformula = \"2\"\nwhy = \"旧\"\n";
        let after = edited("x", Some(before), "", &[cell("301", "")]).unwrap();
        assert_eq!(after, "title = \"x\"\n\n# 二\n[cell.\"B203:302\"]\nformula = \"2\"\nwhy = \"旧\"\n");
        assert_eq!(edited("x", Some(&after), "", &[cell("302", "")]).unwrap(), "title = \"x\"\n");
    }

    #[test]
    fn other_ways_to_write_a_layer_and_none_at_all() {
        for before in [
            "title = \"x\"\n[cell]\n# 一\n\"B203:301\" = { formula = \"1\", why = \"旧\" } # 二\n",
            "title = \"x\"\n[cell]\n# 一\n\"B203:301\".formula = \"1\"\n\"B203:301\".why = \"旧\" # 二\n",
        ] {
            let after = edited("x", Some(before), "", &[cell("301", "2"), cell("302", "3")]).unwrap();
            assert!(after.contains("# 一\n# 2026-01-02 吴静 (wu): 因为\n") && after.contains("# 二"), "{after}");
            let table: toml::Table = after.parse().unwrap();
            assert_eq!(table["cell"]["B203:301"]["formula"].as_str(), Some("2"), "{after}");
            assert_eq!(table["cell"]["B203:302"]["formula"].as_str(), Some("3"), "{after}");
            assert_eq!(table["cell"]["B203:302"]["why"].as_str(), Some("因为"), "{after}");
        }
        let fresh = edited("x", None, "本单位", &[cell("301", "SL(\"a\"\"b\",,贷)")]).unwrap();
        let table: toml::Table = fresh.parse().unwrap();
        assert!(fresh.starts_with("title = \"本单位\"\n\n# 2026"), "{fresh}");
        assert_eq!(table["cell"]["B203:301"]["formula"].as_str(), Some("SL(\"a\"\"b\",,贷)"));
    }
}
