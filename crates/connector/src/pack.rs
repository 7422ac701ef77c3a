/*! A pack: read, checked, and turned into queries. */

use std::collections::{BTreeMap, BTreeSet};

use model::{Finding, Month};
use reader::{Query, Value};
use serde::Deserialize;
use settings::Shape;

/// Values of a pack's variables, by name.
pub type Values = BTreeMap<String, Value>;

/// The canonical extracts, each with the columns it must have and those it may have.
pub const EXTRACTS: &[(&str, &[&str], &[&str])] = &[
    ("books", &["name", "currency"], &["fiscal_year_starts"]),
    ("accounts", &["account", "name", "class"], &["side", "parent", "profit", "erp_type", "currency"]),
    ("periods", &["month", "adjustment", "state", "fiscal_year_start"], &["voucher", "number", "field"]),
    (
        "entries",
        &["month", "adjustment", "voucher", "account", "debit", "credit"],
        &[
            "number",
            "kind",
            "date",
            "line",
            "summary",
            "currency",
            "foreign_amount",
            "quantity",
            "unit",
            "party",
            "product",
            "department",
            "project",
            "person",
            "closing",
        ],
    ),
    ("unposted", &["month", "adjustment", "voucher", "account", "debit", "credit"], &[]),
    ("balances", &["month", "account"], &["closing", "debit", "credit"]),
    ("fingerprint", &["month", "adjustment", "account", "entry_count"], &[]),
    (
        "measures",
        &["month", "kind", "item", "document"],
        &["item_name", "class", "origin", "unit", "quantity", "amount", "line", "date"],
    ),
];

const ANY: Shape = Shape::Any;
const EXTRACT: Shape =
    Shape::Table(&[("query", ANY), ("query_sqlite", ANY), ("query_postgresql", ANY), ("query_mariadb", ANY), ("when", ANY)]);
const PACK: Shape = Shape::Table(&[
    ("name", ANY),
    ("title", ANY),
    ("detect", Shape::Table(&[("tables", Shape::Map(&ANY)), ("version", ANY)])),
    ("variables", Shape::Map(&ANY)),
    ("options", Shape::Map(&Shape::Table(&[("about", ANY), ("tables", Shape::Map(&ANY))]))),
    (
        "extract",
        Shape::Table(&[
            ("books", EXTRACT),
            ("accounts", EXTRACT),
            ("periods", EXTRACT),
            ("entries", EXTRACT),
            ("unposted", EXTRACT),
            ("balances", EXTRACT),
            ("fingerprint", EXTRACT),
            ("measures", EXTRACT),
        ]),
    ),
]);

/// What rows mean for one ERP.
#[derive(Clone, Debug, Deserialize)]
pub struct Pack {
    /// Name used in configurations.
    pub name: String,
    /// Name of the ERP as people know it.
    pub title: String,
    #[serde(default)]
    detect: Detect,
    /// Name of each variable, and what its value is.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// What some installations of the ERP have and others do not: parts of queries that a book switches on.
    #[serde(default)]
    pub options: BTreeMap<String, Choice>,
    #[serde(default)]
    extract: BTreeMap<String, Extract>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Detect {
    #[serde(default)]
    tables: BTreeMap<String, Vec<String>>,
    version: Option<String>,
}

/// A part of the queries that is there only when a book's variables say `name = true`.
#[derive(Clone, Debug, Deserialize)]
pub struct Choice {
    /// What it brings.
    pub about: String,
    /// Tables and columns that it needs.
    #[serde(default)]
    tables: BTreeMap<String, Vec<String>>,
}

/// One extract's query, with a text of its own for a dialect where one cannot serve all.
#[derive(Clone, Debug, Default, Deserialize)]
struct Extract {
    query: Option<String>,
    query_sqlite: Option<String>,
    query_postgresql: Option<String>,
    query_mariadb: Option<String>,
    /// Options of which one must be on; without them the extract is not there.
    #[serde(default)]
    when: Vec<String>,
}

/// How well a source fits a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Tables and columns of the pack that the source has.
    pub found: usize,
    /// All tables and columns that the pack looks for.
    pub wanted: usize,
    /// Those that are missing, as `table` or `table.column`.
    pub missing: Vec<String>,
}

