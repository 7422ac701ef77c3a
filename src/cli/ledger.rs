/*! `taizhang ledger`: the electronic statistical ledger, shown and exported. */

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use model::{Finding, Month};
use survey::document::LedgerCell;

use super::Ctx;
use crate::{
    output::{self, Table, label},
    report::Failure,
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
        /// Kind of file
        #[arg(long, value_enum)]
        to: Kind,
        /// File; CSV goes to stdout where absent
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// What people do to it
    #[command(flatten)]
    Act(super::acts::Act),
    /// 某一指标的各个版本 Every version of one cell
    Versions {
        /// FORM:CODE
        figure: String,
        /// YYYY-MM
        #[arg(long)]
        period: Month,
        /// Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
    },
}

/// Which cells.
#[derive(Args)]
pub struct Which {
    /// Form code; every form where absent
    #[arg(long)]
    form: Option<String>,
    /// Book id; every book where absent
    #[arg(long)]
    book: Option<String>,
    /// Only this month
    #[arg(long, conflicts_with_all = ["from", "to_month"])]
    period: Option<Month>,
    /// First month
    #[arg(long)]
    from: Option<Month>,
    /// Last month
    #[arg(long = "until")]
    to_month: Option<Month>,
}

/// Kinds of files.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Workbook.
    Xlsx,
    /// Table for spreadsheets.
    Csv,
}

const COLUMNS: [&str; 28] = [
    "book",
    "period",
    "form",
    "code",
    "name",
    "unit",
    "this_month",
    "cumulative",
    "closing",
    "prior_year_month",
    "prior_year",
    "growth_month",
    "growth",
    "raw",
    "formula",
    "formula_place",
    "mapping",
    "source",
    "evidence",
    "conversion",
    "adjustment",
    "adjustment_reason",
    "reported",
    "platform",
    "audit",
    "explanation",
    "status",
    "version",
];
const NUMBERS: [&str; 9] =
    ["this_month", "cumulative", "closing", "prior_year_month", "prior_year", "growth_month", "growth", "raw", "reported"];

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
            let at = shown.map(|name| COLUMNS.iter().position(|known| *known == name).unwrap_or(0));
            for row in &mut rows {
                *row = at.iter().map(|at| row[*at].clone()).collect();
                row[9] = label(ctx.lang, &format!("status-{}", row[9].replace('_', "-")));
            }
            Table { columns: &shown, numbers: &NUMBERS, rows }.write(ctx.format, ctx.lang)?;
        }
        What::Export { which, to, out } => {
            let rows = rows(ctx, which)?;
            match to {
                Kind::Csv => {
                    let numbers: Vec<bool> = COLUMNS.iter().map(|name| NUMBERS.contains(name)).collect();
                    let inert = |row: &Vec<String>| {
                        let cells = row.iter().zip(&numbers);
                        cells.map(|(cell, number)| if *number { cell.clone() } else { sheet::inert(cell) }).collect()
                    };
                    let text = sheet::csv(&COLUMNS, &rows.iter().map(inert).collect::<Vec<_>>())?;
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
    for book in books {
        for version in store.current_cells(&book.id)? {
            let month = version.period.parse::<Month>().ok();
            let wanted = which.form.as_ref().is_none_or(|form| version.form == *form)
                && which.period.is_none_or(|period| month == Some(period))
                && which.from.is_none_or(|from| month.is_some_and(|month| month >= from))
                && which.to_month.is_none_or(|to| month.is_some_and(|month| month <= to));
            if wanted {
                let cell = read(&version)?;
                rows.push(row(&version, &cell));
            }
        }
    }
    Ok(rows)
}

fn read(version: &store::CellVersion) -> Result<LedgerCell, Failure> {
    serde_json::from_str(&version.body).map_err(|error| {
        let place = format!("{}:{}, {}, book {}", version.form, version.cell, version.period, version.book);
        Failure::source(Finding::error("file-damaged").at(place).with("reason", error))
    })
}

fn row(version: &store::CellVersion, ledger: &LedgerCell) -> Vec<String> {
    let cell = &ledger.cell;
    let value = |name: &str| cell.columns.get(name).and_then(|column| column.value.clone()).unwrap_or_default();
    let main = cell.columns.main();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let evidence = cell.evidence.as_ref().map_or_else(String::new, |evidence| {
        format!("{}..{} {}", evidence.from.as_deref().unwrap_or_default(), evidence.to, evidence.digest)
    });
    let adjustment = cell.adjustment.as_ref();
    vec![
        version.book.clone(),
        version.period.clone(),
        version.form.clone(),
        cell.id.clone(),
        cell.name.clone(),
        cell.unit.clone(),
        value("this_month"),
        value("cumulative"),
        value("closing"),
        value("prior_year_month"),
        value("prior_year"),
        text(&ledger.growth.month),
        text(&ledger.growth.cumulative),
        main.and_then(|column| column.raw.clone()).unwrap_or_default(),
        text(&cell.formula),
        text(&cell.place),
        ledger.mapping.clone(),
        ledger.source.clone(),
        evidence,
        ledger.conversion.clone(),
        adjustment.map(|adjustment| adjustment.amount.clone()).unwrap_or_default(),
        adjustment.map(|adjustment| adjustment.reason.clone()).unwrap_or_default(),
        text(&ledger.reported),
        text(&ledger.platform),
        ledger.audit.join(", "),
        text(&ledger.explanation),
        cell.status.clone(),
        version.operation.to_string(),
    ]
}

fn versions(ctx: &Ctx, figure: &str, period: Month, book: Option<&str>) -> Result<(), Failure> {
    let (agent, store) = ctx.open()?;
    let Some((form, code)) = figure.split_once(':') else {
        return Err(Failure::config(Finding::error("figure-unclear").with("figure", figure)));
    };
    let book = match (book, agent.books_of(Some(form)).as_slice()) {
        (None, [only]) => only,
        (id, _) => agent.book(id)?,
    };
    let operations = store.operations()?;
    let mut rows = Vec::new();
    for version in store.cell_versions(&book.id, form, &period.to_string(), code)? {
        let cell = read(&version)?;
        let by = operations.iter().find(|operation| operation.seq == version.operation);
        let mut cells = vec![version.operation.to_string()];
        cells.push(by.map_or_else(String::new, |by| by.at.clone()));
        cells.push(by.map_or_else(String::new, |by| by.who.clone()));
        let row = row(&version, &cell);
        cells.extend([6, 7, 8, 13, 16, 26].map(|at: usize| row[at].clone()));
        rows.push(cells);
    }
    let columns = ["version", "at", "who", "this_month", "cumulative", "closing", "raw", "mapping", "status"];
    Table { columns: &columns, numbers: &["version", "this_month", "cumulative", "closing", "raw"], rows }
        .write(ctx.format, ctx.lang)
}
