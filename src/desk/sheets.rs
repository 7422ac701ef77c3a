//! Measures and short sheets. Whoever may not enter everything sees its own sheets and nothing beside them.

mod year;

use std::collections::BTreeMap;

use model::{Amount, Finding, Month};
use store::Store;
use survey::measures::{KindFact, Measures, Nature, Need, Origin};
use web::{
    Answer, Entering, File, KindView, OwedView, Refusal, SheetColumn, SheetDesk, SheetPlace, SheetRow, SheetView, SheetsView,
    YearPlace, YearView,
};

use super::{Pages, deeds::papers, home::local};
use crate::{
    acts,
    config::{Agent, Book, Deed, Person},
    deeds::named,
    measures::{
        self, Facts,
        entering::{self, Owed},
        ledger::{self, Act, Body},
        short::{self, Sheet},
    },
    report::Failure,
    sheet,
};

/// Cells that are filled in for a line before anybody has typed into it.
const OFFERED: [&str; 3] = ["item", "unit", "basis"];

/// Before the name of a column that is a field of its kind.
const FIELD: &str = "field.";

/// What a place means, for somebody who may see it.
#[derive(Clone, Copy)]
struct Meant<'a> {
    book: &'a Book,
    kind: &'a str,
    fact: &'a KindFact,
    sheet: Option<&'a Sheet>,
    month: Month,
    person: &'a Person,
    /// Whether the person may enter anything.
    office: bool,
}

fn meant<'a>(agent: &'a Agent, facts: &'a Facts, who: &str, place: &SheetPlace) -> Answer<Meant<'a>> {
    let person = agent.person(who)?;
    let office = person.may(Deed::Enter);
    let month = place.period.parse().map_err(|_| Refusal::missing())?;
    if place.sheet.is_empty() {
        // Kinds are for those who may enter anything; whoever may not learns nothing of what there is.
        let book = agent.books.iter().find(|book| book.id == place.book).filter(|_| office).ok_or_else(Refusal::missing)?;
        let (kind, fact) = facts.kinds.find(&place.kind).ok_or_else(Refusal::missing)?;
        return Ok(Meant { book, kind, fact, sheet: None, month, person, office });
    }
    let own = |sheet: &&Sheet| sheet.id == place.sheet && (office || sheet.person == person.id);
    let sheet = agent.sheets.iter().find(own).ok_or_else(Refusal::missing)?;
    let (kind, fact) = entering::known(&facts.kinds, &sheet.kind)?;
    Ok(Meant { book: agent.book(sheet.book.as_deref())?, kind, fact, sheet: Some(sheet), month, person, office })
}

impl Meant<'_> {
    /// Whether somebody may see and enter an item.
    fn shows(&self, item: &str) -> bool {
        self.office || self.sheet.is_some_and(|sheet| sheet.items.is_empty() || sheet.items.iter().any(|own| own == item))
    }

    /// Entries of the month that are of this sheet.
    fn entries(&self, store: &Store) -> Result<Vec<ledger::Entry>, Failure> {
        let mut entries = ledger::current(store, &self.book.id, Some(self.month))?;
        entries.retain(|entry| entry.body.kind == self.kind && self.shows(&entry.body.item));
        Ok(entries)
    }

    fn place(&self) -> String {
        format!("{}, {}, book {}", self.fact.name, self.month, self.book.id)
    }
}

fn owed_view(agent: &Agent, owed: &Owed<'_>) -> OwedView {
    let person = agent.people.iter().find(|person| person.id == owed.sheet.person);
    OwedView {
        sheet: owed.sheet.id.clone(),
        kind: owed.name.to_owned(),
        person: person.map_or_else(|| owed.sheet.person.clone(), |person| person.name.clone()),
        due: owed.due.clone(),
        state: owed.state.to_owned(),
        done: [owed.expected - owed.missing.len().min(owed.expected), owed.expected],
        missing: owed.missing.clone(),
    }
}

fn beside(month: Month) -> [Option<String>; 2] {
    [-1, 1].map(|step| month.plus(step).map(|month| month.to_string()))
}

