/*! `taizhang ledger`: the electronic statistical ledger, shown and exported. */

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use clap::{Args, Subcommand, ValueEnum};
use model::{Amount, Finding, Month};
use store::Wanted;

use super::{Ctx, archive, ledger_import};
use crate::{
    acts::{self, EVENT},
    build,
    ledger::{COLUMNS, NUMBERS, place, read, row},
    output::{self, Table, label},
    report::Failure,
    reported::{self, Reported},
    sheet,
};

/// What to do with the ledger.
#[derive(Subcommand)]
pub enum What {
    /// 显示台账 The newest version of every ledger cell
    Show(Which),
    /// 导出台账 The ledger as XLSX or CSV
    Export {
        #[command(flatten)]
        which: Which,
        /// 文件种类 Kind of file
        #[arg(long, value_enum)]
        to: Kind,
        /// 文件，从当前目录算起；CSV 不给则到标准输出 File; CSV goes to stdout where absent
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// What people do to it
    #[command(flatten)]
    Act(super::acts::Act),
    /// 载入平台值 Figures that were filed before: kept beside what is computed, never as computed
    Import(ledger_import::What),
    /// 年度归档 Everything of a year that must be readable later, as one file with a digest of each part; needs --as
    Archive(archive::What),
    /// 某一指标的各个版本 Every version of one cell
    Versions {
        /// 指标，表号:代码，如 B203:301 FORM:CODE
        figure: String,
        /// 月份 YYYY-MM
        #[arg(long)]
        period: Month,
        /// 账套 id，只有一个时可不给 Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
    },
}

/// Which cells.
#[derive(Args)]
pub struct Which {
    /// 表号，不给则每张表 Form code; every form where absent
    #[arg(long)]
    form: Option<String>,
    /// 账套 id，不给则每个账套 Book id; every book where absent
    #[arg(long)]
    book: Option<String>,
    /// 只要这个月 Only this month
    #[arg(long, conflicts_with_all = ["from", "to_month"])]
    period: Option<Month>,
    /// 起始月份 First month
    #[arg(long)]
    from: Option<Month>,
    /// 截止月份；export 的 --to 是文件种类，所以这里叫 --until Last month
    #[arg(long = "until")]
    to_month: Option<Month>,
}

/// Kinds of files.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// 工作簿 Workbook.
    Xlsx,
    /// 表格 Table for spreadsheets.
    Csv,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::Act(act) => return super::acts::run(ctx, act),
        What::Show(which) => {
            let mut rows = rows(ctx, which)?;
            if !ctx.people() {
                return Table { columns: &COLUMNS, numbers: &NUMBERS, rows }.write(ctx.format, ctx.lang).map(|()| Vec::new());
            }
            // What fits on a screen; the export has all columns.
            let shown =
                ["period", "form", "code", "name", "this_month", "cumulative", "closing", "prior_year", "growth", "status"];
            let platform = rows.iter().any(|row| !row[place("platform")].is_empty());
            let more: &[&str] = if platform { &["platform", "difference"] } else { &[] };
            let touched = rows.iter().any(|row| !row[place("touched")].is_empty());
            let mark: &[&str] = if touched { &["touched"] } else { &[] };
            let shown: Vec<&str> = shown.iter().chain(more).chain(mark).copied().collect();
            for row in &mut rows {
                *row = shown.iter().map(|name| row[place(name)].clone()).collect();
                if let Some(mark) = row.last_mut().filter(|mark| touched && !mark.is_empty()) {
                    *mark = label(ctx.lang, "changed");
                }
                row[9] = label(ctx.lang, &format!("status-{}", row[9].replace('_', "-")));
            }
            let titles: Vec<&str> = shown.iter().map(|name| output::at_end(name)).collect();
            let numbers: Vec<&str> = NUMBERS.iter().copied().chain(["at_end"]).collect();
            Table { columns: &titles, numbers: &numbers, rows }.write(ctx.format, ctx.lang)?;
        }
        What::Export { which, to, out } => {
            let rows = rows(ctx, which)?;
            match to {
                Kind::Csv => {
                    let text = sheet::inert_csv(&COLUMNS, &NUMBERS, &rows)?;
                    match out {
                        None => output::say(&text)?,
                        Some(path) => sheet::save(path, text.as_bytes())?,
                    }
                }
                Kind::Xlsx => {
                    let path = out.clone().unwrap_or_else(|| "ledger.xlsx".into());
                    sheet::table(&path, &label(ctx.lang, "sheet-ledger"), &COLUMNS, &NUMBERS, &rows, ctx.lang)?;
                    output::say(&format!("{}\n", path.display()))?;
                }
            }
        }
        What::Import(what) => return ledger_import::run(ctx, what),
        What::Archive(what) => return archive::run(ctx, what),
        What::Versions { figure, period, book } => versions(ctx, figure, *period, book.as_deref())?,
    }
    Ok(Vec::new())
}