impl Pack {
    /// Reads a pack; everything that is wrong is found at once.
    pub fn parse(file: &str, text: &str) -> (Option<Pack>, Vec<Finding>) {
        settings::read(file, text, &PACK)
    }

    /// The pack with extracts of one's own in the place of its own: `overrides` is a table of extracts as in a pack.
    pub fn overridden(mut self, place: &str, overrides: &toml::Table) -> Result<Pack, Finding> {
        for (name, table) in overrides {
            if !EXTRACTS.iter().any(|(known, ..)| known == name) {
                let near = settings::nearest(name, EXTRACTS.iter().map(|(known, ..)| *known)).unwrap_or("—");
                return Err(Finding::error("extract-unknown").at(place).with("extract", name).with("near", near));
            }
            let extract = table.clone().try_into();
            let extract =
                extract.map_err(|e: toml::de::Error| Finding::error("toml-invalid").at(place).with("reason", e.message()))?;
            self.extract.insert(name.clone(), extract);
        }
        Ok(self)
    }

    /// Names of the extracts that the pack has, in the order of [`EXTRACTS`].
    pub fn extracts(&self) -> Vec<&'static str> {
        EXTRACTS.iter().map(|(name, ..)| *name).filter(|name| self.has(name)).collect()
    }

    /// Whether the pack has this extract.
    pub fn has(&self, extract: &str) -> bool {
        self.extract.contains_key(extract)
    }

    /// The query of an extract. `{name}` is bound as a parameter: a variable, or `from` and `to` (months; all there are without a span).
    /// A brace that names nothing
    /// belongs to the SQL. What stands between `{name:` and `:name}` is left out unless the option `name` is on. `None` where the pack has
    /// no such extract.
    pub fn query(&self, extract: &str, values: &Values, span: Option<(Month, Month)>, dialect: &str) -> Option<Query> {
        let extract = self.extract.get(extract)?;
        if !extract.when.is_empty() && !extract.when.iter().any(|option| values.contains_key(option)) {
            return None;
        }
        let own = match dialect {
            "sqlite" => &extract.query_sqlite,
            "postgresql" => &extract.query_postgresql,
            "mariadb" => &extract.query_mariadb,
            _ => &None,
        };
        let text = self.chosen(own.as_ref().or(extract.query.as_ref())?, values);
        let (from, to) = span.unwrap_or((Month::FIRST, Month::LAST_ASKED));
        let value = |name: &str| match name {
            "from" => Some(Value::Text(from.to_string())),
            "to" => Some(Value::Text(to.to_string())),
            _ => values.get(name).cloned(),
        };
        let (mut query, mut parameters, mut rest) = (String::new(), Vec::new(), text.as_str());
        while let Some((before, after)) = rest.split_once('{') {
            query.push_str(before);
            let bound = after.split_once('}').and_then(|(name, after)| Some((value(name)?, after)));
            rest = match bound {
                Some((value, after)) => {
                    query.push('?');
                    parameters.push(value);
                    after
                }
                None => {
                    query.push('{');
                    after
                }
            };
        }
        query.push_str(rest);
        Some(Query { query, parameters })
    }

    /// Names in braces that are no variable and so reach the database as they are, where they look like a misspelt one: extract, name, and
    /// the variable that was most likely meant.
    pub fn strays(&self, values: &Values) -> Vec<(&'static str, String, String)> {
        let known = || self.variables.keys().chain(self.options.keys()).map(String::as_str).chain(["from", "to"]);
        let mut found = Vec::new();
        for extract in self.extracts() {
            let texts = self.extract.get(extract).map(|e| [&e.query, &e.query_sqlite, &e.query_postgresql, &e.query_mariadb]);
            for text in texts.into_iter().flatten().filter_map(Option::as_ref) {
                let text = self.chosen(text, values);
                for name in text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name) {
                    let word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
                    let near = if word && !known().any(|known| known == name) { settings::nearest(name, known()) } else { None };
                    let stray = near.map(|near| (extract, name.to_owned(), near.to_owned()));
                    found.extend(stray.filter(|stray| !found.contains(stray)).into_iter().collect::<Vec<_>>());
                }
            }
        }
        found
    }

    /// A query with the parts of the options that are on, and without the others.
    fn chosen(&self, text: &str, values: &Values) -> String {
        let mut text = text.to_owned();
        for name in self.options.keys() {
            let (start, end) = (format!("{{{name}:"), format!(":{name}}}"));
            while let Some((before, (part, after))) =
                text.split_once(&start).and_then(|(before, rest)| Some((before, rest.split_once(&end)?)))
            {
                let part = if values.contains_key(name) { part } else { "" };
                text = [before, part, after].concat();
            }
        }
        text
    }

    /// The query that gives the ERP's version, where there is one.
    pub fn version_query(&self) -> Option<Query> {
        self.detect.version.clone().map(|query| Query { query, parameters: Vec::new() })
    }

    /// How well a source with these `(table, column)` pairs, in lower case, fits; `None` where the pack cannot be recognised.
    pub fn fit(&self, columns: &BTreeSet<(String, String)>) -> Option<Fit> {
        (!self.detect.tables.is_empty()).then(|| fit(&self.detect.tables, columns))
    }

    /// Options whose tables and columns a source has.
    pub fn possible(&self, columns: &BTreeSet<(String, String)>) -> Vec<&str> {
        let fits = self.options.iter().filter(|(_, choice)| fit(&choice.tables, columns).missing.is_empty());
        fits.map(|(name, _)| name.as_str()).collect()
    }

    /// Checks the values of a book's variables: none missing, none unknown, each a whole number or a text. `place` tells where the value of
    /// a variable stands, or would.
    pub fn values(&self, place: &dyn Fn(&str) -> String, given: &BTreeMap<String, toml::Value>) -> Result<Values, Vec<Finding>> {
        let (mut values, mut findings) = (Values::new(), Vec::new());
        for (name, meaning) in &self.variables {
            match given.get(name) {
                Some(toml::Value::Integer(value)) => drop(values.insert(name.clone(), Value::Integer(*value))),
                Some(toml::Value::String(text)) => drop(values.insert(name.clone(), Value::Text(text.clone()))),
                _ => findings
                    .push(Finding::error("variable-missing").at(place(name)).with("variable", name).with("meaning", meaning)),
            }
        }
        for name in self.options.keys() {
            match given.get(name) {
                Some(toml::Value::Boolean(true)) => drop(values.insert(name.clone(), Value::Integer(1))),
                None | Some(toml::Value::Boolean(false)) => {}
                Some(_) => findings.push(Finding::error("option-unclear").at(place(name)).with("option", name)),
            }
        }
        let known = || self.variables.keys().chain(self.options.keys()).map(String::as_str);
        for name in given.keys().filter(|name| !known().any(|known| known == *name)) {
            let near = settings::nearest(name, known()).unwrap_or("—");
            let finding = Finding::error("variable-unknown").at(place(name)).with("variable", name);
            findings.push(finding.with("connector", &self.name).with("near", near));
        }
        if findings.is_empty() { Ok(values) } else { Err(findings) }
    }
}

