/*! `agent.toml`. Relative paths start at its folder; unknown keys are errors with a place. */

mod bureau;
mod choice;
pub mod people;
mod rights;
mod signing;
mod text;
mod web;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use model::{Finding, Month};
use serde::Deserialize;
use settings::Shape;

use crate::{
    measures::short::{self, Sheet},
    password,
    report::{self, Failure},
};

pub use bureau::Bureau;
pub use people::{Person, Role};
pub use rights::Deed;
pub use signing::{Channel, Key, Signing};
pub use text::Text;
pub use web::Web;

const ANY: Shape = Shape::Any;
const TEXT: Shape = Shape::Text;
const MUST: Shape = Shape::Must(&TEXT);
const SECRET: Shape = Shape::Table(&[("env", TEXT), ("file", TEXT)]);
const SOURCE: Shape = Shape::Table(&[
    ("odbc", TEXT),
    ("sqlite", TEXT),
    ("command", Shape::List),
    ("dialect", TEXT),
    ("settings", Shape::Map(&ANY)),
    ("password", Shape::TextOr(&SECRET)),
]);
const EXTRACT: Shape =
    Shape::Map(&Shape::Table(&[("query", TEXT), ("query_sqlite", TEXT), ("query_postgresql", TEXT), ("query_mariadb", TEXT)]));
const BOOK: Shape = Shape::Table(&[
    ("id", MUST),
    ("connector", MUST),
    ("first_period", TEXT),
    ("fiscal_year_starts", Shape::Whole),
    ("currency", TEXT),
    ("source", Shape::Must(&SOURCE)),
    ("variables", Shape::Map(&ANY)),
    ("extract", EXTRACT),
]);
const FORM: Shape = Shape::Table(&[
    ("code", MUST),
    ("edition", TEXT),
    ("book", TEXT),
    ("mapping", Shape::List),
    ("unposted", Shape::Flag),
    ("channel", TEXT),
    ("head", TEXT),
    ("statistician", TEXT),
    ("preparer", TEXT),
    ("phone", TEXT),
]);
const AGENT: Shape = Shape::Table(&[
    (
        "unit",
        Shape::Table(&[("code", TEXT), ("name", TEXT), ("region", TEXT), ("industry", TEXT), ("accounting_standard", TEXT)]),
    ),
    ("state", Shape::Table(&[("dir", TEXT)])),
    ("book", Shape::Each(&BOOK)),
    ("form", Shape::Each(&FORM)),
    ("person", Shape::Each(&Shape::Table(&[("id", MUST), ("name", MUST), ("roles", Shape::List)]))),
    ("measures", Shape::Table(&[("none", ANY), ("energy", ANY)])),
    ("product", Shape::Each(&short::PRODUCT)),
    ("repeat", Shape::Each(&Shape::Table(&[("each", MUST), ("code", MUST), ("name", MUST), ("item", TEXT)]))),
    ("sheet", Shape::Each(&short::SHEET)),
    ("retention", Shape::Table(&[("years", Shape::Whole)])),
    ("rates", Shape::Table(&[("file", TEXT)])),
    ("audit", Shape::Table(&[("explanation_min", ANY)])),
    ("outside", Shape::Table(&[("file", TEXT)])),
    ("signing", signing::SIGNING),
    ("bureau", bureau::BUREAU),
    ("web", web::WEB),
]);

