/*! `taizhang ledger import --reported`: figures that were filed before, from a sheet or the portal's export. */

use std::path::PathBuf;

use clap::Args;
use model::{Finding, Month};
use store::Store;
use survey::{Form, exam::column_named};

use super::Ctx;
use crate::{
    acts,
    config::{self, Person},
    evidence::Paper,
    form_sheet::Reading,
    loading,
    output::Table,
    report::Failure,
    reported,
};

/// Columns that figures are filed in; the first two are what a month alone can mean.
const COLUMNS: [&str; 6] = ["this_month", "cumulative", "closing", "opening", "prior_year_month", "prior_year"];

/// What is loaded.
#[derive(Args)]
pub struct What {
    /// 上报过的数 XLSX, or CSV in UTF-8 or GBK: figures as they were filed
    #[arg(long, required_unless_present = "withdraw")]
    reported: Option<PathBuf>,
    /// 取回装入的平台值，--form 的全部，或 --period、--code、--column 指定的 Take figures back: all of the form, or those of --period, --code, --column
    #[arg(long, conflicts_with = "reported", requires = "reason")]
    withdraw: bool,
    /// 取回哪个指标 Indicator whose figures are taken back
    #[arg(long, requires = "withdraw")]
    code: Option<String>,
    /// 取回的理由 Why they are taken back
    #[arg(long, requires = "withdraw")]
    reason: Option<String>,
    /// 表号 Form code
    #[arg(long)]
    form: String,
    /// 账套 id，该表只有一个账套时可不给 Book id; the only one of the form where absent
    #[arg(long)]
    book: Option<String>,
    /// 没写月份的数是哪个月的；取回时：哪个月的 Month of figures beside which none is said; the month that is taken back
    #[arg(long)]
    period: Option<Month>,
    /// 工作表，不给则数最多的那张 Sheet of the workbook; the one with the most figures of the form where absent
    #[arg(long)]
    sheet: Option<String>,
    /// 文件没写金额单位时用哪个 Unit of money of the file where it says none: 元, 千元, 万元 …
    #[arg(long)]
    unit: Option<String>,
    /// 只写月份的栏是哪一栏：this_month 或 cumulative；取回时：哪一栏 Column of headings that say a month alone; the column that is taken back
    #[arg(long, value_parser = COLUMNS)]
    column: Option<String>,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let person = ctx.person(&agent)?;
    person.must(config::Deed::Platform, &what.form)?;
    let book = agent.book_for(&what.form, what.book.as_deref())?;
    let form = loading::form(&agent, &what.form)?;
    let Some(path) = &what.reported else { return withdraw(ctx, what, &mut store, &book.id, &form, person) };
    if let Some(column) = what.column.as_deref().filter(|column| !COLUMNS[..2].contains(column)) {
        let finding = Finding::error("column-unknown").with("column", column);
        return Err(Failure::config(finding.with("known", COLUMNS[..2].join(", "))));
    }
    let reading = Reading {
        path,
        sheet: what.sheet.as_deref(),
        unit: what.unit.as_deref(),
        year: what.period.map(Month::year),
        column: what.column.as_deref().and_then(column_named),
    };
    let source = (Paper::read(path)?, sheets::read(path)?);
    let loaded = loading::load(&agent, &mut store, book, &form, &reading, source, what.period, person, ctx.lang)?;
    let rows = loaded
        .kept
        .months
        .into_iter()
        .map(|(month, (count, new))| vec![book.id.clone(), form.form.clone(), month, count.to_string(), new.to_string()]);
    let columns = ["book", "form", "period", "figures", "new"];
    Table { columns: &columns, numbers: &["figures", "new"], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    Ok(loaded.findings)
}

/// Takes figures back that should not have been loaded; the version before stays in the log.
fn withdraw(
    ctx: &Ctx,
    what: &What,
    store: &mut Store,
    book: &str,
    form: &Form,
    person: &Person,
) -> Result<Vec<Finding>, Failure> {
    let reason = acts::reason(what.reason.as_deref().unwrap_or_default())?;
    let (key, column) = (what.code.as_deref(), what.column.as_deref());
    let back = reported::Back { book, form: &form.form, period: what.period, key, column, reason };
    let months = reported::withdraw(store, &back, person)?;
    if months.is_empty() {
        return Err(Failure::findings(vec![Finding::error("reported-absent").at(format!("{}, book {book}", form.form))]));
    }
    let rows = months.into_iter().map(|(month, count)| vec![book.to_owned(), form.form.clone(), month, count.to_string()]);
    let columns = ["book", "form", "period", "withdrawn"];
    Table { columns: &columns, numbers: &["withdrawn"], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    Ok(Vec::new())
}
