/*! `taizhang connector`: packs listed, recognised, tested, begun. */

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use connector::{EXTRACTS, Examiner, Pack, Rows};
use model::{Finding, Level, Month};
use reader::Verb;
use serde_json::json;

use super::Ctx;
use crate::{
    detect::{Detected, Where, detect, some},
    output::{Format, Table, json, label, say},
    pull::Opened,
    report::{Failure, blocked},
};

/// What to do with packs.
#[derive(Subcommand)]
pub enum What {
    /// 内置的连接器包 Packs that come with the program
    List,
    /// 识别一个数据库 Open a source and say which pack fits, which books it holds, and what to write into agent.toml
    Detect {
        #[command(flatten)]
        at: Where,
        /// 自己的连接器包 Folder of a pack of your own; may be repeated
        #[arg(long, value_name = "DIR")]
        pack: Vec<PathBuf>,
    },
    /// 用真实数据检验连接器包 Run the extracts of a book's pack and examine what they give
    Test {
        /// 账套 id，只有一个时可不给 Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
        /// 起始月份 First month (YYYY-MM)
        #[arg(long)]
        from: Option<Month>,
        /// 截止月份 Last month (YYYY-MM)
        #[arg(long)]
        to: Option<Month>,
    },
    /// 新建连接器包 Begin a pack: a folder with connector.toml and README.md
    New {
        /// 新文件夹 The folder, which is not there yet
        dir: PathBuf,
    },
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::List => list(ctx),
        What::Detect { at, pack } => {
            let own = pack.iter().map(|folder| own(folder)).collect::<Result<_, _>>()?;
            let detected = detect("source", &at.source()?, own)?;
            show(ctx, &detected, &at.toml(false))
        }
        What::Test { book, from, to } => test(ctx, book.as_deref(), *from, *to),
        What::New { dir } => new(dir),
    }
}

fn list(ctx: &Ctx) -> Result<Vec<Finding>, Failure> {
    let mut rows = Vec::new();
    for (name, text) in connector::BUILT_IN {
        let (pack, findings) = Pack::parse(&format!("connectors/{name}/connector.toml"), text);
        let pack = pack.ok_or(Failure { exit: 2, findings })?;
        let words = |words: Vec<&str>| words.join(", ");
        let options = words(pack.options.keys().map(String::as_str).collect());
        let variables = words(pack.variables.keys().map(String::as_str).collect());
        rows.push(vec![pack.name.clone(), pack.title.clone(), variables, options, words(pack.extracts())]);
    }
    Table { columns: &["connector", "title", "variables", "options", "extracts"], numbers: &[], rows }
        .write(ctx.format, ctx.lang)?;
    Ok(Vec::new())
}

/// A pack of one's own, by its folder; `./x`, so that a configuration tells it from a built-in name.
pub fn own(folder: &Path) -> Result<(String, Pack), Failure> {
    let path = folder.join("connector.toml");
    let text = fs::read_to_string(&path).map_err(|error| Failure::config(Finding::io(&path, &error)))?;
    let (pack, findings) = Pack::parse(&path.display().to_string(), &text);
    let name = folder.display().to_string();
    let name = if name.contains(['/', '\\', '.']) { name } else { format!("./{name}") };
    Ok((name, pack.ok_or(Failure { exit: 2, findings })?))
}