/// The configuration file, read and checked.
pub struct Agent {
    /// Its path.
    pub path: PathBuf,
    /// The reporting unit.
    pub unit: Unit,
    /// Folder of the state.
    pub state: PathBuf,
    /// Sets of accounts.
    pub books: Vec<Book>,
    /// Forms to build.
    pub forms: Vec<Form>,
    /// People who work with it.
    pub people: Vec<Person>,
    /// Table of exchange rates.
    pub rates: Option<PathBuf>,
    /// Years that raw records and ledgers are kept; two by law.
    pub retention_years: u8,
    /// Fewest characters of an explanation, where it is not as many as the causes say.
    pub explanation_min: Option<usize>,
    /// Sheet of outside figures.
    pub outside: Option<PathBuf>,
    /// Short sheets that people of departments fill.
    pub sheets: Vec<Sheet>,
    /// Products of the unit, as the catalogue of products has them, and what else forms repeat.
    pub products: Vec<survey::Product>,
    /// Kinds of measures that the unit has nothing of.
    pub no_measures: Vec<String>,
    /// Kinds of energy that the unit uses: the form of energy is repeated for them.
    pub energy: Vec<String>,
    /// Who signs with what.
    pub signing: Signing,
    /// Where packages go.
    pub bureau: Option<Bureau>,
    /// Review pages.
    pub web: Option<Web>,
    /// Where each key stands.
    places: settings::Places,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    unit: Unit,
    #[serde(default)]
    state: RawState,
    #[serde(default)]
    book: Vec<Book>,
    #[serde(default)]
    form: Vec<Form>,
    #[serde(default, rename = "person")]
    people: Vec<Person>,
    #[serde(default)]
    rates: RawRates,
    #[serde(default)]
    retention: RawRetention,
    #[serde(default)]
    audit: RawAudit,
    #[serde(default)]
    outside: RawOutside,
    #[serde(default)]
    signing: Signing,
    bureau: Option<Bureau>,
    web: Option<Web>,
    #[serde(default)]
    measures: RawMeasures,
    #[serde(default, rename = "sheet")]
    sheets: Vec<Sheet>,
    #[serde(default, rename = "product")]
    products: Vec<survey::Product>,
    #[serde(default, rename = "repeat")]
    repeats: Vec<survey::Repeat>,
}

#[derive(Default, Deserialize)]
struct RawAudit {
    explanation_min: Option<usize>,
}

#[derive(Default, Deserialize)]
struct RawOutside {
    file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
struct RawMeasures {
    #[serde(default)]
    none: Vec<String>,
    #[serde(default)]
    energy: Vec<String>,
}

#[derive(Deserialize)]
struct RawRetention {
    years: u8,
}

impl Default for RawRetention {
    fn default() -> RawRetention {
        RawRetention { years: RETENTION_YEARS }
    }
}

/// Years that raw records and ledgers are kept where the configuration does not say.
const RETENTION_YEARS: u8 = 10;
/// Fewest years the law asks for.
const RETENTION_LEAST: u8 = 2;

#[derive(Default, Deserialize)]
struct RawState {
    dir: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
struct RawRates {
    file: Option<PathBuf>,
}

/// The reporting unit (填报单位).
#[derive(Clone, Deserialize)]
pub struct Unit {
    /// Unified social credit code, 18 characters.
    #[serde(default)]
    pub code: String,
    /// Name.
    #[serde(default)]
    pub name: String,
    /// Code of the region (行政区划代码).
    #[serde(default)]
    pub region: String,
    /// Code of the industry (GB/T 4754).
    #[serde(default)]
    pub industry: String,
    /// Accounting standard: `cas` or `small-business`.
    #[serde(default = "cas")]
    pub accounting_standard: String,
}

fn cas() -> String {
    "cas".to_owned()
}

impl Default for Unit {
    fn default() -> Unit {
        let none = String::new();
        Unit { code: none.clone(), name: none.clone(), region: none.clone(), industry: none, accounting_standard: cas() }
    }
}

impl Unit {
    /// Facts that fill texts of forms, by the names that packs give them.
    pub fn facts(&self) -> BTreeMap<String, String> {
        let facts = [
            ("unit.code", &self.code),
            ("unit.name", &self.name),
            ("unit.region", &self.region),
            ("unit.industry", &self.industry),
            ("unit.accounting_standard", &self.accounting_standard),
        ];
        facts.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }
}

/// One set of accounts (账套).
#[derive(Clone, Deserialize)]
pub struct Book {
    /// Name used on the command line and in paths.
    pub id: String,
    /// Pack: a built-in name, or a folder of one's own.
    pub connector: String,
    /// Earlier entries are one opening; last-year columns before it are missing.
    pub first_period: Option<Text<Month>>,
    /// Month in which fiscal years start, where the ERP does not say.
    pub fiscal_year_starts: Option<u8>,
    /// ISO 4217, where the ERP does not say.
    pub currency: Option<String>,
    /// Where it is read from.
    pub source: Source,
    /// Values of the pack's variables.
    #[serde(default)]
    pub variables: BTreeMap<String, toml::Value>,
    /// Queries of one's own instead of the pack's.
    #[serde(default)]
    pub extract: toml::Table,
}

/// Where a book is read from. It may hold a password, so it has no `Debug`.
#[derive(Clone, Deserialize)]
pub struct Source {
    /// ODBC connection string.
    odbc: Option<String>,
    /// SQLite file.
    sqlite: Option<PathBuf>,
    /// Program and arguments of a reader of one's own.
    command: Option<Vec<String>>,
    /// Which of a pack's queries that reader understands.
    dialect: Option<Dialect>,
    /// Settings for that reader.
    #[serde(default)]
    settings: serde_json::Map<String, serde_json::Value>,
    /// Password, merged into the connection string.
    password: Option<Secret>,
}

/// A dialect that packs write queries for.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Dialect {
    Sqlite,
    Postgresql,
    Mariadb,
}

impl Dialect {
    fn name(self) -> &'static str {
        match self {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgresql => "postgresql",
            Dialect::Mariadb => "mariadb",
        }
    }
}

