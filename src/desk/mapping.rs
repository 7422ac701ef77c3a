//! The mapping: the chart of accounts with what it feeds, changes that are tried, and those that are written.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use formula::{Class, Scope};
use journal::{Digest, Row};
use model::{Amount, Finding, Level, Month, Period};
use store::Store;
use ui::Lang;
use web::{
    AccountView, Answer, ChartView, EditPlace, EditView, Feed, FormRows, MappingAsked, MovedView, Pasted, PastedFormula,
    PastedView, Refusal, TrialView,
};

use super::shelf::{Loan, Shelf};
use crate::{
    books::{Grain, SealedBook},
    config::{Agent, Book, Deed, Person},
    forms::EDITION,
    mapping::{
        About, Edit,
        change::{self, Plan, Tried},
        coverage::{self, Reach},
        effect,
        import::{self, Translation},
    },
    plain::Plain,
    report::Failure,
};

/// What stands before the code of an account in an address.
const ACCOUNT: &str = "account:";

/// A chart of accounts with its month's trial balance.
type Chart = (Vec<AccountView>, BTreeMap<String, Row>);

/// The chart that was shown last: whoever looks through it asks for it again and again. It is used while the state, the mapping and the month
/// are what they were.
#[derive(Default)]
pub struct Charts(Mutex<Option<(String, Arc<Chart>)>>);

/// The mapping and the figures of a book, at a month.
struct Bench<'a> {
    agent: &'a Agent,
    book: &'a Book,
    ready: Loan,
    month: Month,
}

