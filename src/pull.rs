/*! From a source to sealed periods: read what changed, reconcile, seal, or leave everything as it was. */

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use connector::{Fingerprint, Pack, Values};
use journal::{Cell, Change, Digest, Pending, Sealer};
use model::{Amount, Finding, Level, Month, Period};
use reader::{Query, Source, Verb};
use serde_json::json;
use store::{Seal, Store};

use crate::{
    books::{Context, Grain, SealedBook, entry_file},
    config::{Agent, Book},
    measures, packs,
    report::{Failure, blocked},
    source::Reading,
    unposted,
};

/// What a person may ask of a pull.
#[derive(Clone, Copy, Default)]
pub struct Scope {
    /// First month to seal; earlier ones keep balances only.
    pub from: Option<Month>,
    /// Last month to read.
    pub to: Option<Month>,
    /// Read every period again, whatever its fingerprint says.
    pub full: bool,
}

/// What a pull did.
#[derive(Default)]
pub struct Outcome {
    /// Seals that were written, each with the root it follows.
    pub sealed: Vec<(Seal, Option<String>)>,
    /// Periods that were recognised as unchanged and not read.
    pub unchanged: usize,
    /// Notes and warnings.
    pub findings: Vec<Finding>,
}

/// What was read about a book before its entries.
struct Survey {
    context: Context,
    fingerprint: Option<Fingerprint>,
    findings: Vec<Finding>,
}

/// A book, its source and its pack.
pub struct Opened<'a> {
    /// The book.
    pub book: &'a Book,
    /// Its pack.
    pub pack: Pack,
    /// Values of the pack's variables.
    pub values: Values,
    /// Where it is read from.
    pub source: Source,
}

impl<'a> Opened<'a> {
    /// Finds pack, variables and source of a book.
    pub fn new(agent: &Agent, book: &'a Book) -> Result<Opened<'a>, Failure> {
        let pack = packs::load(agent, book)?;
        let place = agent.book_place(book, "extract");
        let at = |name: &str| agent.book_place(book, &format!("variables.{name}"));
        let values = pack.values(&at, &book.variables).map_err(|findings| Failure { exit: 2, findings })?;
        for extract in ["accounts", "entries"] {
            if !pack.has(extract) {
                return Err(Failure::config(Finding::error("extract-missing").at(place).with("extract", extract)));
            }
        }
        Ok(Opened { book, pack, values, source: agent.source(book)? })
    }

    /// The source, ready to be read.
    pub fn reading(&self) -> Reading<'_> {
        Reading { place: format!("book {}", self.book.id), source: &self.source }
    }

    /// The query of an extract, where the pack has it.
    pub fn query(&self, extract: &str, span: Option<(Month, Month)>) -> Option<Query> {
        self.pack.query(extract, &self.values, span, self.source.dialect())
    }
}

/// Pulls one book.
pub fn pull(agent: &Agent, store: &mut Store, book: &Book, scope: Scope) -> Result<Outcome, Failure> {
    let opened = Opened::new(agent, book)?;
    let standard = packs::standard_of(agent, book)?;
    let _lock = store.lock(&book.id)?;
    store.collect_orphans(&book.id, names)?;
    let mut pulled = locked(&opened, &standard, store, scope).and_then(|mut outcome| {
        if agent.forms.iter().any(|form| form.unposted && form.book.as_ref().is_none_or(|id| *id == book.id)) {
            outcome.findings.extend(unposted::seal(&opened, &standard, store)?);
        }
        outcome.findings.extend(measures::seal(&opened, store, scope)?);
        Ok(outcome)
    });
    match &mut pulled {
        Ok(outcome) => place(book, &mut outcome.findings),
        // What is about the books; other failures name a file or the book already.
        Err(failure) if failure.exit == 1 => place(book, &mut failure.findings),
        Err(_) => {}
    }
    // What it wrote and did not seal would only fill the disk. Where even this fails, the next pull does it.
    let _ = store.collect_orphans(&book.id, names);
    pulled
}