/// A secret by reference, or inline, which `check` warns about.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum Secret {
    /// From a file or the environment.
    Reference {
        /// Variable of the environment.
        env: Option<String>,
        /// File; a line end at its end is left out.
        file: Option<PathBuf>,
    },
    /// In the configuration itself.
    Inline(String),
}

/// A form to build (报表).
#[derive(Clone, Deserialize)]
pub struct Form {
    /// Form code (表号).
    pub code: String,
    /// Edition (制度年份).
    #[serde(default = "edition")]
    pub edition: String,
    /// Book it is built from; the only one, or all, when absent.
    pub book: Option<String>,
    /// Layers of the enterprise, in order.
    #[serde(default)]
    pub mapping: Vec<PathBuf>,
    /// Whether unposted vouchers enter.
    #[serde(default)]
    pub unposted: bool,
    /// How it reaches the bureau.
    #[serde(default)]
    pub channel: Channel,
    /// 单位负责人
    #[serde(default)]
    pub head: String,
    /// 统计负责人
    #[serde(default)]
    pub statistician: String,
    /// 填表人
    #[serde(default)]
    pub preparer: String,
    /// 联系电话
    #[serde(default)]
    pub phone: String,
}

impl Form {
    /// A form that nobody configured.
    pub fn of(code: &str, edition: &str) -> Form {
        let none = String::new();
        Form {
            code: code.to_owned(),
            edition: edition.to_owned(),
            book: None,
            mapping: Vec::new(),
            unposted: false,
            channel: Channel::default(),
            head: none.clone(),
            statistician: none.clone(),
            preparer: none.clone(),
            phone: none,
        }
    }
}

fn edition() -> String {
    crate::forms::EDITION.to_owned()
}

