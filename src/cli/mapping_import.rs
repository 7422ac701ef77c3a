/*! `taizhang mapping import`: formulas of UFO sheets and of Kingdee's ACCT, from pasted text or a workbook, as a layer of a mapping. */

use std::{
    io::{Read, stdin},
    path::PathBuf,
};

use clap::Args;
use formula::dialects::CellName;
use model::Finding;
use survey::Form;

use super::Ctx;
use crate::{
    forms::EDITION,
    mapping::import::{self, Translation},
    output::{self, Table, label},
    report::Failure,
    sheet,
};

/// What is imported.
#[derive(Args)]
pub struct What {
    /// 公式文件，不给或写 - 则读标准输入 XLSX workbook, or text with one `cell = formula` or bare formula a line; standard input where absent or `-`
    file: Option<PathBuf>,
    /// 公式是哪张表的；不给则成为项目 Form whose cells the formulas are for; without it they become items
    #[arg(long)]
    form: Option<String>,
    /// 制度年份 Edition of the form
    #[arg(long, default_value = EDITION)]
    edition: String,
    /// 公式是哪家的写法，不给则每格各自判断 Who wrote them; found cell by cell where absent
    #[arg(long, value_parser = ["ufo", "kingdee-cloud", "kingdee-k3", "kingdee-kis", "acct-qm"])]
    dialect: Option<String>,
    /// 工作表，不给则公式最多的那张 Sheet of the workbook; the one with the most formulas where absent
    #[arg(long)]
    sheet: Option<String>,
    /// 映射层写到哪个文件，不给则到标准输出 File of the layer; standard output where absent
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let agent = if ctx.config.exists() { Some(ctx.agent()?) } else { None };
    let form = what.form.as_ref().map(|code| import::form_of(agent.as_ref(), code, &what.edition)).transpose()?;
    let form = form.as_ref();
    let file = what.file.as_deref().filter(|path| path.as_os_str() != "-");
    let name = file.map_or_else(|| "stdin".to_owned(), |path| path.display().to_string());
    let mut findings = Vec::new();
    let (entries, grid) = match file {
        Some(path) => {
            let bytes = sheets::bytes(path)?;
            if bytes.starts_with(b"PK") {
                import::workbook(agent.as_ref(), path, what.sheet.as_deref(), form, &mut findings)?
            } else {
                (import::lines(&name, &sheets::text(&name, &bytes).map_err(Failure::config)?), None)
            }
        }
        None => {
            let mut bytes = Vec::new();
            let failed =
                |error: std::io::Error| Failure::config(Finding::error("file-refused").at("stdin").with("reason", error));
            stdin().lock().take(sheets::BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
            (import::lines(&name, &sheets::text(&name, &bytes).map_err(Failure::config)?), None)
        }
    };
    let translation = import::translation(&name, entries, grid.as_ref(), form, what.dialect.as_deref())?;
    findings.extend(translation.findings.iter().cloned());
    let layer = translation.layer(ctx.lang, &name, form);
    match &what.out {
        None => output::say(&layer)?,
        Some(path) => {
            sheet::save(path, layer.as_bytes())?;
            report(ctx, form, &translation)?;
        }
    }
    if translation.imported.iter().all(|imported| imported.expr.is_none()) {
        findings.push(Finding::error("import-nothing").at(name));
        return Err(Failure::findings(findings));
    }
    Ok(findings)
}

fn report(ctx: &Ctx, form: Option<&Form>, translation: &Translation) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for ((entry, imported), dialect) in translation.entries.iter().zip(&translation.imported).zip(&translation.spoken.each) {
        let word = import::degree(imported);
        rows.push(vec![
            entry.cell.as_ref().map_or_else(|| entry.label.clone(), CellName::to_string),
            entry.target(form),
            dialect.name().to_owned(),
            entry.text.clone(),
            imported.expr.as_ref().map_or_else(String::new, ToString::to_string),
            if ctx.people() { label(ctx.lang, word) } else { word.to_owned() },
        ]);
    }
    let columns = ["cell", "target", "dialect", "original", "formula", "result"];
    Table { columns: &columns, numbers: &[], rows }.write(ctx.format, ctx.lang)
}