impl<'a> Bench<'a> {
    /// The book and month that are asked for; the first book and its last month where nobody says.
    fn open(shelf: &Arc<Shelf>, agent: &'a Agent, store: &mut Store, book: &str, period: &str) -> Answer<Bench<'a>> {
        let book = if book.is_empty() { agent.books.first() } else { agent.books.iter().find(|known| known.id == book) };
        let book = book.ok_or_else(Refusal::missing)?;
        let asked: Option<Month> = if period.is_empty() { None } else { Some(period.parse().map_err(|_| Refusal::missing())?) };
        let form = agent.forms.iter().find(|form| form.book.as_ref().is_none_or(|id| *id == book.id));
        let form = form.ok_or_else(|| Failure::config(Finding::error("forms-missing").at(agent.path.display().to_string())))?;
        let last = store.current_seals(&book.id).map_err(Failure::from)?.iter().map(|seal| seal.period.month).max();
        // Who only looks reads no ERP: what is not sealed is not asked for.
        let month = asked.map_or(last, |asked| Some(last.map_or(asked, |last| asked.min(last))));
        let month = month.ok_or_else(|| Failure::findings(vec![Finding::error("book-empty").at(format!("book {}", book.id))]))?;
        let ready = shelf.ready(agent, store, book, &form.code, month)?;
        Ok(Bench { agent, book, ready, month })
    }

    fn plan(&self, edits: &[Edit], why: &str) -> Result<(Plan, Tried), Failure> {
        change::plan(self.agent, self.book, (&self.ready.layers.mapping, &self.ready.desk.chart), edits, why)
    }

    /// What edits would do.
    fn trial(&self, store: &mut Store, edits: &[Edit], said: &str) -> TrialView {
        let mut view = TrialView { said: said.to_owned(), ..TrialView::default() };
        let of: Vec<String> = edits.iter().map(|edit| edit.about.name()).collect();
        let made = self.plan(edits, "—").and_then(|(plan, tried)| {
            let (moved, findings) = effect::effects(self.agent, store, (self.book, &self.ready), tried, &of, self.month)?;
            Ok((plan, moved, findings))
        });
        match made {
            Ok((plan, moved, findings)) => {
                view.findings = [plan.findings, findings].concat();
                view.sound = true;
                view.moved = moved.iter().map(|moved| shown(moved, &of)).collect();
            }
            Err(failure) => {
                view.parts = edits.iter().flat_map(|edit| self.marked(edit)).collect();
                view.findings = failure.findings;
            }
        }
        view
    }

    /// A formula with the places marked at which something is wrong; nothing where nothing is.
    fn marked(&self, edit: &Edit) -> Vec<(String, bool)> {
        let form = match &edit.about {
            About::Cell(form, _) => form.as_str(),
            About::Item(_) => "",
            About::Account(_) => return Vec::new(),
        };
        let mapping = &self.ready.layers.mapping;
        let faults = mapping.faults(form, &edit.say, &self.ready.desk.chart, &BTreeSet::new());
        let mut spans: Vec<_> = faults
            .into_iter()
            .filter(|(fault, level)| change::gravity(fault.code, *level) == Level::Error)
            .map(|(fault, _)| fault.span)
            .collect();
        spans.sort_by_key(|span| (span.start, span.end));
        let (mut parts, mut at) = (Vec::new(), 0);
        let text = |range: std::ops::Range<usize>| edit.say.get(range).unwrap_or_default().to_owned();
        for span in spans.iter().filter(|span| !edit.say.is_empty() && span.end <= edit.say.len()) {
            if span.start < at {
                continue;
            }
            parts.push((text(at..span.start), false));
            // What is missing has no letters of its own.
            parts.push((if span.is_empty() { "▲".to_owned() } else { text(span.clone()) }, true));
            at = span.end;
        }
        if !parts.is_empty() {
            parts.push((text(at..edit.say.len()), false));
        }
        parts
    }

    fn rows(&self) -> Vec<FormRows> {
        let mapping = &self.ready.layers.mapping;
        let form = |form: &survey::Form| {
            let rows = form.rows.iter().filter(|row| row.kind.is_number());
            let rows = rows.map(|row| [format!("{}:{}", form.form, row.key()), row.name.clone()]).collect();
            (form.form.clone(), form.name.clone(), rows)
        };
        let own = |form: &&survey::Form| self.ready.forms.iter().any(|known| known.code == form.form);
        mapping.forms.iter().filter(own).map(form).collect()
    }

    fn reaches(&self) -> BTreeMap<String, Reach> {
        let forms: Vec<&str> = self.ready.forms.iter().map(|form| form.code.as_str()).collect();
        coverage::reaches(&self.ready, &forms, self.month)
    }

    /// Each account by itself, and the trial balance.
    fn chart(&self, charts: &Charts, store: &Store) -> Result<Arc<Chart>, Failure> {
        let last = store.operations_before(None, 1)?.pop().map(|operation| operation.hash);
        let mut key = format!("{}\n{}\n{last:?}\n", self.book.id, self.month);
        self.ready.layers.texts.iter().for_each(|(_, text)| key.push_str(text));
        let key = Digest::of(key.as_bytes()).to_string();
        let kept = charts.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, chart)) = kept.filter(|(known, _)| *known == key) {
            return Ok(chart);
        }
        let money = trial_balance(store, self.book, self.month)?;
        let chart = Arc::new((self.accounts(&money), money));
        *charts.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((key, Arc::clone(&chart)));
        Ok(chart)
    }

    fn accounts(&self, money: &BTreeMap<String, Row>) -> Vec<AccountView> {
        let mapping = &self.ready.layers.mapping;
        let (reach, carried) = (self.reaches(), coverage::carried(&self.ready.desk, self.month));
        let named = |figure: &String| {
            let row = figure.split_once(':').and_then(|(form, row)| mapping.form(form)?.row(row));
            Feed { figure: figure.clone(), name: row.map_or_else(String::new, |row| row.name.clone()) }
        };
        let standard = |code: &String| {
            let name = mapping.standard.account(code).and_then(|found| found.names.first());
            format!("{code} {}", name.map_or("", String::as_str))
        };
        let account = |account: &formula::Account| {
            let found = reach.get(&account.code);
            let decision = mapping.accounts.get(&account.code);
            let nothing = decision.is_some_and(|decision| decision.is == survey::NOTHING);
            let how = match Reach::how(found) {
                "none" if nothing => "nothing",
                how => how,
            };
            let feeds = found.map(|found| if found.named.is_empty() { &found.class } else { &found.named });
            AccountView {
                code: account.code.clone(),
                name: account.name.clone(),
                class: account.class.map_or("", Class::name).to_owned(),
                standard: account.standard.as_ref().map(standard).unwrap_or_default(),
                undecided: account.undecided.iter().map(standard).collect(),
                decided: decision.map(|decision| [decision.is.clone(), decision.why.clone()]),
                money: money.get(&account.code).map(amounts),
                carried: carried.get(&account.code).filter(|amount| !amount.is_zero()).map(|amount| amount.fixed(2)),
                reach: how,
                feeds: feeds.into_iter().flatten().map(named).collect(),
                children: Vec::new(),
            }
        };
        self.ready.desk.chart.iter().map(account).collect()
    }
}

fn amounts(row: &Row) -> [String; 4] {
    [row.opening, row.debit, row.credit, row.closing].map(|amount| amount.fixed(2))
}