impl Agent {
    /// Reads and checks the file; everything that is wrong is told at once.
    pub fn load(path: &Path) -> Result<Agent, Failure> {
        let text = fs::read_to_string(path).map_err(|error| {
            let code = if error.kind() == std::io::ErrorKind::NotFound { "config-missing" } else { "file-refused" };
            Failure::config(Finding::error(code).at(path.display().to_string()).with("reason", error))
        })?;
        let name = path.display().to_string();
        let (raw, mut findings) = settings::read::<Raw>(&name, &text, &AGENT);
        let Some(mut raw) = raw else { return Err(Failure { exit: 2, findings }) };
        let places = settings::Places::read(&name, &text);
        let at = |key: &str| places.of(key);
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut seen = Vec::new();
        for (number, book) in raw.book.iter().enumerate() {
            let own = |key: &str| format!("{}, book {}", at(&format!("book.{number}.{key}")), book.id);
            // The id becomes the name of a folder.
            let fit = !book.id.is_empty() && book.id.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
            if !fit || seen.contains(&&book.id) {
                let code = if fit { "book-doubled" } else { "book-id-unfit" };
                findings.push(Finding::error(code).at(at(&format!("book.{number}.id"))).with("book", &book.id));
            }
            seen.push(&book.id);
            let source = &book.source;
            let kinds = [source.odbc.is_some(), source.sqlite.is_some(), source.command.is_some()];
            let empty = source.command.as_ref().is_some_and(Vec::is_empty);
            let stray = source.command.is_none() && (source.dialect.is_some() || !source.settings.is_empty());
            if kinds.iter().filter(|kind| **kind).count() != 1 || empty || stray {
                findings.push(Finding::error("source-unclear").at(own("source")));
            }
            if book.fiscal_year_starts.is_some_and(|month| !(1..=12).contains(&month)) {
                findings.push(Finding::error("fiscal-year-unfit").at(own("fiscal_year_starts")));
            }
        }
        if !["cas", "small-business"].contains(&raw.unit.accounting_standard.as_str()) {
            let known = settings::nearest(&raw.unit.accounting_standard, ["cas", "small-business"].into_iter());
            let finding = Finding::error("standard-unknown")
                .at(at("unit.accounting_standard"))
                .with("standard", &raw.unit.accounting_standard);
            findings.push(finding.with("near", known.unwrap_or("cas, small-business")));
        }
        findings.extend(Sheet::unfit(&raw.sheets, &raw.people, &raw.book, &name));
        if raw.retention.years < RETENTION_LEAST {
            let finding = Finding::error("retention-too-short").at(at("retention.years")).with("years", raw.retention.years);
            findings.push(finding.with("least", RETENTION_LEAST));
        }
        for (number, person) in raw.people.iter().enumerate() {
            let fit = !person.id.is_empty() && person.id.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_' || c == '.');
            if !fit || raw.people[..number].iter().any(|other| other.id == person.id) {
                findings
                    .push(Finding::error("person-id-unfit").at(at(&format!("person.{number}.id"))).with("person", &person.id));
            }
        }
        if report::blocked(&findings) {
            return Err(Failure { exit: 2, findings });
        }
        let state = folder.join(raw.state.dir.unwrap_or_else(|| "taizhang-state".into()));
        let rates = raw.rates.file.map(|file| folder.join(file));
        let mut forms = std::mem::take(&mut raw.form);
        for form in &mut forms {
            form.mapping.iter_mut().for_each(|layer| *layer = folder.join(&*layer));
        }
        // An industry is written with or without the letter of its section: C3489 is 3489.
        let small = |code: &str| code.trim_start_matches(|c: char| c.is_ascii_alphabetic()).to_owned();
        let industry = small(&raw.unit.industry);
        for product in &mut raw.products {
            product.main = product.industry.as_deref().is_some_and(|own| small(own) == industry);
        }
        Ok(Agent {
            path: path.to_owned(),
            unit: raw.unit,
            state,
            books: raw.book,
            forms,
            people: raw.people,
            rates,
            retention_years: raw.retention.years,
            explanation_min: raw.audit.explanation_min,
            outside: raw.outside.file.map(|file| folder.join(file)),
            sheets: raw.sheets,
            products: raw.products.into_iter().chain(raw.repeats.into_iter().map(survey::Product::from)).collect(),
            no_measures: raw.measures.none,
            energy: raw.measures.energy,
            signing: raw.signing,
            bureau: raw.bureau,
            web: raw.web,
            places,
        })
    }

    /// Place of a key, or of the nearest table around it that is there: `unit.code`.
    pub fn place(&self, key: &str) -> String {
        self.places.of(key)
    }

    /// Place of a book's key.
    pub fn book_place(&self, book: &Book, key: &str) -> String {
        let number = self.books.iter().position(|own| own.id == book.id).unwrap_or(usize::MAX);
        format!("{}, book {}", self.place(&format!("book.{number}.{key}")), book.id)
    }

