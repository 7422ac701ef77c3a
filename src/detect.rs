/*! Looks at a source before there is a configuration: what it is, which pack fits, which books it holds. */

use std::{collections::BTreeSet, path::PathBuf};

use clap::Args;
use connector::{BookInfo, Fit, Pack, Rows, Values};
use model::Finding;
use reader::{Source, Verb};

use crate::{password, report::Failure, source::Reading};

/// Environment variable of the password where nobody names another.
const PASSWORD: &str = "TAIZHANG_ERP_PASSWORD";

/// Where a source is, from the command line.
#[derive(Args)]
pub struct Where {
    /// ODBC 连接串，不含口令 ODBC connection string without the password
    #[arg(long, conflicts_with = "sqlite", required_unless_present = "sqlite")]
    odbc: Option<String>,
    /// SQLite 数据库文件 SQLite database file
    #[arg(long)]
    sqlite: Option<PathBuf>,
    /// 存放口令的环境变量名，默认 TAIZHANG_ERP_PASSWORD Environment variable that holds the password
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
}

impl Where {
    /// The source. A password is only taken from the environment: a command line can be seen by every user of the machine.
    pub fn source(&self) -> Result<Source, Failure> {
        if let Some(file) = &self.sqlite {
            return Ok(Source::Sqlite(file.clone()));
        }
        let text = self.odbc.clone().unwrap_or_default();
        if password::is_in(&text) {
            return Err(Failure::config(Finding::error("password-on-command-line").at("--odbc").with("env", self.env())));
        }
        Ok(Source::Odbc(match (self.password(), &self.password_env) {
            (Some(password), _) => password::with(&text, &password),
            (None, Some(name)) => {
                return Err(Failure::config(Finding::error("secret-missing").at("--password-env").with("name", name)));
            }
            (None, None) => text,
        }))
    }

    fn env(&self) -> &str {
        self.password_env.as_deref().unwrap_or(PASSWORD)
    }

    fn password(&self) -> Option<String> {
        std::env::var(self.env()).ok()
    }

    /// The keys of `[book.source]` for a configuration that will stand in the present folder or, where `elsewhere`, in another.
    pub fn toml(&self, elsewhere: bool) -> String {
        if let Some(file) = &self.sqlite {
            let full = if elsewhere { file.canonicalize().unwrap_or_else(|_| file.clone()) } else { file.clone() };
            return format!("source.sqlite = {}\n", quoted(&full.display().to_string()));
        }
        // Without a password today the line stays as an example: an unset variable would be an error.
        let mark = if self.password().is_some() { "" } else { "# " };
        let odbc = quoted(self.odbc.as_deref().unwrap_or_default());
        format!("source.odbc = {odbc}\n{mark}source.password = {{ env = {} }}\n", quoted(self.env()))
    }
}

/// A text as TOML writes it.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// What a source says of itself.
pub struct System {
    /// Name of the database system.
    pub name: String,
    /// Whether the account could write: `yes`, `no` or `unknown`.
    pub can_write: String,
}

/// Opens a source and asks what it is.
pub fn system(reading: &Reading<'_>) -> Result<System, Failure> {
    let rows = reading.rows(Verb::Check, Vec::new())?;
    let mut system = System { name: String::new(), can_write: "unknown".to_owned() };
    rows[0].each(|value| {
        let version = value("version").unwrap_or_default();
        system.name = [value("system").unwrap_or_default(), version].join(" ").trim().to_owned();
        system.can_write = value("can_write").unwrap_or_default();
    });
    Ok(system)
}

/// Tables and columns of a source, in lower case.
pub fn columns(reading: &Reading<'_>) -> Result<BTreeSet<(String, String)>, Failure> {
    let rows = reading.rows(Verb::Discover, Vec::new())?;
    let mut columns = BTreeSet::new();
    rows[0].each(|value| {
        let name = |name: &str| value(name).unwrap_or_default().to_lowercase();
        columns.insert((name("table_name"), name("column_name")));
    });
    Ok(columns)
}

/// A pack beside what the source has of it.
pub struct Candidate {
    /// What a configuration calls it.
    pub connector: String,
    /// The pack.
    pub pack: Pack,
    /// How well it fits.
    pub fit: Fit,
    /// Options that the source has tables for.
    pub options: Vec<String>,
}

/// A discovered book with an id of its own.
pub struct Discovered {
    /// Proposed id.
    pub id: String,
    /// What the ERP says of it.
    pub info: BookInfo,
    /// Its variables and the options, as a configuration has them.
    pub variables: toml::Table,
}

impl Discovered {
    /// Values of the variables.
    pub fn values(&self, pack: &Pack) -> Result<Values, Failure> {
        let given = self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        pack.values(&|_| self.id.clone(), &given).map_err(|findings| Failure { exit: 2, findings })
    }

