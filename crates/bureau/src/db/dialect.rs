//! What PostgreSQL reads where `sql.rs` has a text: everything in which the two differ is here.

use std::{collections::BTreeSet, fmt::Write, sync::LazyLock};

use crate::sql::MIGRATIONS;

/// Tables whose rows are numbered one by one, by `id`.
static NUMBERED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let texts = MIGRATIONS.iter().flat_map(|migration| migration.text.split("CREATE TABLE ").skip(1));
    let named = texts.filter_map(|text| {
        let (name, columns) = text.split_once('(')?;
        columns.trim_start().starts_with("id INTEGER PRIMARY KEY").then(|| name.trim().to_owned())
    });
    named.collect()
});

/// Whether rows of a table have numbers one by one.
pub fn numbered(table: &str) -> bool {
    NUMBERED.contains(table)
}

/// The table that a statement adds to.
pub(super) fn table_of(text: &str) -> Option<&str> {
    let (table, _) =
        text.trim_start().strip_prefix("INSERT INTO ")?.split_once(|letter: char| letter == '(' || letter.is_whitespace())?;
    Some(table)
}

/// A statement with PostgreSQL's names of what it is given, and how many there are.
pub(super) fn statement(text: &str) -> (String, usize) {
    let (mut out, mut count, mut quoted) = (String::with_capacity(text.len() + 8), 0_usize, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        quoted ^= letter == '\'';
        if letter != '?' || quoted {
            out.push(letter);
            continue;
        }
        let mut number = String::new();
        while let Some(digit) = letters.next_if(char::is_ascii_digit) {
            number.push(digit);
        }
        let at = number.parse().unwrap_or(count + 1);
        count = count.max(at);
        // Writing to a text does not fail.
        let _ = write!(out, "${at}");
    }
    (out, count)
}

/// The same insert with the number of its row, where rows of its table have numbers: it comes last of what is given.
pub(super) fn insert(text: &str) -> (String, Option<String>) {
    let (translated, count) = statement(text);
    let Some(table) = table_of(text).filter(|table| numbered(table)) else { return (translated, None) };
    let numbered = translated.replacen('(', "(id, ", 1).replacen("VALUES (", &format!("VALUES (${}, ", count + 1), 1);
    (numbered, Some(table.to_owned()))
}

/// Tables in PostgreSQL's words: whole numbers have 64 bits, and texts compare byte by byte, as SQLite's do. What a row refers to is not looked up
/// again for each row: one writer at a time adds both, and `log verify` derives every reference.
pub fn tables_text(text: &str) -> String {
    let words = [
        (") STRICT, WITHOUT ROWID;", ");"),
        (") STRICT;", ");"),
        (" INTEGER", " BIGINT"),
        (" BLOB", " BYTEA"),
        (" TEXT", " TEXT COLLATE \"C\""),
    ];
    let text = words.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    let mut parts = text.split(" REFERENCES ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_'))
}

/// What keeps everybody, the owner's programs too, from changing or taking away rows of a table.
pub(super) fn guard(table: &str) -> String {
    format!(
        "CREATE TRIGGER {table}_only_added BEFORE DELETE OR UPDATE OR TRUNCATE ON {table} FOR EACH STATEMENT \
         EXECUTE FUNCTION rows_are_only_added();"
    )
}

/// What a guard does.
pub(super) const REFUSE: &str = "CREATE FUNCTION rows_are_only_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION \
     'rows are only added'; END $$;";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_get_numbers_and_texts_stay() {
        assert_eq!(
            statement("SELECT a FROM t WHERE b = ? AND c = '?' AND d = ?").0,
            "SELECT a FROM t WHERE b = $1 AND c = '?' AND d = $2"
        );
        assert_eq!(statement("WHERE ?1 = '' OR u = ?1 LIMIT ?2"), ("WHERE $1 = '' OR u = $1 LIMIT $2".to_owned(), 2));
    }

    #[test]
    fn rows_of_numbered_tables_bring_their_numbers() {
        let (text, table) = insert("INSERT INTO unit (at, code) VALUES (?, ?)");
        assert_eq!((text.as_str(), table.as_deref()), ("INSERT INTO unit (id, at, code) VALUES ($3, $1, $2)", Some("unit")));
        let (text, table) = insert("INSERT INTO blob (sha256, bytes) VALUES (?1, ?2) ON CONFLICT (sha256) DO NOTHING");
        assert_eq!((text.contains("VALUES ($1, $2)"), table), (true, None));
        assert!(["unit", "package", "report", "receipt", "message", "pack"].iter().all(|table| numbered(table)));
        assert!(["entry", "node", "enrolled", "certificate", "blob", "checkpoint"].iter().all(|table| !numbered(table)));
    }
}
