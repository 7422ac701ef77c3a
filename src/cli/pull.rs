/*! `taizhang pull` */

use model::Finding;
use store::Seal;

use super::Ctx;
use crate::{
    output::Table,
    pull::{Scope, pull},
    report::{Failure, blocked},
};

/// Pulls one book or all; a book that fails does not keep the others from being pulled.
pub fn run(ctx: &Ctx, book: Option<&str>, scope: Scope) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let books = match book {
        Some(id) => vec![agent.book(Some(id))?],
        None => agent.books.iter().collect(),
    };
    let (mut rows, mut findings, mut exit) = (Vec::new(), Vec::new(), 0);
    for book in books {
        match pull(&agent, &mut store, book, scope) {
            Ok(outcome) => {
                rows.extend(outcome.sealed.iter().map(|(seal, old)| row(ctx, seal, old.as_deref())));
                findings.extend(outcome.findings);
                findings.extend(crate::build::rebuild_closed(&agent, &mut store, book)?);
                findings.extend(crate::build::touched_drafts(&store, book)?);
                // Before the first month that was asked for only what accounts carry forward is sealed.
                let carried = outcome.sealed.iter().filter(|(seal, _)| seal.file.is_none()).count();
                let note = if carried == 0 {
                    Finding::note("pulled")
                } else {
                    Finding::note("pulled-balances").with("balances", carried)
                };
                let note = note.at(format!("book {}", book.id)).with("sealed", outcome.sealed.len() - carried);
                findings.push(note.with("unchanged", outcome.unchanged));
            }
            Err(failure) => {
                exit = exit.max(failure.exit);
                findings.extend(failure.findings);
            }
        }
    }
    let columns = ["book", "period", "state", "vouchers", "rows", "debit", "credit", "root", "change"];
    Table { columns: &columns, numbers: &["vouchers", "rows", "debit", "credit"], rows }.write(ctx.format, ctx.lang)?;
    if exit > 0 || blocked(&findings) {
        return Err(Failure { exit: exit.max(1), findings });
    }
    Ok(findings)
}

fn row(ctx: &Ctx, seal: &Seal, old: Option<&str>) -> Vec<String> {
    let change = match old {
        None => "new",
        Some(root) if root == seal.root => "same",
        Some(_) => "changed",
    };
    // People recognise a seal by its first digits; machines get all of them.
    let people = ctx.format == crate::output::Format::Table;
    let root = if people { seal.root.chars().take(12).collect() } else { seal.root.clone() };
    let amount = |text: &str| text.parse::<model::Amount>().map_or_else(|_| text.to_owned(), |amount| amount.fixed(2));
    let word = |word: &str| if people { crate::output::label(ctx.lang, word) } else { word.to_owned() };
    let (debit, credit) = (amount(&seal.debit), amount(&seal.credit));
    let (vouchers, rows) = (seal.vouchers.to_string(), seal.rows.to_string());
    vec![seal.book.clone(), seal.period.to_string(), word(&seal.state), vouchers, rows, debit, credit, root, word(change)]
}