    /// Place of a form's key.
    pub fn form_place(&self, form: &Form, key: &str) -> String {
        let same = |own: &Form| (&own.code, &own.edition, &own.book) == (&form.code, &form.edition, &form.book);
        let number = self.forms.iter().position(same).unwrap_or(usize::MAX);
        self.place(&format!("form.{number}.{key}"))
    }

    /// The person with this id.
    pub fn person(&self, id: &str) -> Result<&Person, Failure> {
        let found = self.people.iter().find(|person| person.id == id);
        found.ok_or_else(|| Failure::config(people::unknown(&self.people, id).at(self.path.display().to_string())))
    }

    /// Folder of the configuration file.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// A secret, from wherever it is kept; `None` where the reference names nothing.
    pub fn secret(&self, secret: &Secret, place: &str) -> Result<Option<String>, Failure> {
        match secret {
            Secret::Inline(password) => Ok(Some(password.clone())),
            Secret::Reference { env: Some(name), .. } => std::env::var(name)
                .map(Some)
                .map_err(|_| Failure::config(Finding::error("secret-missing").at(place).with("name", name))),
            Secret::Reference { file: Some(file), .. } => {
                let path = self.folder().join(file);
                let text = fs::read_to_string(&path).map_err(|error| Failure::config(Finding::io(&path, &error)))?;
                Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            Secret::Reference { .. } => Ok(None),
        }
    }

    /// The source of a book with its password in place.
    pub fn source(&self, book: &Book) -> Result<reader::Source, Failure> {
        if let Some(file) = &book.source.sqlite {
            return Ok(reader::Source::Sqlite(self.folder().join(file)));
        }
        let secret = match &book.source.password {
            None => None,
            Some(secret) => self.secret(secret, &format!("book {}", book.id))?,
        };
        if let Some(command) = &book.source.command {
            let hidden = self.books.iter().filter_map(|book| match &book.source.password {
                Some(Secret::Reference { env, .. }) => env.clone(),
                _ => None,
            });
            return Ok(reader::Source::Command(reader::Program {
                command: command.clone(),
                folder: self.folder().to_owned(),
                hidden: hidden.collect(),
                dialect: book.source.dialect.map_or("", Dialect::name).to_owned(),
                settings: book.source.settings.clone(),
                password: secret,
            }));
        }
        let mut text = book.source.odbc.clone().unwrap_or_default();
        if let Some(password) = secret {
            text = password::with(&text, &password);
        }
        Ok(reader::Source::Odbc(text))
    }

    /// Whether a book's password stands in the configuration file.
    pub fn has_inline_password(book: &Book) -> bool {
        matches!(book.source.password, Some(Secret::Inline(_))) || book.source.odbc.as_deref().is_some_and(password::is_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `config/agent.toml` names every key there is, so that it can be read as the reference.
    #[test]
    fn the_example_is_read_and_names_every_key() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/agent.toml");
        let agent = Agent::load(&path).map_err(|failure| failure.findings).unwrap();
        assert!(!agent.unit.code.is_empty() && agent.books.len() >= 3 && !agent.forms.is_empty() && agent.rates.is_some());
        let text = fs::read_to_string(path).unwrap();
        fn names(shape: &Shape, found: &mut Vec<&'static str>) {
            match shape {
                Shape::Any | Shape::Text | Shape::Whole | Shape::Flag | Shape::List => {}
                Shape::Table(keys) => keys.iter().for_each(|(key, inner)| {
                    found.push(key);
                    names(inner, found);
                }),
                Shape::Map(inner) | Shape::Each(inner) | Shape::Must(inner) | Shape::TextOr(inner) => names(inner, found),
            }
        }
        let mut keys = Vec::new();
        names(&AGENT, &mut keys);
        let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let absent: Vec<_> = keys.into_iter().filter(|key| !words.contains(key)).collect();
        assert!(absent.is_empty(), "config/agent.toml does not show {absent:?}");
    }
}