impl SheetDesk for Pages {
    fn sheets(&self, who: &str, period: &str) -> Answer<SheetsView> {
        let (agent, store) = self.open()?;
        let (person, today) = (agent.person(who)?, measures::today());
        let office = person.may(Deed::Enter);
        let month: Month = match period {
            "" => opens_at(&agent, &store, office)?.ok_or_else(Refusal::missing)?,
            text => text.parse().map_err(|_| Refusal::missing())?,
        };
        let facts = measures::facts(&agent)?;
        let all = entering::owed(&agent, &store, &facts, month, &today)?;
        let owed = all.iter().filter(|owed| office || owed.sheet.person == person.id);
        let owed = owed.map(|owed| owed_view(&agent, owed)).collect();
        let mut kinds = Vec::new();
        for book in agent.books.iter().filter(|_| office) {
            let entries = ledger::current(&store, &book.id, Some(month))?;
            let asked = entering::asked(&agent, book, &facts);
            for (id, kind) in &facts.kinds.kinds {
                let count = entries.iter().filter(|entry| entry.body.kind == *id && !entry.body.withdrawn).count();
                let note = kind.note.clone().unwrap_or_default();
                let (book, used) = (book.id.clone(), count > 0 || asked.contains(id));
                kinds.push(KindView { book, id: id.clone(), name: kind.name.clone(), note, count, used });
            }
        }
        Ok(SheetsView { period: month.to_string(), beside: beside(month), owed, kinds })
    }

    fn sheet(&self, who: &str, place: &SheetPlace) -> Answer<SheetView> {
        let (agent, store) = self.open()?;
        let facts = measures::facts(&agent)?;
        let meant = meant(&agent, &facts, who, place)?;
        view(&agent, &store, &facts, &meant, place)
    }

    fn enter(&self, who: &str, place: &SheetPlace, entering: &Entering) -> Answer<Vec<Finding>> {
        let (agent, mut store) = self.open()?;
        let facts = measures::facts(&agent)?;
        let meant = meant(&agent, &facts, who, place)?;
        let (bodies, correct, mut told) = match &entering.sheet {
            Some(paper) => {
                let (bodies, told) = short::received(&paper.name, paper.bytes.clone(), &facts.kinds, Some(meant.kind))?;
                (bodies, entering.correct, told)
            }
            None => (typed(&store, &meant, entering, &OFFERED)?, true, Vec::new()),
        };
        let papers = papers(&entering.papers)?;
        let act = Act { person: meant.person, correct, beside: entering.beside, reason: &entering.reason, evidence: &papers };
        let (_, findings) = entering::make(&agent, &mut store, meant.book, &act, vec![(meant.month, bodies)])?;
        told.extend(findings);
        // What it does to the forms is for those who answer for them.
        told.retain(|finding| meant.office || finding.code.starts_with("measure"));
        Ok(told)
    }

    fn withdraw(&self, who: &str, place: &SheetPlace, key: &str, seen: i64, reason: &str) -> Answer<Vec<Finding>> {
        let (agent, mut store) = self.open()?;
        let facts = measures::facts(&agent)?;
        let meant = meant(&agent, &facts, who, place)?;
        let entry = meant.entries(&store)?.into_iter().find(|entry| entry.key == key).ok_or_else(Refusal::missing)?;
        if entry.operation != seen {
            return Err(Failure::findings(vec![changed(&meant, &entry)]).into());
        }
        let body = Body { withdrawn: true, ..entry.body };
        let act = Act { person: meant.person, correct: true, beside: false, reason, evidence: &[] };
        let (_, told) = entering::make(&agent, &mut store, meant.book, &act, vec![(meant.month, vec![(meant.place(), body)])])?;
        Ok(told.into_iter().filter(|finding| meant.office || finding.code.starts_with("measure")).collect())
    }

    fn year(&self, who: &str, place: &YearPlace) -> Answer<YearView> {
        let (agent, store) = self.open()?;
        let facts = measures::facts(&agent)?;
        year::view(&agent, &store, &facts, who, place)
    }