fn shown(moved: &effect::Moved, of: &[String]) -> MovedView {
    let figure = |figure: &effect::Figure| {
        [figure.value.clone().unwrap_or_default(), figure.raw.clone().unwrap_or_default(), figure.status.clone()]
    };
    MovedView {
        book: moved.book.clone(),
        form: moved.form.clone(),
        cell: moved.cell.clone(),
        name: moved.name.clone(),
        unit: moved.unit.clone(),
        column: moved.column.to_owned(),
        before: figure(&moved.before),
        after: figure(&moved.after),
        other: moved.is_other(),
        own: of.contains(&moved.figure()),
    }
}

/// The trial balance of the month, from what is sealed.
fn trial_balance(store: &Store, book: &Book, month: Month) -> Result<BTreeMap<String, Row>, Failure> {
    let Some(sealed) = SealedBook::load(store, &book.id, Grain::Accounts)? else { return Ok(BTreeMap::new()) };
    let balances = sealed.balances().map_err(|finding| Failure::findings(vec![finding]))?;
    let rows = balances.trial(Period::from(month), false);
    let rows = rows.map_err(|error| Failure::findings(vec![crate::books::balance_finding(&error)]))?;
    Ok(rows.into_iter().map(|row| (row.account.clone(), row)).collect())
}

/// The chart of accounts and what it feeds.
pub fn chart(
    (shelf, charts): (&Arc<Shelf>, &Charts),
    agent: &Agent,
    store: &mut Store,
    asked: &MappingAsked,
) -> Answer<ChartView> {
    let bench = Bench::open(shelf, agent, store, &asked.book, &asked.period)?;
    let chart = bench.chart(charts, store)?;
    let (accounts, money) = &*chart;
    let mut unmapped: Vec<AccountView> = accounts.iter().filter(|account| wants(account)).cloned().collect();
    let size = |view: &AccountView| {
        let amount = view.carried.as_deref().and_then(|text| text.parse::<Amount>().ok()).unwrap_or_default();
        if amount < Amount::ZERO { amount.checked_neg().unwrap_or(amount) } else { amount }
    };
    unmapped.sort_by_key(|view| std::cmp::Reverse(size(view)));
    let months: BTreeSet<Month> =
        store.current_seals(&bench.book.id).map_err(Failure::from)?.iter().map(|seal| seal.period.month).collect();
    let findings = bench.ready.findings.iter().filter(|finding| finding.level > Level::Note && ABOUT.contains(&&*finding.code));
    Ok(ChartView {
        book: bench.book.id.clone(),
        books: agent.books.iter().map(|book| book.id.clone()).collect(),
        period: bench.month.to_string(),
        months: months.iter().rev().map(Month::to_string).collect(),
        standard: bench.ready.layers.mapping.standard.title.clone(),
        unmapped,
        tree: tree(accounts.clone(), asked.q.trim(), money),
        rows: bench.rows(),
        findings: findings.cloned().collect(),
    })
}

/// Whether somebody should say what an account is: it carries money and reaches nothing, or is in a figure with its whole class alone, and no
/// account of the standard is known for it.
fn wants(account: &AccountView) -> bool {
    let open = match account.reach {
        "none" => account.class != "equity",
        "class" => account.standard.is_empty() && account.decided.is_none(),
        _ => false,
    };
    open && account.carried.is_some()
}

/// What is said about the chart itself.
const ABOUT: [&str; 3] = ["account-name-disagrees", "account-unmatched", "decision-idle"];