fn rows(ctx: &Ctx, which: &Which) -> Result<Vec<Vec<String>>, Failure> {
    let (agent, store) = ctx.open()?;
    let books = match &which.book {
        Some(id) => vec![agent.book(Some(id))?],
        None => agent.books.iter().collect(),
    };
    let mut rows = Vec::new();
    let mut events: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in store.records(EVENT, Wanted::default())? {
        let said: serde_json::Value = acts::body(&record)?;
        if said["withdrawn"].is_string() {
            continue;
        }
        events.entry(record.period).or_default().push(said["text"].as_str().unwrap_or_default().to_owned());
    }
    let wanted = |form: &str, period: &str| {
        let month = period.parse::<Month>().ok();
        which.form.as_ref().is_none_or(|wanted| form == *wanted)
            && which.period.is_none_or(|period| month == Some(period))
            && which.from.is_none_or(|from| month.is_some_and(|month| month >= from))
            && which.to_month.is_none_or(|to| month.is_some_and(|month| month <= to))
    };
    for book in books {
        let mut platform: BTreeMap<[String; 3], Reported> = reported::of(&store, &book.id, which.form.as_deref(), None)?
            .into_iter()
            .filter(|(record, _)| wanted(&record.form, &record.period))
            .map(|(record, reported)| ([record.form, record.period, record.key], reported))
            .collect();
        let mut touched: BTreeMap<[String; 2], Vec<String>> = BTreeMap::new();
        let mut rows_of: BTreeMap<[String; 2], BTreeSet<String>> = BTreeMap::new();
        for draft in store.current_drafts()?.iter().filter(|draft| draft.book == book.id && wanted(&draft.form, &draft.period)) {
            let (key, read) = ([draft.form.clone(), draft.period.clone()], build::read(draft)?);
            touched.insert(key.clone(), build::touched(&store, &read)?.cells());
            rows_of.insert(key, read.cells.into_iter().map(|cell| cell.id).collect());
        }
        for version in store.current_cells(&book.id)?.into_iter().filter(|version| wanted(&version.form, &version.period)) {
            // A row that the form no longer has of the month, as once it was repeated for products, is kept as its versions.
            let rows_of = rows_of.get(&[version.form.clone(), version.period.clone()]);
            if rows_of.is_some_and(|rows| !rows.contains(&version.cell)) {
                continue;
            }
            let cell = read(&version)?;
            let key = [version.form.clone(), version.period.clone(), version.cell.clone()];
            let mut row = row(&version, &cell);
            if touched.get(&[version.form.clone(), version.period.clone()]).is_some_and(|cells| cells.contains(&version.cell)) {
                row[place("touched")] = "evidence_changed".to_owned();
            }
            if let Some(reported) = platform.remove(&key) {
                let filed = reported::main(&reported).cloned().unwrap_or_default();
                let ours = cell.reported.as_deref().and_then(|ours| ours.parse::<Amount>().ok());
                let gap = ours.zip(filed.parse::<Amount>().ok()).and_then(|(ours, filed)| ours.checked_sub(filed));
                row[place("difference")] = gap.map_or_else(String::new, |gap| gap.to_string());
                row[place("platform")] = filed;
            }
            row[place("events")] = events.get(&version.period).map(|texts| texts.join("; ")).unwrap_or_default();
            rows.push(row);
        }
        // Months that the books do not reach, or that were not built, have what was filed and nothing else.
        for ([form, period, key], reported) in platform {
            let mut row = vec![String::new(); COLUMNS.len()];
            let filed = reported::main(&reported).cloned().unwrap_or_default();
            let said = [("book", book.id.clone()), ("period", period), ("form", form), ("code", key), ("platform", filed)];
            for (name, text) in said.into_iter().chain([("status", "reported".to_owned()), ("source", reported.file)]) {
                row[place(name)] = text;
            }
            rows.push(row);
        }
    }
    let order = ["book", "form", "period"].map(place);
    rows.sort_by(|a, b| order.map(|at| &a[at]).cmp(&order.map(|at| &b[at])));
    Ok(rows)
}

fn versions(ctx: &Ctx, figure: &str, period: Month, book: Option<&str>) -> Result<(), Failure> {
    let (agent, store) = ctx.open()?;
    let (form, code, book) = agent.figure(figure, book)?;
    let operations = store.operations()?;
    let shown = ["this_month", "cumulative", "closing", "raw", "adjustment", "reported", "mapping", "status", "operation"];
    let mut rows = Vec::new();
    for version in store.cell_versions(&book.id, form, &period.to_string(), code)? {
        let cell = read(&version)?;
        let by = operations.iter().find(|operation| operation.seq == version.operation);
        let mut cells = vec![version.version.to_string()];
        cells.push(by.map_or_else(String::new, |by| ctx.time(&by.at)));
        cells.push(by.map_or_else(String::new, |by| by.who.clone()));
        let mut row = row(&version, &cell);
        if ctx.people() {
            row[place("mapping")] = ctx.short(&row[place("mapping")]);
            row[place("status")] = label(ctx.lang, &format!("status-{}", row[place("status")].replace('_', "-")));
        }
        cells.extend(shown.map(|name| row[place(name)].clone()));
        rows.push(cells);
    }
    let columns = [&["version", "at", "who"], &shown[..]].concat();
    let numbers = ["version", "this_month", "cumulative", "closing", "raw", "adjustment", "reported", "operation"];
    Table { columns: &columns, numbers: &numbers, rows }.write(ctx.format, ctx.lang)
}
