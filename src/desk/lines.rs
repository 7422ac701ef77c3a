//! Entry lines behind a figure, and vouchers as they are sealed.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use journal::Entry;
use model::{Amount, Finding, Period};
use store::Store;
use web::{Answer, Line, Lines, LinesPlace, Refusal, Voucher};

use super::{figure, home::local, shelf::Shelf};
use crate::{books, config::Agent, forms::Desk, report::Failure, unposted};

/// Lines of a page.
const MOST: usize = 100;

/// A page of the lines of one account and period in one answer.
pub fn lines(shelf: &Arc<Shelf>, agent: &Agent, store: &mut Store, place: &LinesPlace) -> Answer<Lines> {
    let form = place.figure.draft.form.as_str();
    let evaluated = figure::evaluate(shelf, agent, store, &place.figure)?;
    let desk = evaluated.basis.ready.desk(form);
    let leaf = evaluated.leaves().get(place.answer).copied().ok_or_else(Refusal::missing)?;
    let question = leaf.question.as_ref().ok_or_else(Refusal::missing)?;
    let part = leaf.parts.iter().find(|part| part.account == place.account).ok_or_else(Refusal::missing)?;
    let closing = evaluated.closing(form);
    let seen = desk.book.seen(evaluated.annual);
    let own = closing.get(&place.period).cloned().unwrap_or_default();
    let page = seen.page(question, &place.account, place.period, &own, place.skip, MOST).map_err(Failure::from)?;
    // The sign of the whole answer decides, so that every page of a figure turns the same way.
    let question = formula::Question { accounts: vec![place.account.clone()], ..question.clone() };
    let all = seen.by_period(&question, &closing);
    let all = all.map_err(|gap| Failure::findings(vec![survey::gap_finding(&gap, model::Level::Error)]))?;
    let turned = figure::turned(all.into_values().flatten().map(|(_, amount)| amount), part.amount);
    let signed = |amount: Amount| if turned { amount.checked_neg().unwrap_or(amount) } else { amount };
    let name = desk.names.get(&place.account).cloned().unwrap_or_default();
    let mut lines: Vec<Line> = page.lines.iter().map(|(entry, amount)| line(entry, &name, *amount, turned)).collect();
    beside(desk, place.period, &mut lines.iter_mut().collect::<Vec<_>>())?;
    Ok(Lines {
        title: format!("{} {}", place.figure.cell, evaluated.name),
        text: leaf.text.clone(),
        lines,
        count: page.count,
        sum: signed(page.sum).to_string(),
        opening: page.opening.map(|amount| signed(amount).to_string()),
        name,
        most: MOST,
    })
}

/// A line with what it adds, `turned` where the figure has the other sign than the books.
pub fn line(entry: &Entry, name: &str, amount: Amount, turned: bool) -> Line {
    let amount = if turned { amount.checked_neg().unwrap_or(amount) } else { amount };
    Line { amount: amount.to_string(), ..plain(entry, name) }
}

fn plain(entry: &Entry, name: &str) -> Line {
    let text = |name: &str| entry.text(name).unwrap_or_default().to_owned();
    // A side without an amount stays empty, as on a voucher.
    let money = |amount: Amount| if amount.is_zero() { String::new() } else { amount.to_string() };
    Line {
        voucher: entry.voucher().to_owned(),
        number: entry.number().to_owned(),
        date: text("date"),
        line: text("line"),
        account: entry.account().to_owned(),
        name: name.to_owned(),
        summary: text("summary"),
        party: text("party"),
        beside: String::new(),
        debit: money(entry.debit()),
        credit: money(entry.credit()),
        amount: String::new(),
    }
}

/// The party of each voucher of a period: of the only one, or the first of several.
pub fn parties(desk: &Desk, period: Period, keys: &HashSet<String>) -> Answer<BTreeMap<String, String>> {
    let mut parties = BTreeMap::new();
    for evidence in desk.book.evidence(period).iter().filter(|_| !keys.is_empty()) {
        let found = evidence.path().and_then(|path| journal::vouchers(path, keys)).map_err(Failure::from)?;
        for (key, lines) in found {
            let all: BTreeSet<&str> =
                lines.iter().filter_map(|line| line.text("party")).filter(|party| !party.is_empty()).collect();
            if let Some(first) = all.first() {
                let more = if all.len() > 1 { " …" } else { "" };
                parties.insert(key, format!("{first}{more}"));
            }
        }
    }
    Ok(parties)
}

/// Gives lines without a party that of their voucher: revenue has none, and the receivable on the other side has.
pub fn beside(desk: &Desk, period: Period, lines: &mut [&mut Line]) -> Answer<()> {
    let wanted = lines.iter().filter(|line| line.party.is_empty());
    let keys: HashSet<String> = wanted.map(|line| line.voucher.clone()).collect();
    let parties = parties(desk, period, &keys)?;
    for line in lines.iter_mut().filter(|line| line.party.is_empty()) {
        line.beside = parties.get(&line.voucher).cloned().unwrap_or_default();
    }
    Ok(())
}

/// A voucher; unposted ones are sealed apart and looked for after the others.
pub fn voucher(agent: &Agent, store: &Store, book: &str, period: Period, key: &str) -> Answer<Voucher> {
    if !agent.books.iter().any(|known| known.id == book) {
        return Err(Refusal::missing());
    }
    let names = books::names(store, book)?;
    for id in [book.to_owned(), unposted::id(book)] {
        let Some(seal) = store.current_seals(&id).map_err(Failure::from)?.into_iter().find(|seal| seal.period == period) else {
            continue;
        };
        let Some(file) = books::entry_file(&store.snapshots(&id).map_err(Failure::from)?, &seal)? else { continue };
        let entries = journal::voucher(file.path().map_err(Failure::from)?, key).map_err(Failure::from)?;
        let Some(first) = entries.first() else { continue };
        let total = |of: fn(&Entry) -> Amount| {
            let sum = entries.iter().try_fold(Amount::ZERO, |sum, entry| sum.checked_add(of(entry)));
            let finding = || Finding::error("amount-too-large").at(format!("book {book}, {period}, {key}"));
            sum.map(|sum| sum.to_string()).ok_or_else(|| Failure::findings(vec![finding()]))
        };
        let sealed =
            store.operation(seal.operation).map_err(Failure::from)?.map(|operation| local(&operation.at)).unwrap_or_default();
        let name = |entry: &Entry| names.get(entry.account()).map_or("", String::as_str);
        return Ok(Voucher {
            book: book.to_owned(),
            period,
            key: key.to_owned(),
            number: first.number().to_owned(),
            lines: entries.iter().map(|entry| plain(entry, name(entry))).collect(),
            totals: [total(Entry::debit)?, total(Entry::credit)?],
            attachments: first.text("attachments").unwrap_or_default().to_owned(),
            root: seal.root.clone(),
            sealed,
            closing: books::closing(&seal).contains(key),
        });
    }
    Err(Refusal::missing())
}