/// Accounts under those whose codes theirs begin with, where `wanted` is in them or below; money is added up.
fn tree(accounts: Vec<AccountView>, wanted: &str, money: &BTreeMap<String, Row>) -> Vec<AccountView> {
    let wanted = wanted.to_lowercase();
    let found = |view: &AccountView| {
        let feeds = view.feeds.iter().any(|feed| feed.figure.to_lowercase().contains(&wanted) || feed.name.contains(&wanted));
        wanted.is_empty() || view.code.to_lowercase().contains(&wanted) || view.name.to_lowercase().contains(&wanted) || feeds
    };
    // What never moved and says nothing only hides the rest.
    let told = |view: &AccountView| {
        view.money.is_some() || view.carried.is_some() || view.decided.is_some() || !view.undecided.is_empty()
    };
    let codes: BTreeSet<String> = accounts.iter().map(|view| view.code.clone()).collect();
    let kept: BTreeSet<String> = accounts
        .iter()
        .filter(|view| found(view) && (told(view) || !wanted.is_empty()))
        .flat_map(|view| std::iter::once(view.code.clone()).chain(above(&view.code, &codes)))
        .collect();
    let mut sums: BTreeMap<String, [Amount; 4]> = BTreeMap::new();
    for (code, row) in money {
        for at in std::iter::once(code.clone()).chain(above(code, &codes)) {
            let sum = sums.entry(at).or_default();
            for (sum, amount) in sum.iter_mut().zip([row.opening, row.debit, row.credit, row.closing]) {
                *sum = sum.checked_add(amount).unwrap_or(*sum);
            }
        }
    }
    // In order of their codes an account stands behind the one that it is below; from the end, each is whole before it goes into its own.
    let mut views: Vec<AccountView> = accounts.into_iter().filter(|view| kept.contains(&view.code)).collect();
    views.sort_by(|a, b| a.code.cmp(&b.code));
    let mut below: BTreeMap<String, Vec<AccountView>> = BTreeMap::new();
    let mut roots = Vec::new();
    for mut view in views.into_iter().rev() {
        view.children = below.remove(&view.code).unwrap_or_default();
        view.children.reverse();
        view.money = sums.get(&view.code).map(|sums| sums.map(|amount| amount.fixed(2)));
        match above(&view.code, &codes).into_iter().next() {
            Some(parent) => below.entry(parent).or_default().push(view),
            None => roots.push(view),
        }
    }
    roots.reverse();
    roots
}

/// The accounts that one is below, the nearest first: codes that its code begins with, in groups where it is written in groups.
fn above(code: &str, codes: &BTreeSet<String>) -> Vec<String> {
    let dotted = code.contains(['.', '-']);
    let ends = code.char_indices().map(|(at, _)| at).skip(1).collect::<Vec<_>>();
    let ends = ends.into_iter().rev().filter(|end| !dotted || code[*end..].starts_with(['.', '-']));
    // 1 is no account of 1001: the shortest code of a chart has some digits.
    ends.filter(|end| dotted || *end >= SHORTEST).map(|end| code[..end].to_owned()).filter(|code| codes.contains(code)).collect()
}

/// Digits of the shortest account in a chart without groups.
const SHORTEST: usize = 3;

fn about(what: &str) -> Answer<About> {
    if let Some(code) = what.strip_prefix(ACCOUNT) {
        return Ok(About::Account(code.to_owned()));
    }
    if let Some(name) = what.strip_prefix('@') {
        return Ok(About::Item(name.to_owned()));
    }
    let (form, row) = what.split_once(':').ok_or_else(Refusal::missing)?;
    Ok(About::Cell(form.to_owned(), row.to_owned()))
}

/// Formulas that show the notation, in the codes of each standard.
const EXAMPLES: [[&str; 8]; 2] = [
    [
        "QM({1001, 1002, 1012},,借)",
        "QC(1001, 年)",
        "SL({6001, 6051},,贷)",
        "SL(6602,,借)",
        "LFS(1602,,贷)",
        "QM({1122, 2203}, detail=借)",
        "QM(1601,,借) - coalesce(QM(1603,,贷), 0)",
        "max(SL(6603,,借), 0)",
    ],
    [
        "QM({1001, 1002, 1012},,借)",
        "QC(1001, 年)",
        "SL({5001, 5051},,贷)",
        "SL(5602,,借)",
        "LFS(1602,,贷)",
        "QM({1122, 2203}, detail=借)",
        "QM(1601,,借) - coalesce(QM(1604,,借), 0)",
        "max(SL(5603,,借), 0)",
    ],
];

/// What a formula means, in both languages; nothing where it does not read.
fn words(bench: &Bench<'_>, about: &About, text: &str) -> [String; 2] {
    let (Some(expr), _) = formula::parse(text) else { return Default::default() };
    let form = match about {
        About::Cell(form, _) => form.as_str(),
        _ => "",
    };
    let mapping = &bench.ready.layers.mapping;
    [Lang::Zh, Lang::En].map(|lang| {
        let plain = Plain { mapping, chart: &bench.ready.desk.chart, kinds: None, form, lang };
        plain.lines(&expr, Scope::Own).join(if lang == Lang::Zh { "；" } else { "; " })
    })
}

