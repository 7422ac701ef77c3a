/*! `taizhang diff`: what changed between the last two seals of a period. */

use super::Ctx;
use crate::{changes, output::Table, report::Failure};
use journal::{Change, Entry};
use model::{Finding, Period};

/// Writes the differences voucher by voucher; old seals stay readable, so this needs no source.
pub fn run(ctx: &Ctx, book: Option<&str>, period: Period) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    let book = agent.book(book)?;
    let place = format!("book {}, {period}", book.id);
    let found = changes::between(&store, &book.id, period, None)?;
    let findings = if found.old.is_none() { vec![Finding::note("sealed-once").at(place)] } else { Vec::new() };
    let mut rows = Vec::new();
    for change in found.changes {
        match change {
            Change::Renumbered(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(old, new)| format!("{old} → {new}")).collect();
                rows.push(line("renumbered", &pairs.join(", "), "", None));
            }
            Change::Changed { number, lines } => rows.extend(
                lines.iter().map(|change| line("changed", &number, if change.added { "+" } else { "-" }, Some(&change.entry))),
            ),
            Change::Added { number, lines } => rows.extend(lines.iter().map(|entry| line("added", &number, "+", Some(entry)))),
            Change::Removed { number, lines } => {
                rows.extend(lines.iter().map(|entry| line("removed", &number, "-", Some(entry))))
            }
        }
    }
    if ctx.format == crate::output::Format::Table {
        rows.iter_mut().for_each(|row| row[0] = crate::output::label(ctx.lang, &row[0]));
    }
    let columns = ["change", "voucher", "sign", "account", "debit", "credit", "date", "party", "summary"];
    Table { columns: &columns, numbers: &["debit", "credit"], rows }.write(ctx.format, ctx.lang)?;
    Ok(findings)
}

fn line(change: &str, number: &str, sign: &str, entry: Option<&Entry>) -> Vec<String> {
    let text = |name: &str| entry.and_then(|entry| entry.text(name)).unwrap_or_default().to_owned();
    let (account, debit, credit) = entry
        .map_or_else(Default::default, |entry| (entry.account().to_owned(), entry.debit().fixed(2), entry.credit().fixed(2)));
    vec![
        change.to_owned(),
        number.to_owned(),
        sign.to_owned(),
        account,
        debit,
        credit,
        text("date"),
        text("party"),
        text("summary"),
    ]
}
