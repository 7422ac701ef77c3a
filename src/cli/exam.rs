/*! `taizhang exam`: a report or ledger made by hand, compared cell by cell with the sealed books. Zero differences open the gate. */

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use model::{Amount, Finding, Level, Month};
use serde_json::{Value, json};
use survey::exam::{Cause, Difference, Exam, Grid, column_named};
use ui::Lang;

use super::Ctx;
use crate::{
    build,
    exam::{examined, gap, sentence},
    form_sheet::Reading,
    output::{self, Format, Table, label},
    report::{Failure, grave},
    sheet,
};

/// What is compared.
#[derive(Args)]
pub struct What {
    /// 手工报表或台账 Hand-made report or ledger: XLSX or XLS, or CSV in UTF-8 or GBK
    #[arg(long)]
    against: PathBuf,
    /// 表号 Form code
    #[arg(long)]
    form: String,
    /// 月份 YYYY-MM
    #[arg(long)]
    period: Month,
    /// 账套 id，该表只有一个账套时可不给 Book id; the only one of the form where absent
    #[arg(long)]
    book: Option<String>,
    /// 工作表，不给则数最多的那张 Sheet of the workbook; the one with the most figures of the form where absent
    #[arg(long)]
    sheet: Option<String>,
    /// 文件没写金额单位时用哪个 Unit of money of the file where it says none: 元, 千元, 万元 …
    #[arg(long)]
    unit: Option<String>,
    /// 只写月份的栏是哪一栏 Column of headings that say a month alone
    #[arg(long, value_parser = ["this_month", "cumulative"])]
    column: Option<String>,
    /// 建议的映射改动写到哪个文件 File for the proposed changes of the mapping; nothing is applied
    #[arg(long)]
    proposals: Option<PathBuf>,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let book = agent.book_for(&what.form, what.book.as_deref())?;
    let ready = build::ready(&agent, &mut store, book, Some(&what.form), what.period)?;
    let unknown = || Failure::config(Finding::error("form-unknown").with("form", &what.form));
    let form = ready.layers.mapping.form(&what.form).ok_or_else(unknown)?;
    let reading = Reading {
        path: &what.against,
        sheet: what.sheet.as_deref(),
        unit: what.unit.as_deref(),
        year: Some(what.period.year()),
        column: what.column.as_deref().and_then(column_named),
    };
    let (grid, told, words) = reading.of(&agent, form)?;
    let exam = examined(&ready, form, what.period, told, &words);
    show(ctx, what, &book.id, &grid, &exam)?;
    let place = format!("{}, {}, book {}", what.form, what.period, book.id);
    let mut findings = grave(ready.findings);
    findings.extend(exam.notes.iter().chain(&exam.unclear).cloned());
    if exam.passed() {
        findings.push(Finding::note("exam-passed").at(place).with("compared", exam.compared));
        return Ok(findings);
    }
    findings.retain(|finding| finding.level < Level::Error);
    findings.push(if exam.compared == 0 && exam.unclear.is_empty() {
        Finding::error("sheet-without-figures").at(what.against.display().to_string()).with("form", &what.form)
    } else {
        let finding = Finding::error("exam-differs").at(place).with("compared", exam.compared);
        finding.with("count", exam.differences.len()).with("unclear", exam.unclear.len())
    });
    Err(Failure::findings(findings))
}

