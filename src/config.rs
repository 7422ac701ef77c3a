/*! `agent.toml` and connector packs, as far as `balances` needs them. */

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::Stop;

/// Packs that come with the program, by name.
const PACKS: &[(&str, &str)] = &[("tryton", include_str!("../connectors/tryton/connector.toml"))];

/// The configuration file. Relative paths start at its folder.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Agent {
    book: Vec<Book>,
}

/// One set of accounts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    id: String,
    connector: String,
    /// Where it is read from.
    pub source: Source,
    /// Values of the pack's variables.
    pub variables: toml::Table,
    /// Month in which fiscal years start.
    #[serde(default = "january")]
    pub fiscal_year_starts: u8,
}

/// Source of a book.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// SQLite database file.
    pub sqlite: PathBuf,
}

/// What rows mean for one ERP.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "title")]
    _title: String,
    variables: std::collections::BTreeMap<String, Variable>,
    /// Queries for accounts and entries.
    pub extract: Extracts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    parameter: usize,
    meaning: String,
}

/// The canonical extracts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extracts {
    /// `account`, `name`, `class`.
    pub accounts: Extract,
    /// `account`, `month`, `adjustment`, `voucher`, `debit`, `credit`.
    pub entries: Extract,
}

/// One query.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extract {
    /// SQL with numbered parameters.
    pub query: String,
}

fn january() -> u8 {
    1
}

/// The book named `id`, its pack, and the values of the pack's parameters in their order.
pub fn load(path: &Path, id: &str) -> Result<(Book, Pack, Vec<i64>), Stop> {
    let at = |error: &dyn std::fmt::Display| Stop::config(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|e| at(&e))?;
    let agent: Agent = toml::from_str(&text).map_err(|e| at(&e))?;
    let known = agent.book.iter().map(|book| book.id.clone()).collect::<Vec<_>>().join(", ");
    let Some(mut book) = agent.book.into_iter().find(|book| book.id == id) else {
        return Err(at(&format!("no book {id:?}; there is: {known}")));
    };
    let Some((_, pack)) = PACKS.iter().find(|(name, _)| *name == book.connector) else {
        let names: Vec<&str> = PACKS.iter().map(|(name, _)| *name).collect();
        return Err(at(&format!("no connector {:?}; there is: {}", book.connector, names.join(", "))));
    };
    let pack: Pack = toml::from_str(pack).map_err(|e| Stop::config(format!("pack {}: {e}", book.connector)))?;
    let mut parameters: Vec<_> = pack.variables.iter().collect();
    parameters.sort_by_key(|(_, variable)| variable.parameter);
    let value = |(name, variable): (&String, &Variable)| {
        let value = book.variables.get(name).and_then(toml::Value::as_integer);
        value.ok_or_else(|| at(&format!("book {id}: variables.{name} must be a whole number: {}", variable.meaning)))
    };
    let parameters = parameters.into_iter().map(value).collect::<Result<_, _>>()?;
    if let Some(name) = book.variables.keys().find(|name| !pack.variables.contains_key(*name)) {
        return Err(at(&format!("book {id}: connector {} has no variable {name:?}", book.connector)));
    }
    book.source.sqlite = path.parent().unwrap_or(Path::new(".")).join(&book.source.sqlite);
    Ok((book, pack, parameters))
}