/// A change under way.
pub fn edit(
    (shelf, charts): (&Arc<Shelf>, &Charts),
    agent: &Agent,
    store: &mut Store,
    person: &Person,
    place: &EditPlace,
    said: Option<&str>,
) -> Answer<EditView> {
    let bench = Bench::open(shelf, agent, store, &place.book, &place.period)?;
    let (about, mapping) = (about(&place.what)?, &bench.ready.layers.mapping);
    let formula = match &about {
        About::Cell(form, row) => mapping.cells.get(&(form.clone(), row.clone())),
        About::Item(name) => mapping.items.get(name).and_then(Option::as_ref),
        About::Account(_) => None,
    };
    let decision = match &about {
        About::Account(code) => mapping.accounts.get(code),
        _ => None,
    };
    let account = match &about {
        About::Account(code) => {
            let chart = bench.chart(charts, store)?;
            let found = chart.0.iter().find(|view| view.code == *code).cloned();
            Some(found.ok_or_else(Refusal::missing)?)
        }
        _ => None,
    };
    let name = match &about {
        About::Cell(form, row) => {
            let row = mapping.form(form).and_then(|form| form.row(row)).filter(|row| row.kind.is_number());
            row.ok_or_else(Refusal::missing)?.name.clone()
        }
        About::Item(_) => formula.and_then(|formula| formula.name.clone()).unwrap_or_default(),
        About::Account(_) => account.as_ref().map_or_else(String::new, |account| account.name.clone()),
    };
    let layer = change::layer_of(agent, bench.book, mapping, &[&about])?;
    let trial = said.map(|said| {
        let edits = [change::edit(about.clone(), said, person, "—")];
        bench.trial(store, &edits, &edits[0].say)
    });
    let choices = mapping
        .standard
        .accounts()
        .filter(|_| account.is_some())
        .map(|known| [known.class.clone(), known.code.clone(), known.names.first().cloned().unwrap_or_default()]);
    let named = formula.iter().flat_map(|formula| formula::references(&formula.expr)).filter_map(|(_, code)| {
        let item = mapping.items.get(code.strip_prefix('@')?)?.as_ref()?;
        Some([code.clone(), item.name.clone().unwrap_or_default(), item.text.clone()])
    });
    let items: BTreeSet<[String; 3]> = named.collect();
    let words = |text: &str| words(&bench, &about, text);
    let examples =
        if account.is_some() { Vec::new() } else { EXAMPLES[usize::from(mapping.standard.account("6001").is_none())].to_vec() };
    Ok(EditView {
        words: formula.map(|formula| words(&formula.text)).unwrap_or_default(),
        original: change::original(mapping, &about).filter(|(text, _)| formula.is_some_and(|formula| formula.text != *text)),
        examples: examples.into_iter().map(|text| (text.to_owned(), words(text))).collect(),
        items: items.into_iter().collect(),
        place: EditPlace { book: bench.book.id.clone(), period: bench.month.to_string(), what: place.what.clone() },
        name,
        now: change::now(mapping, &about),
        stands: formula
            .map(|formula| formula.place.clone())
            .or(decision.map(|decision| decision.place.clone()))
            .unwrap_or_default(),
        why: formula.and_then(|formula| formula.why.clone()).or(decision.map(|decision| decision.why.clone())),
        digest: layer.digest(),
        fresh: layer.is_new(),
        file: layer.name,
        may: person.may(Deed::Map),
        rows: if account.is_some() { bench.rows() } else { Vec::new() },
        choices: choices.collect(),
        account,
        trial,
    })
}

/// Writes a change into the layer that was on the screen.
pub fn save(
    shelf: &Arc<Shelf>,
    agent: &Agent,
    store: &mut Store,
    person: &Person,
    place: &EditPlace,
    (said, why, digest): (&str, &str, &str),
) -> Answer<Vec<Finding>> {
    let bench = Bench::open(shelf, agent, store, &place.book, &place.period)?;
    let why = why.trim();
    let (plan, _) = bench.plan(&[change::edit(about(&place.what)?, said, person, why)], why)?;
    Ok(plan.keep(agent, store, person, Some(digest))?)
}

/// Name of pasted formulas in findings.
const PASTED: &str = "paste";

fn read(bench: &Bench<'_>, pasted: &Pasted) -> Result<(Option<survey::Form>, Translation), Failure> {
    let form = match pasted.form.as_str() {
        "" => None,
        code => Some(import::form_of(Some(bench.agent), code, EDITION)?),
    };
    let dialect = Some(pasted.dialect.as_str()).filter(|dialect| !dialect.is_empty());
    let translation = import::translation(PASTED, import::lines(PASTED, &pasted.text), None, form.as_ref(), dialect)?;
    Ok((form, translation))
}

