/*! `agent.toml` and connector packs, as far as `balances` needs them. */

use std::{collections::BTreeMap, fs, path::Path};

use reader::Source;
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

/// What rows mean for one ERP.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "title")]
    _title: String,
    /// Name of each variable, and what its value is.
    pub variables: BTreeMap<String, String>,
    /// Queries for accounts and entries.
    pub extract: Extracts,
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
    /// SQL in which `{name}` is the value of a variable.
    pub query: String,
}

fn january() -> u8 {
    1
}

/// The book named `id`, its pack, and the values of the pack's variables.
pub fn load(path: &Path, id: &str) -> Result<(Book, Pack, BTreeMap<String, i64>), Stop> {
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
    let mut values = BTreeMap::new();
    for (name, meaning) in &pack.variables {
        let Some(value) = book.variables.get(name).and_then(toml::Value::as_integer) else {
            return Err(at(&format!("book {id}: variables.{name} must be a whole number: {meaning}")));
        };
        values.insert(name.clone(), value);
    }
    if let Some(name) = book.variables.keys().find(|name| !pack.variables.contains_key(*name)) {
        return Err(at(&format!("book {id}: connector {} has no variable {name:?}", book.connector)));
    }
    if let Source::Sqlite(file) = &mut book.source {
        *file = path.parent().unwrap_or(Path::new(".")).join(&*file);
    }
    Ok((book, pack, values))
}

impl Extract {
    /// The query with a `?` for each `{name}`, and the values of those in their order.
    pub fn bind(&self, values: &BTreeMap<String, i64>) -> (String, Vec<i64>) {
        let (mut query, mut parameters, mut rest) = (String::new(), Vec::new(), self.query.as_str());
        while let Some((before, after)) = rest.split_once('{') {
            query.push_str(before);
            rest = match after.split_once('}') {
                Some((name, after)) if values.contains_key(name) => {
                    query.push('?');
                    parameters.push(values[name]);
                    after
                }
                // A brace that names no variable belongs to the SQL.
                _ => {
                    query.push('{');
                    after
                }
            };
        }
        query.push_str(rest);
        (query, parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_become_parameters_and_other_braces_stay() {
        let extract = Extract { query: "SELECT '{}' WHERE a = {company} OR {company} = b {x".to_owned() };
        let (query, parameters) = extract.bind(&BTreeMap::from([("company".to_owned(), 7)]));
        assert_eq!((query.as_str(), parameters), ("SELECT '{}' WHERE a = ? OR ? = b {x", vec![7, 7]));
    }
}