    fn enter_year(&self, who: &str, place: &YearPlace, entering: &Entering) -> Answer<Vec<Finding>> {
        let (agent, mut store) = self.open()?;
        let facts = measures::facts(&agent)?;
        year::enter(&agent, &mut store, &facts, who, place, entering)
    }

    fn template(&self, who: &str, place: &SheetPlace) -> Answer<File> {
        let (agent, store) = self.open()?;
        let facts = measures::facts(&agent)?;
        let meant = meant(&agent, &facts, who, place)?;
        let items = meant.sheet.map(|sheet| sheet.items.as_slice()).unwrap_or_default();
        let (header, lines) = short::template(meant.kind, meant.fact, items, &ledger::current(&store, &meant.book.id, None)?);
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        // Spreadsheets take UTF-8 for what it is by this mark alone.
        let text = format!("\u{feff}{}", sheet::csv(&header, &lines)?);
        let name = format!("{}-{}.csv", meant.fact.name, meant.month);
        Ok(File { name, media: "text/csv; charset=utf-8", bytes: text.into_bytes() })
    }
}

/// The month at which months and measures open: the last one that the books have sealed, where people answer for forms of them; else the one before
/// today.
pub fn opens_at(agent: &Agent, store: &Store, office: bool) -> Result<Option<Month>, Failure> {
    let before = entering::month_before(&measures::today());
    let mut sealed = None;
    for book in agent.books.iter().filter(|_| office) {
        sealed = sealed.max(store.current_seals(&book.id)?.into_iter().map(|seal| seal.period.month).max());
    }
    Ok(sealed.map(|sealed| before.map_or(sealed, |before| before.min(sealed))).or(before))
}

/// Sheets of the measures that a figure asks for, in its year: name of the kind, and where.
pub fn of_figure(agent: &Agent, figure: &web::Figure) -> Answer<Vec<(String, YearPlace)>> {
    let Some(tree) = &figure.tree else { return Ok(Vec::new()) };
    let mut calls = Vec::new();
    asked(tree, &mut calls);
    if calls.is_empty() {
        return Ok(Vec::new());
    }
    let facts = measures::facts(agent)?;
    let draft = &figure.view.draft;
    let year = draft.period.split('-').next().unwrap_or_default();
    let place = |(kind, item): (String, String)| {
        let name = facts.kinds.find(&kind).map_or_else(|| kind.clone(), |(_, fact)| fact.name.clone());
        (name, YearPlace { book: draft.book.clone(), kind, item, year: year.to_owned() })
    };
    Ok(calls.into_iter().map(place).collect())
}

/// Kind and item of each question about measures in a formula, as its terms are written.
fn asked(node: &web::Node, calls: &mut Vec<(String, String)>) {
    if let Some(arguments) = node.text.strip_prefix("MEASURE(").and_then(|rest| rest.strip_suffix(')')) {
        let mut parts = arguments.split(',').map(str::trim);
        let kind = parts.next().unwrap_or_default().trim_matches('"').to_owned();
        let item = parts.find_map(|part| part.strip_prefix("item=")).unwrap_or_default().trim_matches('"').to_owned();
        if !calls.contains(&(kind.clone(), item.clone())) {
            calls.push((kind, item));
        }
    }
    node.children.iter().for_each(|child| asked(child, calls));
}

/// What was on the screen is another by now.
fn changed(meant: &Meant<'_>, entry: &ledger::Entry) -> Finding {
    Finding::error("measure-changed").at(meant.place()).with("key", &entry.key).with("by", &entry.body.person)
}