/// Pasted formulas, read; and what the chosen ones would do.
pub fn paste(
    shelf: &Arc<Shelf>,
    agent: &Agent,
    store: &mut Store,
    person: &Person,
    pasted: &Pasted,
    chosen: Option<&[usize]>,
) -> Answer<PastedView> {
    let bench = Bench::open(shelf, agent, store, &pasted.book, &pasted.period)?;
    let mapping = &bench.ready.layers.mapping;
    let pasted = Pasted { book: bench.book.id.clone(), period: bench.month.to_string(), ..pasted.clone() };
    let mut view = PastedView {
        books: agent.books.iter().map(|book| book.id.clone()).collect(),
        forms: bench.rows().into_iter().map(|(code, name, _)| [code, name]).collect(),
        formulas: Vec::new(),
        findings: Vec::new(),
        file: String::new(),
        digest: String::new(),
        may: person.may(Deed::Map),
        trial: None,
        pasted,
    };
    let mut about = Vec::new();
    if !view.pasted.text.trim().is_empty() {
        match read(&bench, &view.pasted) {
            Ok((form, translation)) => {
                let all: Vec<usize> = (0..translation.entries.len()).collect();
                about = translation.edits(form.as_ref(), &all, person, "—").into_iter().map(|edit| edit.about).collect();
                view.formulas = formulas(mapping, form.as_ref(), &translation);
                view.findings = translation.findings.iter().filter(|finding| finding.place == PASTED).cloned().collect();
                if let Some(chosen) = chosen {
                    let edits = translation.edits(form.as_ref(), chosen, person, "—");
                    view.trial = Some(if edits.is_empty() { nothing_chosen() } else { bench.trial(store, &edits, "") });
                }
            }
            Err(failure) => view.findings = failure.findings,
        }
    }
    let layer = change::layer_of(agent, bench.book, mapping, &about.iter().collect::<Vec<_>>())?;
    (view.digest, view.file) = (layer.digest(), layer.name);
    Ok(view)
}

fn nothing_chosen() -> TrialView {
    TrialView { findings: vec![Finding::error("mapping-none-chosen")], ..TrialView::default() }
}

fn formulas(mapping: &survey::Mapping, form: Option<&survey::Form>, translation: &Translation) -> Vec<PastedFormula> {
    let each = translation.entries.iter().zip(&translation.imported).zip(&translation.spoken.each).enumerate();
    let formula = |(at, ((entry, imported), dialect)): (usize, ((&import::Entry, &formula::dialects::Imported), _))| {
        let dialect: &formula::dialects::Dialect = dialect;
        PastedFormula {
            target: entry.target(form),
            dialect: dialect.name().to_owned(),
            original: entry.text.clone(),
            formula: imported.expr.as_ref().map(ToString::to_string),
            now: change::now(mapping, &entry.about(form)),
            result: import::degree(imported),
            findings: translation.said(at),
        }
    };
    each.map(formula).collect()
}

/// Takes the chosen ones into the layer that was on the screen.
pub fn take(
    shelf: &Arc<Shelf>,
    agent: &Agent,
    store: &mut Store,
    person: &Person,
    pasted: &Pasted,
    (chosen, why, digest): (&[usize], &str, &str),
) -> Answer<Vec<Finding>> {
    let bench = Bench::open(shelf, agent, store, &pasted.book, &pasted.period)?;
    let why = why.trim();
    let (form, translation) = read(&bench, pasted)?;
    let edits = translation.edits(form.as_ref(), chosen, person, why);
    if edits.is_empty() {
        return Err(Failure::findings(nothing_chosen().findings).into());
    }
    let (plan, _) = bench.plan(&edits, why)?;
    Ok(plan.keep(agent, store, person, Some(digest))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_stand_below_those_that_their_codes_begin_with() {
        let codes = |all: &[&str]| all.iter().map(|code| (*code).to_owned()).collect::<BTreeSet<String>>();
        let plain = codes(&["1", "1002", "100201", "10020101", "1003"]);
        assert_eq!(above("10020101", &plain), ["100201", "1002"]);
        assert_eq!(above("1003", &plain), Vec::<String>::new());
        let dotted = codes(&["5.1", "5.1.1", "5.1.1.02", "5.1.10"]);
        assert_eq!(above("5.1.1.02", &dotted), ["5.1.1", "5.1"]);
        assert_eq!(above("5.1.10", &dotted), ["5.1"]);
    }
}