/// Says of which book findings are that name only a period, a voucher or a pack.
fn place(book: &Book, findings: &mut [Finding]) {
    let own = format!("book {}", book.id);
    for finding in findings.iter_mut().filter(|finding| !finding.place.starts_with(&own)) {
        finding.place = if finding.place.is_empty() { own.clone() } else { format!("{own}, {}", finding.place) };
    }
}

/// Pulls the book while its lock is held.
fn locked(opened: &Opened<'_>, standard: &survey::Standard, store: &mut Store, scope: Scope) -> Result<Outcome, Failure> {
    let book = opened.book;
    let before = match scope.full {
        true => SealedBook::load_to_mend(store, &book.id)?,
        false => SealedBook::load(store, &book.id, Grain::Accounts)?,
    };
    let mut survey = survey(opened, before.is_some())?;
    let mut findings = std::mem::take(&mut survey.findings);
    if blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let seal_from = scope.from.max(book.first_period.map(|text| text.0));
    let roles = survey.context.decide_roles(standard);
    let months = months_to_read(&survey, before.as_ref(), scope, seal_from);
    let folder = store.snapshots(&book.id)?;
    let mut sealer = Sealer::new(&folder, &roles, seal_from.map(Period::from));
    let mut fingerprint = survey.fingerprint.take();
    if let Months::These(these) = &months
        && these.is_empty()
    {
        fingerprint = fingerprint.or_else(|| Some(Fingerprint::new()));
    } else {
        let spans = months.spans();
        let mut queries: Vec<Query> = spans.iter().filter_map(|span| opened.query("entries", Some(*span))).collect();
        let entries = queries.len();
        // Read with the entries, in the same transaction: it says of exactly these rows what they were. A pack may give it for a span of
        // months; what it says of others then is what the survey heard.
        let around = spans.first().zip(spans.last()).map(|(first, last)| (first.0, last.1));
        let spanned = opened.query("fingerprint", around);
        let whole = spanned == opened.query("fingerprint", None);
        queries.extend(spanned);
        let (mut prints, mut broken) = (connector::Rows::default(), None);
        let small = queries.len() - entries;
        opened.reading().read(queries, small, |query, batch| {
            if query >= entries {
                prints.push(batch);
                return ControlFlow::Continue(());
            }
            match sealer.push(&batch) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    broken = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(error) = broken {
            return Err(error.into());
        }
        if opened.pack.has("fingerprint") {
            let (read, wrong) = connector::fingerprints(&opened.pack.name, &prints);
            findings.extend(wrong);
            let mut all = fingerprint.take().filter(|_| !whole).unwrap_or_default();
            all.retain(|period, _| around.is_some_and(|(from, to)| period.month < from || to < period.month));
            all.extend(read);
            fingerprint = Some(all);
        }
    }
    let expected = expected(&survey.context, &months, before.as_ref());
    let (pending, wrong) = sealer.finish(&expected)?;
    findings.extend(wrong);
    // Periods before the first and after the last one with entries are not sealed: the ERP has only opened them.
    let known = before.iter().flat_map(|b| b.cubes.keys().copied());
    let with: BTreeSet<Period> = pending.iter().filter(|p| p.rows > 0).map(|p| p.period).chain(known).collect();
    let span = with.first().copied().zip(with.last().copied());
    let pending: Vec<Pending> =
        pending.into_iter().filter(|p| span.is_some_and(|(first, last)| (first..=last).contains(&p.period))).collect();
    let mut context = survey.context;
    context.filled = filled(fingerprint.as_ref(), &pending, before.as_ref());
    findings.extend(reconcile(opened, &context, store, &pending, before.as_ref())?);
    if blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    keep(store, &book.id, &context, fingerprint.as_ref(), pending, before.as_ref(), findings)
}

/// Names of the files of a seal.
pub fn names(seal: &Seal) -> Vec<String> {
    let Some(root) = Digest::parse(&seal.root) else { return Vec::new() };
    let name = |path: std::path::PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let empty = std::path::Path::new("");
    [journal::entries_path(empty, seal.period, root), journal::cube_path(empty, seal.period, root)]
        .into_iter()
        .filter_map(name)
        .collect()
}

/// Reads chart, calendar and, where something is sealed already, fingerprints: all of them small.
fn survey(opened: &Opened<'_>, sealed: bool) -> Result<Survey, Failure> {
    let mut wanted = vec!["accounts", "periods", "books"];
    if sealed {
        wanted.push("fingerprint");
    }
    let (names, queries): (Vec<&str>, Vec<Query>) =
        wanted.into_iter().filter_map(|name| Some((name, opened.query(name, None)?))).unzip();
    let rows = opened.reading().rows(Verb::Read, queries)?;
    let (pack, book) = (opened.pack.name.as_str(), opened.book);
    let mut context = Context { fiscal_year_starts: book.fiscal_year_starts.unwrap_or(1), ..Context::default() };
    context.currency = book.currency.clone().unwrap_or_default();
    let (mut findings, mut fingerprint) = (Vec::new(), None);
    for (name, rows) in names.into_iter().zip(&rows) {
        match name {
            "accounts" => {
                let (accounts, wrong) = connector::accounts(pack, rows);
                findings.extend(wrong);
                if accounts.is_empty() {
                    let values = packs::shown(&opened.values);
                    findings.push(Finding::error("chart-empty").at(format!("book {}", book.id)).with("values", values));
                }
                context.accounts = accounts;
            }
            "periods" => {
                let (periods, wrong) = connector::periods(pack, rows);
                findings.extend(wrong);
                context.periods = periods;
            }
            "books" => {
                let (books, wrong) = connector::books(pack, rows);
                findings.extend(wrong);
                let own = books.into_iter().find(|info| packs::is_book(&opened.values, info));
                if let Some(info) = own {
                    context.name = info.name;
                    context.fiscal_year_starts = info.fiscal_year_starts.or(book.fiscal_year_starts).unwrap_or(1);
                    if book.currency.is_none() {
                        context.currency = info.currency;
                    }
                }
            }
            _ => {
                let (read, wrong) = connector::fingerprints(pack, rows);
                findings.extend(wrong);
                fingerprint = Some(read);
            }
        }
    }
    Ok(Survey { context, fingerprint, findings })
}

enum Months {
    /// All up to a month, asked for one by one as the calendar has them.
    All {
        calendar: BTreeSet<Month>,
        to: Month,
    },
    These(BTreeSet<Month>),
}

impl Months {
    fn has(&self, month: Month) -> bool {
        match self {
            Months::All { to, .. } => month <= *to,
            Months::These(these) => these.contains(&month),
        }
    }

    /// What queries are asked for. Where all is read, nothing falls between: an ERP's calendar may begin after its first entry, or end before
    /// its last.
    fn spans(&self) -> Vec<(Month, Month)> {
        let (calendar, to) = match self {
            Months::These(these) => return these.iter().map(|month| (*month, *month)).collect(),
            Months::All { calendar, to } => (calendar, *to),
        };
        let starts: Vec<Month> = [Month::FIRST].into_iter().chain(calendar.iter().skip(1).copied()).collect();
        let ends = starts.iter().skip(1).filter_map(|start| start.plus(-1)).chain([to]).collect::<Vec<_>>();
        starts.into_iter().zip(ends).collect()
    }
}

fn months_to_read(survey: &Survey, before: Option<&SealedBook>, scope: Scope, seal_from: Option<Month>) -> Months {
    let wanted = |month: &Month| scope.to.is_none_or(|to| *month <= to);
    let calendar: BTreeSet<Month> =
        survey.context.periods.iter().filter_map(|info| info.period()).map(|period| period.month).filter(|m| wanted(m)).collect();
    let (Some(before), Some(fingerprint), false) = (before, &survey.fingerprint, scope.full) else {
        return Months::All { calendar, to: scope.to.unwrap_or(Month::LAST_ASKED) };
    };
    let mut months = BTreeSet::new();
    let sealed: BTreeMap<Period, &Seal> = before.seals.iter().map(|seal| (seal.period, seal)).collect();
    for (period, lines) in fingerprint {
        let known = sealed.get(period).is_some_and(|seal| {
            let kept = seal.file.is_some() || seal_from.is_some_and(|from| period.month < from);
            kept && seal.fingerprint == print(lines)
        });
        if !known {
            months.insert(period.month);
        }
    }
    // An account that was given another code is sealed under its old one, which the chart no longer has.
    let chart: BTreeSet<&str> = survey.context.accounts.iter().map(|account| account.account.as_str()).collect();
    let renamed = before.cubes.iter().filter(|(_, cells)| cells.iter().any(|cell| !chart.contains(&*cell.account)));
    months.extend(renamed.map(|(period, _)| period.month));
    // What closes profit and loss is told by what accounts are.
    months.extend(before.reclassed(&survey.context.roles).into_iter().map(|period| period.month));
    // Entries that are all gone leave no fingerprint.
    months
        .extend(sealed.values().filter(|seal| seal.rows > 0 && !fingerprint.contains_key(&seal.period)).map(|s| s.period.month));
    months.retain(wanted);
    Months::These(months)
}

/// Digest of a period's fingerprint rows; the same for no rows and for a pack without fingerprints.
fn print(lines: &[String]) -> String {
    Digest::of(lines.join("\n").as_bytes()).to_string()
}

/// Periods that are sealed even without entries: those that were read and are on the calendar, or were sealed before.
fn expected(context: &Context, months: &Months, before: Option<&SealedBook>) -> Vec<Period> {
    let read = |period: &Period| months.has(period.month);
    let calendar = context.periods.iter().filter_map(|info| info.period());
    let sealed = before.iter().flat_map(|before| before.cubes.keys().copied());
    calendar.chain(sealed).filter(read).collect::<BTreeSet<_>>().into_iter().collect()
}

fn filled(fingerprint: Option<&Fingerprint>, pending: &[Pending], before: Option<&SealedBook>) -> Vec<String> {
    let mut filled: BTreeSet<Period> = match fingerprint {
        Some(fingerprint) if !fingerprint.is_empty() => fingerprint.keys().copied().collect(),
        _ => before.iter().flat_map(|before| &before.seals).filter(|seal| seal.rows > 0).map(|seal| seal.period).collect(),
    };
    filled.extend(pending.iter().filter(|p| p.rows > 0).map(|p| p.period));
    filled.iter().map(Period::to_string).collect()
}

/// Compares with the balances that the ERP itself stores. For an open period a difference is worth knowing, for a closed one it stops the seal,
/// unless what was sealed before agrees: then entries were changed beneath a closed balance, and that is kept and shown voucher by voucher.
fn reconcile(
    opened: &Opened<'_>,
    context: &Context,
    store: &Store,
    pending: &[Pending],
    before: Option<&SealedBook>,
) -> Result<Vec<Finding>, Failure> {
    let Some(query) = opened.query("balances", None).filter(|_| !pending.is_empty()) else { return Ok(Vec::new()) };
    let rows = opened.reading().rows(Verb::Read, vec![query])?;
    let (theirs, mut findings) = connector::balances(&opened.pack.name, &rows[0]);
    let old: BTreeMap<Period, &[Cell]> =
        before.iter().flat_map(|b| b.cubes.iter().map(|(period, cells)| (*period, cells.as_slice()))).collect();
    let mut new = old.clone();
    new.extend(pending.iter().map(|p| (p.period, p.turnover.as_slice())));
    let closed: BTreeSet<Month> =
        context.periods.iter().filter(|info| info.closed).filter_map(|info| info.period()).map(|p| p.month).collect();
    let months: BTreeSet<Month> = theirs.iter().map(|theirs| theirs.month).collect();
    let mut touched = None;
    for month in months {
        let (sealed, ours) = (sums(&old, month), sums(&new, month));
        let of = |sums: &BTreeMap<&str, Option<Amount>>, account: &str| sums.get(account).copied().unwrap_or(Some(Amount::ZERO));
        for theirs in theirs.iter().filter(|theirs| theirs.month == month) {
            let ours = of(&ours, &theirs.account);
            if ours == Some(theirs.closing) {
                continue;
            }
            let known = pending.iter().filter(|p| p.period.month <= month).all(|p| old.contains_key(&p.period));
            let moved = known && of(&sealed, &theirs.account) == Some(theirs.closing);
            let level = if closed.contains(&month) && !moved { Level::Error } else { Level::Warning };
            if touched.is_none() {
                touched = Some(changed(store, &opened.book.id, pending, before)?);
            }
            let vouchers: BTreeSet<&str> = touched
                .iter()
                .flatten()
                .filter(|(period, account, _)| moved && period.month <= month && *account == theirs.account)
                .map(|(.., voucher)| voucher.as_str())
                .collect();
            let vouchers =
                if vouchers.is_empty() { "—".to_owned() } else { vouchers.into_iter().collect::<Vec<_>>().join(", ") };
            let ours = ours.map_or_else(|| "—".to_owned(), |ours| ours.fixed(2));
            let finding = Finding::new(level, "erp-balance-differs").at(format!("book {}, {month}", opened.book.id));
            let finding = finding.with("account", &theirs.account).with("erp", theirs.closing.fixed(2)).with("ours", ours);
            findings.push(finding.with("vouchers", vouchers));
        }
    }
    Ok(findings)
}

/// Balances after a month, its adjustment periods included.
fn sums<'a>(cubes: &BTreeMap<Period, &'a [Cell]>, month: Month) -> BTreeMap<&'a str, Option<Amount>> {
    let mut sums: BTreeMap<&str, Option<Amount>> = BTreeMap::new();
    for cell in cubes.range(..=Period { month, adjustment: true }).flat_map(|(_, cells)| cells.iter()) {
        let sum = sums.entry(&cell.account).or_insert(Some(Amount::ZERO));
        *sum = (*sum).zip(cell.sums.net()).and_then(|(sum, net)| sum.checked_add(net));
    }
    sums
}