fn show(ctx: &Ctx, detected: &Detected, source: &str) -> Result<Vec<Finding>, Failure> {
    let version = detected.version.as_deref().unwrap_or_default();
    let best = detected.recognised("source");
    let mut config = String::new();
    if let Ok(best) = &best {
        let books: Vec<String> = detected.books.iter().map(|book| book.toml(&best.connector, source)).collect();
        config = books.join("\n");
    }
    match ctx.format {
        Format::Json => {
            let packs = detected.candidates.iter().map(|c| {
                json!({ "connector": c.connector, "title": c.pack.title, "found": c.fit.found, "wanted": c.fit.wanted,
                        "missing": c.fit.missing, "options": c.options })
            });
            let books = detected.books.iter().map(|book| {
                json!({ "id": book.id, "name": book.info.name, "currency": book.info.currency, "variables": book.variables })
            });
            json(&json!({
                "system": detected.system.name, "can_write": detected.system.can_write, "version": detected.version,
                "connector": best.as_ref().ok().map(|best| &best.connector),
                "packs": packs.collect::<Vec<_>>(), "books": books.collect::<Vec<_>>(), "config": config,
            }))?;
        }
        Format::Csv => books(ctx, detected)?,
        Format::Table => {
            say(&format!("{}: {}\n\n", label(ctx.lang, "system"), detected.system.name))?;
            let rows = detected.candidates.iter().enumerate().map(|(at, c)| {
                let version = if at == 0 { version.to_owned() } else { String::new() };
                let missing = some(&c.fit.missing);
                let found = format!("{}/{}", c.fit.found, c.fit.wanted);
                vec![c.connector.clone(), c.pack.title.clone(), found, version, c.options.join(", "), missing]
            });
            let columns = ["connector", "title", "found", "version", "options", "missing"];
            Table { columns: &columns, numbers: &["found"], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
            if best.is_ok() {
                say("\n")?;
                books(ctx, detected)?;
                say(&format!("\n{config}"))?;
            }
        }
    }
    best.map(|_| detected.findings.clone()).map_err(|finding| {
        let mut findings = detected.findings.clone();
        findings.push(finding);
        Failure::findings(findings)
    })
}

fn books(ctx: &Ctx, detected: &Detected) -> Result<(), Failure> {
    let rows = detected.books.iter().map(|book| {
        let variables = book.variables.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>();
        vec![book.id.clone(), book.info.name.clone(), book.info.currency.clone(), variables.join(", ")]
    });
    let columns = ["book", "name", "currency", "variables"];
    Table { columns: &columns, numbers: &[], rows: rows.collect() }.write(ctx.format, ctx.lang)
}

/// What an extract gave.
#[derive(Default)]
struct Given {
    rows: u64,
    columns: Vec<String>,
    /// Rows by period.
    periods: BTreeMap<(String, String), u64>,
    findings: Vec<Finding>,
}

fn test(ctx: &Ctx, book: Option<&str>, from: Option<Month>, to: Option<Month>) -> Result<Vec<Finding>, Failure> {
    let agent = ctx.agent()?;
    let opened = Opened::new(&agent, agent.book(book)?)?;
    let span = (from.unwrap_or(Month::FIRST), to.unwrap_or(Month::LAST_ASKED));
    let mut codes = HashSet::new();
    let mut given: Vec<(&str, Given)> = Vec::new();
    let mut exit = 0;
    let reading_place = opened.reading().place;
    // Accounts come first among the extracts with entries: these are looked at beside the chart.
    for extract in opened.pack.extracts() {
        let done = match extract {
            "entries" | "unposted" => entries(&opened, extract, span, &codes),
            _ => small(&opened, extract, &mut codes),
        };
        // A driver's word does not say which of the queries it is about.
        let done = done.map_err(|mut failure| {
            let own = failure.findings.iter_mut().filter(|finding| finding.place == reading_place);
            own.for_each(|finding| finding.place.push_str(&format!(", {extract}")));
            failure
        });
        match done {
            Ok(done) => given.push((extract, done)),
            // Nothing else will be reached either.
            Err(failure) if failure.exit == 3 => return Err(failure),
            Err(failure) => {
                exit = exit.max(failure.exit);
                given.push((extract, Given { findings: failure.findings, ..Given::default() }));
            }
        }
    }
    let place = format!("book {}", opened.book.id);
    let counted =
        |name: &str| given.iter().find(|(extract, g)| *extract == name && !blocked(&g.findings)).map(|(_, g)| &g.periods);
    let strays = opened.pack.strays(&opened.values).into_iter().map(|(extract, name, near)| {
        Finding::warning("variable-stray").at(format!("{place}, {extract}")).with("name", name).with("near", near)
    });
    let mut findings: Vec<Finding> = strays.collect();
    if let (Some(entries), Some(print)) = (counted("entries"), counted("fingerprint")) {
        let print = print.iter().filter(|((month, _), _)| (span.0.to_string()..=span.1.to_string()).contains(month));
        let print: BTreeMap<_, _> = print.map(|(period, rows)| (period.clone(), *rows)).collect();
        for period in entries.keys().chain(print.keys()).collect::<std::collections::BTreeSet<_>>() {
            let [entries, print] = [entries.get(period), print.get(period)].map(|rows| rows.copied().unwrap_or(0));
            if entries != print {
                let period = if period.1 == "1" { format!("{}+adj", period.0) } else { period.0.clone() };
                let finding = Finding::error("fingerprint-differs").at(format!("{place}, {period}"));
                findings.push(finding.with("entries", entries).with("fingerprint", print));
            }
        }
    }
    for name in EXTRACTS.iter().map(|(name, ..)| *name).filter(|name| !opened.pack.has(name)) {
        findings.push(Finding::note("extract-absent").at(&place).with("extract", name));
    }
    let rows = given.iter().map(|(extract, given)| {
        let errors = given.findings.iter().filter(|finding| finding.level == Level::Error).count();
        let numbers = [given.rows.to_string(), given.periods.len().to_string(), errors.to_string()];
        [vec![(*extract).to_owned()], numbers.to_vec(), vec![given.columns.join(", ")]].concat()
    });
    let columns = ["extract", "rows", "periods", "errors", "columns"];
    Table { columns: &columns, numbers: &["rows", "periods", "errors"], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    findings.extend(given.into_iter().flat_map(|(_, given)| given.findings));
    if exit > 0 || blocked(&findings) {
        return Err(Failure { exit: exit.max(1), findings });
    }
    Ok(findings)
}

fn entries(opened: &Opened<'_>, extract: &str, span: (Month, Month), codes: &HashSet<String>) -> Result<Given, Failure> {
    let mut examiner = Examiner::new(&opened.pack.name, codes);
    let mut given = Given::default();
    let queries = opened.query(extract, Some(span)).into_iter().collect();
    opened.reading().run(Verb::Read, queries, |_, batch| {
        if given.columns.is_empty() {
            given.columns = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        }
        examiner.push(&batch);
        ControlFlow::Continue(())
    })?;
    (given.rows, given.periods) = (examiner.rows, examiner.periods.clone());
    given.findings = examiner.finish();
    given.findings.extend(unused(opened, extract, &given.columns));
    Ok(given)
}

fn small(opened: &Opened<'_>, extract: &str, codes: &mut HashSet<String>) -> Result<Given, Failure> {
    // Where the options of an extract are off, there is nothing to read.
    let whole = Some((Month::FIRST, Month::LAST));
    let Some(query) = opened.query(extract, whole) else { return Ok(Given::default()) };
    let rows = opened.reading().rows(Verb::Read, vec![query])?;
    let (rows, pack) = (&rows[0], opened.pack.name.as_str());
    let mut given = Given { rows: rows.len() as u64, columns: rows.columns(), ..Given::default() };
    given.findings = match extract {
        "accounts" => {
            let (accounts, findings) = connector::accounts(pack, rows);
            codes.extend(accounts.into_iter().map(|account| account.account));
            findings
        }
        "periods" => connector::periods(pack, rows).1,
        "books" => connector::books(pack, rows).1,
        "balances" => connector::balances(pack, rows).1,
        "measures" => connector::measures(pack, rows).1,
        _ => connector::fingerprints(pack, rows).1,
    };
    if ["periods", "balances", "fingerprint"].contains(&extract) {
        given.periods = by_period(rows);
    }
    given.findings.extend(unused(opened, extract, &given.columns));
    Ok(given)
}

/// Rows by period; a fingerprint counts the rows that it stands for.
fn by_period(rows: &Rows) -> BTreeMap<(String, String), u64> {
    let mut periods = BTreeMap::new();
    rows.each(|value| {
        let count = value("entry_count").map_or(1, |count| count.parse().unwrap_or(0));
        let period = (value("month").unwrap_or_default(), value("adjustment").unwrap_or_else(|| "0".to_owned()));
        *periods.entry(period).or_insert(0) += count;
    });
    periods
}

/// Columns that nothing reads: most are a misspelt optional column.
fn unused(opened: &Opened<'_>, extract: &str, columns: &[String]) -> Vec<Finding> {
    // Books have a column for each variable; a fingerprint may hold anything.
    if ["books", "fingerprint"].contains(&extract) {
        return Vec::new();
    }
    let same = if extract == "unposted" { "entries" } else { extract };
    let Some((_, needed, optional)) = EXTRACTS.iter().find(|(name, ..)| *name == same) else { return Vec::new() };
    let known = || needed.iter().chain(*optional).copied();
    let unknown = columns.iter().filter(|column| !known().any(|known| known == column.as_str()));
    let finding = |column: &String| {
        let finding = Finding::warning("column-unused").at(format!("pack {}", opened.pack.name)).with("extract", extract);
        finding.with("column", column).with("near", settings::nearest(column, known()).unwrap_or("—"))
    };
    unknown.map(finding).collect()
}

fn new(folder: &Path) -> Result<Vec<Finding>, Failure> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| Failure::config(Finding::io(&path, &error))
    };
    if folder.exists() {
        return Err(Failure::config(Finding::error("pack-exists").at(folder.display().to_string())));
    }
    let name = folder.file_name().map_or_else(|| "pack".to_owned(), |name| name.to_string_lossy().into_owned());
    let text = connector::TEMPLATE.replace("name = \"template\"", &format!("name = {}", crate::detect::quoted(&name)));
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for (file, text) in [("connector.toml", text.as_str()), ("README.md", connector::TEMPLATE_README)] {
        let path = folder.join(file);
        fs::write(&path, text).map_err(failed(&path))?;
        say(&format!("{}\n", path.display()))?;
    }
    Ok(vec![Finding::note("pack-begun").at(folder.display().to_string())])
}