/// The lines of a table that say something new. Nobody writes over what somebody else has entered since the page was made.
fn typed(store: &Store, meant: &Meant<'_>, entering: &Entering, offered: &[&str]) -> Answer<Vec<(String, Body)>> {
    let entries: BTreeMap<String, ledger::Entry> =
        meant.entries(store)?.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
    let (mut bodies, mut findings) = (Vec::new(), Vec::new());
    for (at, (seen, cells)) in entering.rows.iter().enumerate() {
        // A line that was offered and not filled.
        let said = |(name, text): (&String, &String)| !text.trim().is_empty() && !offered.contains(&name.as_str());
        if *seen == 0 && !cells.iter().any(said) {
            continue;
        }
        let body = body(meant, cells);
        let now = entries.get(&body.key()).filter(|entry| !entry.body.withdrawn);
        if now.is_some_and(|entry| entry.body.says(&body)) {
            continue;
        }
        match now {
            Some(entry) if entry.operation != *seen => findings.push(changed(meant, entry)),
            None if *seen != 0 => {
                let finding = Finding::error("measure-changed").at(meant.place()).with("key", body.key());
                findings.push(finding.with("by", entries.get(&body.key()).map_or("—", |entry| entry.body.person.as_str())));
            }
            _ => bodies.push((format!("{}, {}", meant.place(), at + 1), body)),
        }
    }
    if findings.is_empty() { Ok(bodies) } else { Err(Failure::findings(findings).into()) }
}

fn body(meant: &Meant<'_>, cells: &BTreeMap<String, String>) -> Body {
    let mut body = Body { kind: meant.kind.to_owned(), ..Body::default() };
    for (name, text) in cells {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let own = match name.as_str() {
            "item" => &mut body.item,
            "date" => &mut body.date,
            "basis" => &mut body.basis,
            "quantity" => &mut body.quantity,
            "unit" => &mut body.unit,
            "amount" => &mut body.amount,
            "coefficient" => &mut body.coefficient,
            "document" => &mut body.document,
            "note" => &mut body.note,
            other => match other.strip_prefix(FIELD).filter(|id| meant.fact.fields.contains_key(*id)) {
                Some(id) => body.fields.entry(id.to_owned()).or_default(),
                None => continue,
            },
        };
        text.clone_into(own);
    }
    if let Some(all) = short::whole(meant.fact).filter(|_| body.item.is_empty()) {
        all.clone_into(&mut body.item);
    }
    for number in [&mut body.quantity, &mut body.amount, &mut body.coefficient] {
        // As it is kept, so that what was not changed says the same.
        if let Ok(amount) = ui::words::narrow(number).replace(',', "").parse::<Amount>() {
            *number = amount.to_string();
        }
    }
    short::plain(&mut body);
    body
}

fn columns(meant: &Meant<'_>) -> Vec<SheetColumn> {
    let fact = meant.fact;
    let plain = |text: &String| (text.clone(), text.clone());
    let mut columns = Vec::new();
    for (name, _) in short::columns(fact) {
        let items: &[String] = match meant.sheet {
            Some(sheet) if !sheet.items.is_empty() => &sheet.items,
            _ => &fact.items,
        };
        let choices = match name {
            "item" => items.iter().map(plain).collect(),
            "basis" => ["change", "level"].iter().map(|basis| ((*basis).to_owned(), format!("basis-{basis}"))).collect(),
            _ => Vec::new(),
        };
        let needed = match name {
            "item" => short::whole(fact).is_none(),
            "basis" => fact.nature == Nature::Heads,
            "quantity" => fact.needs.contains(&Need::Quantity),
            "unit" => fact.needs.contains(&Need::Unit),
            "amount" => fact.needs.contains(&Need::Amount),
            "date" => fact.needs.contains(&Need::Date),
            _ => false,
        };
        columns.push(SheetColumn {
            name: name.to_owned(),
            title: String::new(),
            choices,
            number: ["quantity", "amount", "coefficient"].contains(&name),
            needed,
            key: ["item", "date", "document"].contains(&name),
        });
    }
    for (id, field) in &fact.fields {
        columns.push(SheetColumn {
            name: format!("{FIELD}{id}"),
            title: field.name.clone(),
            choices: field.choices.iter().map(plain).collect(),
            number: false,
            needed: field.needed,
            key: ["use", "composition"].contains(&id.as_str()),
        });
    }
    columns
}