/// What differs from the seals before: period, account and voucher of each line that came, went or changed.
fn changed(
    store: &Store,
    book: &str,
    pending: &[Pending],
    before: Option<&SealedBook>,
) -> Result<Vec<(Period, String, String)>, Failure> {
    let folder = store.snapshots(book)?;
    let mut touched = Vec::new();
    for (pending, seal) in pending.iter().filter_map(|p| Some((p, before?.seal(p.period)?))) {
        let (Some(new), Some(old)) = (pending.entries(), entry_file(&folder, seal)?) else { continue };
        for change in journal::diff(Some(old.path()?), Some(new), pending.period)? {
            let (number, accounts) = match change {
                Change::Renumbered(_) => continue,
                Change::Changed { number, lines } => {
                    (number, lines.iter().map(|line| line.entry.account().to_owned()).collect::<Vec<_>>())
                }
                Change::Added { number, lines } | Change::Removed { number, lines } => {
                    (number, lines.iter().map(|entry| entry.account().to_owned()).collect())
                }
            };
            touched.extend(accounts.into_iter().map(|account| (pending.period, account, format!("{} {number}", pending.period))));
        }
    }
    Ok(touched)
}

/// Writes what changed: files first, then one operation with all its rows.
pub fn keep(
    store: &mut Store,
    book: &str,
    context: &Context,
    fingerprint: Option<&Fingerprint>,
    pending: Vec<Pending>,
    before: Option<&SealedBook>,
    findings: Vec<Finding>,
) -> Result<Outcome, Failure> {
    let body = serde_json::to_string(context).map_err(|e| Failure::source(Finding::error("state-refused").with("reason", e)))?;
    let digest = Digest::of(body.as_bytes()).to_string();
    let closed: BTreeMap<Period, bool> = context.periods.iter().filter_map(|info| Some((info.period()?, info.closed))).collect();
    let state = |period: Period, old: Option<&Seal>| match (closed.get(&period), old.map(|seal| seal.state.as_str())) {
        (Some(true), _) => "closed",
        (_, Some("closed" | "reopened")) => "reopened",
        _ => "provisional",
    };
    let none = Vec::new();
    let printed = |period: Period| print(fingerprint.and_then(|prints| prints.get(&period)).unwrap_or(&none));
    // Sealed anew though its entries are the same, as its cube tells closing vouchers apart by what accounts are.
    let reclassed = before.map(|before| before.reclassed(&context.roles)).unwrap_or_default();
    let mut seals: Vec<(Seal, Option<String>)> = Vec::new();
    for pending in &pending {
        let old = before.and_then(|before| before.seal(pending.period));
        let unclear = pending.unclear.iter().map(|(v, why)| vec![v.voucher.as_str(), v.number.as_str(), why]);
        let closing = pending.closing.iter().map(|v| vec![v.voucher.as_str(), v.number.as_str()]);
        let closing: Vec<Vec<&str>> = closing.chain(unclear).collect();
        let seal = Seal {
            id: 0,
            operation: 0,
            book: book.to_owned(),
            period: pending.period,
            root: pending.root.to_string(),
            file: pending.file.map(|digest| digest.to_string()),
            rows: i64::try_from(pending.rows).unwrap_or(i64::MAX),
            vouchers: i64::try_from(pending.vouchers).unwrap_or(i64::MAX),
            debit: pending.debit.to_string(),
            credit: pending.credit.to_string(),
            closing: json!(closing).to_string(),
            fingerprint: printed(pending.period),
            state: state(pending.period, old).to_owned(),
            context: digest.clone(),
            cube: Some(pending.cube_file.to_string()),
        };
        let same = old.is_some_and(|old| {
            let key = |seal: &Seal| {
                (seal.root.clone(), seal.file.clone(), seal.cube.clone(), seal.fingerprint.clone(), seal.state.clone())
            };
            key(old) == key(&seal) && !reclassed.contains(&old.period)
        });
        if !same {
            seals.push((seal, old.map(|old| old.root.clone())));
        }
    }
    let unchanged = before.map_or(0, |b| b.seals.iter().filter(|seal| pending.iter().all(|p| p.period != seal.period)).count());
    // The ERP may close or reopen a period without touching an entry; the evidence stays, what it is worth changes.
    for old in before.iter().flat_map(|before| &before.seals) {
        let now = state(old.period, Some(old));
        if pending.iter().all(|p| p.period != old.period) && now != old.state {
            let context = if reclassed.contains(&old.period) { &old.context } else { &digest };
            let seal = Seal { state: now.to_owned(), context: context.clone(), ..old.clone() };
            seals.push((seal, Some(old.root.clone())));
        }
    }
    let moved = before.is_some_and(|before| before.context != *context);
    if seals.is_empty()
        && moved
        && let Some(last) = before.and_then(|before| before.seals.last())
        && !reclassed.contains(&last.period)
    {
        // A renamed account is new evidence too: it is sealed with the last period.
        seals.push((Seal { context: digest.clone(), ..last.clone() }, Some(last.root.clone())));
    }
    for pending in &pending {
        pending.keep()?;
    }
    if !seals.is_empty() {
        seals.sort_by_key(|(seal, _)| seal.period);
        let list: Vec<_> =
            seals.iter().map(|(seal, _)| json!({ "period": seal.period.to_string(), "root": seal.root })).collect();
        let work = store.begin(&packs::who(), "pull", &json!({ "book": book, "sealed": list, "context": digest }))?;
        work.put_context(&digest, &body)?;
        for (seal, _) in &mut seals {
            seal.id = work.put_seal(seal)?;
            seal.operation = work.seq;
        }
        work.commit()?;
    }
    Ok(Outcome { sealed: seals, unchanged, findings })
}

/// A book sealed up to `period`, pulled first where it is not, or where people have decided since what an account is to closing.
pub fn sealed(
    agent: &Agent,
    store: &mut Store,
    book: &Book,
    period: Period,
    grain: Grain,
) -> Result<(SealedBook, Vec<Finding>), Failure> {
    let mut findings = Vec::new();
    let mut found = SealedBook::load(store, &book.id, grain)?.filter(|sealed| sealed.covers(period));
    if let Some(sealed) = &found {
        let mut now = sealed.context.clone();
        now.decide_roles(&packs::standard_of(agent, book)?);
        if !sealed.reclassed(&now.roles).is_empty() {
            found = None;
        }
    }
    if found.is_none() {
        findings = pull(agent, store, book, Scope::default())?.findings;
        found = SealedBook::load(store, &book.id, grain)?;
    }
    let empty = || Failure::findings(vec![Finding::error("book-empty").at(format!("book {}", book.id))]);
    Ok((found.ok_or_else(empty)?, findings))
}
