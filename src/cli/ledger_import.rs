/*! `taizhang ledger import --reported`: figures that were filed before, from a sheet or the portal's export. */

use std::path::PathBuf;

use clap::Args;
use journal::Digest;
use model::{Finding, Level, Month};
use store::Store;
use survey::{Form, exam::column_named};

use super::Ctx;
use crate::{
    config::{self, Person},
    form_sheet::Reading,
    forms::{self, EDITION},
    output::{Table, at_end, label},
    report::Failure,
    reported,
};

/// Columns that figures are filed in; the first two are what a month alone can mean.
const COLUMNS: [&str; 6] = ["this_month", "cumulative", "closing", "opening", "prior_year_month", "prior_year"];

/// Fewest characters of a reason.
const REASON_LEAST: usize = 4;

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
    let configured = agent.forms.iter().find(|form| form.code == what.form).cloned();
    let configured = configured.unwrap_or_else(|| config::Form::of(&what.form, EDITION));
    let form = forms::pack(Some(&agent), &configured).map_err(|findings| Failure { exit: 2, findings })?;
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
    let (grid, read, _) = reading.of(&agent, &form)?;
    let digest = Digest::of(&sheets::bytes(path)?).to_string();
    let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let source = reported::Source { file: &file, sha256: &digest, grid: &grid };
    let (figures, mut findings) = reported::figures(&form, &read.told, what.period, &source, person);
    findings.extend(read.notes.into_iter().chain(read.unclear));
    if figures.is_empty() && !findings.iter().any(|finding| finding.level == Level::Error) {
        let place = path.display().to_string();
        findings.push(Finding::error("sheet-without-figures").at(place).with("form", &what.form));
    }
    // All of a file, or nothing of it where it contradicts itself.
    if findings.iter().any(|finding| finding.level == Level::Error) {
        return Err(Failure::findings(findings));
    }
    // A month alone says neither the month's own figure nor that since January: what was taken is told, with how to say it.
    let assumed = read.told.iter().filter(|told| told.assumed);
    if let Some(first) = assumed.clone().next() {
        let finding = Finding::warning("reported-column-assumed").at(grid.place(first.at.0, first.at.1));
        let finding = finding.with("column", label(ctx.lang, at_end(first.column.name())).trim_end().to_owned());
        findings.push(finding.with("count", assumed.count()));
    }
    let kept = reported::keep(&mut store, &book.id, &form.form, &figures, person)?;
    findings.extend(kept.replaced.into_iter().map(|(month, replaced)| {
        let place = format!("{}, {month}, book {}", form.form, book.id);
        Finding::warning("reported-replaced").at(place).with("figures", replaced.join("; "))
    }));
    let rows = kept
        .months
        .into_iter()
        .map(|(month, (count, new))| vec![book.id.clone(), form.form.clone(), month, count.to_string(), new.to_string()]);
    let columns = ["book", "form", "period", "figures", "new"];
    Table { columns: &columns, numbers: &["figures", "new"], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    Ok(findings)
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
    let place = format!("{}, book {book}", form.form);
    let reason = what.reason.as_deref().unwrap_or_default().trim();
    if reason.chars().count() < REASON_LEAST {
        let finding = Finding::error("reason-too-short").at(place).with("reason", reason);
        return Err(Failure::config(finding.with("least", REASON_LEAST)));
    }
    let (key, column) = (what.code.as_deref(), what.column.as_deref());
    let back = reported::Back { book, form: &form.form, period: what.period, key, column, reason };
    let months = reported::withdraw(store, &back, person)?;
    if months.is_empty() {
        return Err(Failure::findings(vec![Finding::error("reported-absent").at(place)]));
    }
    let rows = months.into_iter().map(|(month, count)| vec![book.to_owned(), form.form.clone(), month, count.to_string()]);
    let columns = ["book", "form", "period", "withdrawn"];
    Table { columns: &columns, numbers: &["withdrawn"], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    Ok(Vec::new())
}