/// Which of the wanted tables and columns are there.
fn fit(tables: &BTreeMap<String, Vec<String>>, columns: &BTreeSet<(String, String)>) -> Fit {
    let mut fit = Fit { found: 0, wanted: 0, missing: Vec::new() };
    for (table, wanted) in tables {
        let start = (table.clone(), String::new());
        let there = columns.range(start..).next().is_some_and(|(name, _)| name == table);
        for (name, there) in std::iter::once((table.clone(), there))
            .chain(wanted.iter().map(|column| (format!("{table}.{column}"), columns.contains(&(table.clone(), column.clone())))))
        {
            fit.wanted += 1;
            if there { fit.found += 1 } else { fit.missing.push(name) }
        }
    }
    fit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_packs_are_read_and_name_themselves() {
        for (name, text) in crate::BUILT_IN.iter().chain(&[("template", crate::TEMPLATE)]) {
            let (pack, findings) = Pack::parse(name, text);
            assert_eq!(findings, [], "{name}");
            assert_eq!(&pack.unwrap().name, name);
        }
    }

    #[test]
    fn variables_become_parameters_and_other_braces_stay() {
        let text = "name = 'x'\ntitle = 'x'\n[extract.entries]\nquery = \"SELECT '{}' WHERE a = {company} AND m >= {from} {x\"\n\
                    query_sqlite = 'SELECT 1'";
        let pack = Pack::parse("x", text).0.unwrap();
        let values = Values::from([("company".to_owned(), Value::Integer(7))]);
        let span = Some(("2025-01".parse().unwrap(), "2025-02".parse().unwrap()));
        let query = pack.query("entries", &values, span, "postgresql").unwrap();
        assert_eq!(query.query, "SELECT '{}' WHERE a = ? AND m >= ? {x");
        assert_eq!(query.parameters, [Value::Integer(7), Value::Text("2025-01".to_owned())]);
        assert_eq!(pack.query("entries", &values, span, "sqlite").unwrap().query, "SELECT 1");
        assert_eq!(pack.query("books", &values, None, "sqlite"), None);
    }

    #[test]
    fn options_are_parts_that_a_book_switches_on() {
        let text = "name = 'x'\ntitle = 'x'\n[variables]\ncompany = 'id'\n[options.goods]\nabout = 'goods'\ntables.goods = ['id']\n\
                    [extract.entries]\nquery = 'SELECT 1{goods:, g.id:goods} FROM e{goods: JOIN goods g:goods} WHERE c = {company}'";
        let pack = Pack::parse("x", text).0.unwrap();
        let query = |given: &str| {
            let given: BTreeMap<String, toml::Value> = toml::from_str(given).unwrap();
            let values = pack.values(&|_| "x".to_owned(), &given)?;
            Ok::<_, Vec<Finding>>(pack.query("entries", &values, None, "").unwrap().query)
        };
        assert_eq!(query("company = 1").unwrap(), "SELECT 1 FROM e WHERE c = ?");
        assert_eq!(query("company = 1\ngoods = true").unwrap(), "SELECT 1, g.id FROM e JOIN goods g WHERE c = ?");
        assert_eq!(query("company = 1\ngoods = 'yes'").unwrap_err()[0].code, "option-unclear");
        assert_eq!(query("company = 1\ngods = true").unwrap_err()[0].code, "variable-unknown");
        let columns = |table: &str| BTreeSet::from([(table.to_owned(), "id".to_owned())]);
        assert_eq!(pack.possible(&columns("goods")), ["goods"]);
        assert!(pack.possible(&columns("other")).is_empty());
    }

    #[test]
    fn a_source_fits_by_its_tables_and_columns() {
        let pack = Pack::parse("x", "name = 'x'\ntitle = 'x'\n[detect.tables]\nmove = ['id', 'state']\nline = []\n").0.unwrap();
        let columns = [("move", "id"), ("other", "id")].map(|(t, c)| (t.to_owned(), c.to_owned())).into();
        let fit = pack.fit(&columns).unwrap();
        assert_eq!((fit.found, fit.wanted, fit.missing), (2, 4, vec!["line".to_owned(), "move.state".to_owned()]));
    }
}