    /// `[[book]]` for a configuration.
    pub fn toml(&self, connector: &str, source: &str) -> String {
        let line = |text: &str| text.replace(char::is_control, " ");
        let mut text = format!("# {} ({})\n[[book]]\n", line(&self.info.name), line(&self.info.currency));
        text.push_str(&format!("id = {}\nconnector = {}\n{source}", quoted(&self.id), quoted(connector)));
        for (name, value) in &self.variables {
            text.push_str(&format!("variables.{name} = {value}\n"));
        }
        text
    }
}

/// What was found out about a source.
pub struct Detected {
    /// The database system.
    pub system: System,
    /// Packs that look for tables, the best first.
    pub candidates: Vec<Candidate>,
    /// Version of the ERP, where the best pack fits and knows how to ask.
    pub version: Option<String>,
    /// Books, where the best pack fits.
    pub books: Vec<Discovered>,
    /// Notes and warnings.
    pub findings: Vec<Finding>,
}

impl Detected {
    /// The pack that fits whole.
    pub fn best(&self) -> Option<&Candidate> {
        self.candidates.first().filter(|best| best.fit.missing.is_empty())
    }

    /// The pack that fits, or why there is none.
    pub fn recognised(&self, place: &str) -> Result<&Candidate, Finding> {
        self.best().ok_or_else(|| {
            let nearest = self.candidates.first().filter(|nearest| nearest.fit.found > 0);
            let Some(near) = nearest else {
                return Finding::error("erp-unknown").at(place).with("system", &self.system.name);
            };
            let finding = Finding::error("erp-unrecognised").at(place).with("system", &self.system.name);
            finding.with("near", &near.connector).with("missing", some(&near.fit.missing))
        })
    }
}

/// The first of many names.
pub fn some(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown}, … (+{more})") } else { shown }
}

/// Looks at a source with the built-in packs and those of one's own, each with the name a configuration calls it by.
pub fn detect(place: &str, source: &Source, own: Vec<(String, Pack)>) -> Result<Detected, Failure> {
    let reading = Reading { place: place.to_owned(), source };
    let system = system(&reading)?;
    let columns = columns(&reading)?;
    let built_in = connector::BUILT_IN.iter().filter_map(|(name, text)| Some(((*name).to_owned(), Pack::parse(name, text).0?)));
    let mut candidates: Vec<Candidate> = own
        .into_iter()
        .chain(built_in)
        .filter_map(|(connector, pack)| {
            let fit = pack.fit(&columns)?;
            let options = pack.possible(&columns).into_iter().map(str::to_owned).collect();
            Some(Candidate { connector, pack, fit, options })
        })
        .collect();
    // Whole fits first, among them the one that asked for most; then by the part that is there.
    candidates.sort_by_key(|c| {
        let part = c.fit.found * 1000 / c.fit.wanted.max(1);
        std::cmp::Reverse((c.fit.missing.is_empty(), part, c.fit.wanted))
    });
    let mut detected = Detected { system, candidates, version: None, books: Vec::new(), findings: Vec::new() };
    let Some(best) = detected.best() else { return Ok(detected) };
    let (mut version, mut findings) = (None, Vec::new());
    if let Some(query) = best.pack.version_query() {
        match reading.rows(Verb::Read, vec![query]) {
            Ok(rows) => rows[0].each(|value| version = value("version")),
            // The version is for people; a source that does not tell it is still read.
            Err(failure) => findings.extend(failure.findings.into_iter().map(|f| Finding { level: model::Level::Warning, ..f })),
        }
    }
    let rows = match best.pack.query("books", &Values::new(), None, source.dialect()) {
        Some(query) => reading.rows(Verb::Read, vec![query])?,
        None => vec![Rows::default()],
    };
    let (books, wrong) = connector::books(&best.pack.name, &rows[0]);
    findings.extend(wrong);
    let books = books.into_iter().map(|info| discovered(best, info)).collect();
    (detected.version, detected.books) = (version, books);
    detected.findings = findings;
    Ok(detected)
}

/// Gives a book an id that is the same each time: the pack's name and the values of its variables.
fn discovered(candidate: &Candidate, info: BookInfo) -> Discovered {
    let fit = |text: &str| text.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '-' }).collect::<String>();
    let parts: Vec<String> = std::iter::once(&candidate.pack.name).chain(info.variables.values()).map(|text| fit(text)).collect();
    let mut variables = toml::Table::new();
    for (name, text) in &info.variables {
        // 001 is a name and not a number.
        let number = text.parse::<i64>().ok().filter(|number| number.to_string() == *text);
        variables.insert(name.clone(), number.map_or_else(|| text.clone().into(), Into::into));
    }
    variables.extend(candidate.options.iter().map(|name| (name.clone(), true.into())));
    Discovered { id: parts.join("-"), info, variables }
}