fn show(ctx: &Ctx, what: &What, book: &str, grid: &Grid, exam: &Exam) -> Result<(), Failure> {
    let proposals = proposals(ctx.lang, grid, exam);
    if let Some(path) = &what.proposals {
        sheet::save(path, proposals.as_bytes())?;
    }
    if ctx.format == Format::Json {
        return output::json(&document(ctx.lang, what, book, grid, exam));
    }
    let text = |amount: Option<Amount>| amount.map_or_else(String::new, |amount| amount.to_string());
    let rows =
        exam.differences.iter().map(|difference| {
            let cause = difference.causes.first();
            let column = if ctx.people() {
                label(ctx.lang, output::at_end(difference.column.name()))
            } else {
                difference.column.name().to_owned()
            };
            vec![
                difference.key.clone(),
                difference.name.clone(),
                column,
                grid.place(difference.at.0, difference.at.1),
                difference.theirs.to_string(),
                text(difference.ours),
                text(gap(difference)),
                cause.map_or_else(String::new, |cause| {
                    if ctx.people() { sentence(ctx.lang, cause) } else { cause.said.code.to_string() }
                }),
            ]
        });
    let columns = ["code", "name", "column", "cell", "theirs", "ours", "difference", "cause"];
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() && ctx.people() {
        return Ok(());
    }
    Table { columns: &columns, numbers: &["theirs", "ours", "difference"], rows }.write(ctx.format, ctx.lang)?;
    if ctx.people() {
        // Every other cause, below the table: the first is not always it.
        let mut more = String::new();
        for difference in exam.differences.iter().filter(|difference| difference.causes.len() > 1) {
            let causes: Vec<String> = difference.causes.iter().skip(1).map(|cause| sentence(ctx.lang, cause)).collect();
            let column = label(ctx.lang, output::at_end(difference.column.name()));
            more += &format!("{} {column}: {}\n", difference.key, causes.join("; "));
        }
        if !more.is_empty() {
            output::say(&format!("\n{}\n{more}", label(ctx.lang, "other-causes")))?;
        }
        if !proposals.is_empty() && what.proposals.is_none() {
            output::say(&format!("\n{proposals}"))?;
        }
    }
    Ok(())
}

/// Changes of the mapping as a layer would have them: the first of each cell stands, others are remarks. Nothing is applied.
fn proposals(lang: Lang, grid: &Grid, exam: &Exam) -> String {
    let mut cells: BTreeMap<&str, Vec<(&str, String)>> = BTreeMap::new();
    for difference in &exam.differences {
        for cause in &difference.causes {
            let Some(change) = &cause.change else { continue };
            let known = cells.entry(&change.cell).or_default();
            if !known.iter().any(|(formula, _)| *formula == change.formula) {
                let place = grid.place(difference.at.0, difference.at.1);
                known.push((&change.formula, change.toml(&format!("{place}: {}", sentence(lang, cause)))));
            }
        }
    }
    let mut text = String::new();
    for (_, changes) in cells {
        for (at, (_, toml)) in changes.into_iter().enumerate() {
            if !text.is_empty() {
                text.push('\n');
            }
            for line in toml.lines() {
                text += &if at == 0 { format!("{line}\n") } else { format!("# {line}\n") };
            }
        }
    }
    if text.is_empty() { text } else { format!("# {}\n{text}", label(lang, "proposals")) }
}

fn document(lang: Lang, what: &What, book: &str, grid: &Grid, exam: &Exam) -> Value {
    let notes =
        |findings: &[Finding]| findings.iter().map(|finding| json!(survey::document::Note::from(finding))).collect::<Vec<_>>();
    let causes = |difference: &Difference| -> Vec<Value> {
        let one = |cause: &Cause| {
            let note = survey::document::Note::from(&cause.said);
            let change = cause.change.as_ref();
            let change = change.map(|change| json!({ "cell": change.cell, "formula": change.formula }));
            json!({ "code": note.code, "arguments": note.arguments, "text": sentence(lang, cause), "change": change })
        };
        difference.causes.iter().map(one).collect()
    };
    let differences: Vec<Value> = exam
        .differences
        .iter()
        .map(|difference| {
            json!({
                "code": difference.key, "name": difference.name, "column": difference.column.name(),
                "cell": grid.place(difference.at.0, difference.at.1),
                "theirs": difference.theirs.to_string(), "ours": difference.ours.map(|ours| ours.to_string()),
                "raw": difference.raw.map(|raw| raw.to_string()), "difference": gap(difference).map(|gap| gap.to_string()),
                "status": difference.status, "causes": causes(difference),
            })
        })
        .collect();
    json!({
        "form": what.form, "period": what.period.to_string(), "book": book, "compared": exam.compared, "passed": exam.passed(),
        "differences": differences, "unclear": notes(&exam.unclear), "notes": notes(&exam.notes),
    })
}
