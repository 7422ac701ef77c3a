/*! `taizhang ledger import --reported`: figures that were filed before, from a sheet or the portal's export. */

use std::path::PathBuf;

use clap::Args;
use journal::Digest;
use model::{Finding, Level, Month};
use survey::exam::column_named;

use super::Ctx;
use crate::{
    config,
    form_sheet::Reading,
    forms::{self, EDITION},
    output::Table,
    report::Failure,
    reported,
};

/// What is loaded.
#[derive(Args)]
pub struct What {
    /// 上报过的数 XLSX, or CSV in UTF-8 or GBK: figures as they were filed
    #[arg(long)]
    reported: PathBuf,
    /// 表号 Form code
    #[arg(long)]
    form: String,
    /// 账套 id，该表只有一个账套时可不给 Book id; the only one of the form where absent
    #[arg(long)]
    book: Option<String>,
    /// 没写月份的数是哪个月的 Month of figures beside which none is said
    #[arg(long)]
    period: Option<Month>,
    /// 工作表，不给则数最多的那张 Sheet of the workbook; the one with the most figures of the form where absent
    #[arg(long)]
    sheet: Option<String>,
    /// 文件没写金额单位时用哪个 Unit of money of the file where it says none: 元, 千元, 万元 …
    #[arg(long)]
    unit: Option<String>,
    /// 只写月份的栏是哪一栏 Column of headings that say a month alone
    #[arg(long, value_parser = ["this_month", "cumulative"])]
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
    let reading = Reading {
        path: &what.reported,
        sheet: what.sheet.as_deref(),
        unit: what.unit.as_deref(),
        year: what.period.map(Month::year),
        column: what.column.as_deref().and_then(column_named),
    };
    let (grid, read, _) = reading.of(&agent, &form)?;
    let digest = Digest::of(&sheets::bytes(&what.reported)?).to_string();
    let file = what.reported.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let source = reported::Source { file: &file, sha256: &digest, grid: &grid };
    let (figures, mut findings) = reported::figures(&form, &read.told, what.period, &source, person);
    findings.extend(read.notes.into_iter().chain(read.unclear));
    if figures.is_empty() && !findings.iter().any(|finding| finding.level == Level::Error) {
        let place = what.reported.display().to_string();
        findings.push(Finding::error("sheet-without-figures").at(place).with("form", &what.form));
    }
    // All of a file, or nothing of it where it contradicts itself.
    if findings.iter().any(|finding| finding.level == Level::Error) {
        return Err(Failure::findings(findings));
    }
    let months = reported::keep(&mut store, &book.id, &form.form, &figures, person)?;
    let rows = months
        .into_iter()
        .map(|(month, (count, new))| vec![book.id.clone(), form.form.clone(), month, count.to_string(), new.to_string()]);
    let columns = ["book", "form", "period", "figures", "new"];
    Table { columns: &columns, numbers: &["figures", "new"], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    Ok(findings)
}
