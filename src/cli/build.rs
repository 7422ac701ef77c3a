/*! `taizhang build`: ledger and drafts of a month. */

use model::{Finding, Month};

use super::Ctx;
use crate::{
    build,
    output::Table,
    report::{Failure, blocked},
    times,
};

/// Builds one form or all, of one book or all that have forms.
pub fn run(ctx: &Ctx, form: Option<&str>, book: Option<&str>, month: Month) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    times::done("configuration and state");
    let who = ctx.who(&agent)?;
    let books = match book {
        Some(id) => vec![agent.book(Some(id))?],
        None => agent.books_of(form),
    };
    let (mut rows, mut findings, mut exit) = (Vec::new(), Vec::new(), 0);
    for book in books {
        match build::build(&agent, &mut store, book, form, month, &who) {
            Ok((outcomes, found)) => {
                rows.extend(outcomes.iter().map(row));
                findings.extend(found);
            }
            Err(failure) => {
                exit = exit.max(failure.exit);
                findings.extend(failure.findings);
            }
        }
    }
    let columns = ["form", "book", "period", "version", "figures", "gaps", "moved", "result", "operation"];
    if ctx.people() {
        rows.iter_mut().for_each(|row| row[7] = crate::output::label(ctx.lang, &row[7]));
    }
    Table { columns: &columns, numbers: &["version", "figures", "gaps", "moved", "operation"], rows }
        .write(ctx.format, ctx.lang)?;
    if exit > 0 || blocked(&findings) {
        return Err(Failure { exit: exit.max(1), findings });
    }
    Ok(findings)
}

fn row(outcome: &build::Outcome) -> Vec<String> {
    let draft = &outcome.draft;
    let count =
        |wanted: &dyn Fn(&survey::document::Cell) -> bool| draft.cells.iter().filter(|cell| wanted(cell)).count().to_string();
    vec![
        draft.form.clone(),
        draft.book.clone(),
        draft.period.clone(),
        outcome.version.to_string(),
        count(&|cell| cell.status == "ok"),
        count(&|cell| cell.status != "ok"),
        outcome.moved.len().to_string(),
        if outcome.new { "built" } else { "unchanged" }.to_owned(),
        outcome.operation.to_string(),
    ]
}