/// An entry as a line of a sheet.
fn row(store: &Store, entry: &ledger::Entry) -> Answer<SheetRow> {
    let Body { item, date, basis, quantity, unit, amount, coefficient, document, note, .. } = &entry.body;
    let plain = [
        ("item", item),
        ("date", date),
        ("basis", basis),
        ("quantity", quantity),
        ("unit", unit),
        ("amount", amount),
        ("coefficient", coefficient),
        ("document", document),
        ("note", note),
    ];
    let mut cells: BTreeMap<String, String> = plain.into_iter().map(|(name, text)| (name.to_owned(), text.clone())).collect();
    cells.extend(entry.body.fields.iter().map(|(id, text)| (format!("{FIELD}{id}"), text.clone())));
    let at = store.operation(entry.operation).map_err(Failure::from)?.map(|made| local(&made.at)).unwrap_or_default();
    Ok(SheetRow {
        key: entry.key.clone(),
        seen: entry.operation,
        cells,
        withdrawn: entry.body.withdrawn,
        by: entry.body.person.clone(),
        at,
        reason: entry.body.reason.clone(),
        papers: entry.body.evidence.iter().map(named).collect(),
        erp: None,
    })
}

fn view(agent: &Agent, store: &Store, facts: &Facts, meant: &Meant<'_>, place: &SheetPlace) -> Answer<SheetView> {
    let month = meant.month;
    let entries = meant.entries(store)?;
    let erp = theirs(&measures::load(agent, store, meant.book)?, meant);
    let mut rows = Vec::new();
    for entry in &entries {
        rows.push(SheetRow { erp: erp.get(&entry.body.item).cloned(), ..row(store, entry)? });
    }
    let items = meant.sheet.map(|sheet| sheet.items.as_slice()).unwrap_or_default();
    let (_, lines) = short::template(meant.kind, meant.fact, items, &ledger::current(store, &meant.book.id, None)?);
    let names: Vec<&str> = short::columns(meant.fact).iter().map(|(name, _)| *name).collect();
    for line in lines {
        let mut cells: BTreeMap<String, String> = names.iter().map(|name| (*name).to_owned()).zip(line).collect();
        if cells.contains_key("basis") {
            cells.insert("basis".to_owned(), "change".to_owned());
        }
        let item = cells.get("item").cloned().unwrap_or_default();
        if entries.iter().any(|entry| entry.body.item == item && !entry.body.withdrawn) {
            continue;
        }
        rows.push(SheetRow { cells, erp: erp.get(&item).cloned(), ..SheetRow::default() });
    }
    let owed = match meant.sheet {
        Some(sheet) => {
            let all = entering::owed(agent, store, facts, month, &measures::today())?;
            all.iter().find(|owed| owed.sheet.id == sheet.id).map(|owed| owed_view(agent, owed))
        }
        None => None,
    };
    Ok(SheetView {
        place: place.clone(),
        beside: beside(month),
        name: meant.fact.name.clone(),
        note: meant.fact.note.clone().unwrap_or_default(),
        owed,
        columns: columns(meant),
        rows,
        locked: acts::locked(store, &meant.book.id, "", month)?.map(|lock| lock.by),
    })
}

/// What the ERP has of each item in the month, so that nobody enters it once more.
fn theirs(loaded: &Measures, meant: &Meant<'_>) -> BTreeMap<String, String> {
    let mut sums: BTreeMap<String, (Option<Amount>, String)> = BTreeMap::new();
    for (row, origin) in loaded.of_month(meant.kind, meant.month) {
        if origin != Origin::Erp || !meant.shows(&row.item) {
            continue;
        }
        let sum = sums.entry(row.item.clone()).or_insert((Some(Amount::ZERO), row.unit.clone().unwrap_or_default()));
        sum.0 = sum.0.zip(row.quantity.or(row.amount)).and_then(|(sum, more)| sum.checked_add(more));
    }
    let text = |(sum, unit): (Option<Amount>, String)| sum.map(|sum| format!("{sum} {unit}")).unwrap_or_default();
    sums.into_iter().map(|(item, sum)| (item, text(sum))).collect()
}
