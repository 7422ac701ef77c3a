//! What people do to a month and to its figures.

use std::fs;

use journal::Digest;
use model::{Amount, Finding, Month};
use store::{Store, Wanted};
use survey::document::{Cell, Column};
use web::{
    Adjusting, Answer, EventView, Fill, FillRow, FormMonth, HandoverView, LockView, Locking, MonthView, Place, Refusal, Said,
    Saying,
};

use super::{Pages, book, drafts, home::local, month};
use crate::{
    acts::{self, Lock, TextEntry},
    build,
    config::{Agent, Deed},
    deeds::{self, EVENTS, Target, named},
    evidence::Paper,
    loading, measures,
    report::{self, Failure},
};

/// Months of events that a month's page shows.
const EVENTS_BACK: i32 = 11;

/// Files as a page received them.
pub fn papers(received: &[web::Paper]) -> Result<Vec<Paper>, Failure> {
    received.iter().map(|paper| Paper::received(&paper.name, paper.bytes.clone())).collect()
}

/// The machine name of a column of a cell.
pub fn name_of(cell: &Cell, column: &Column) -> String {
    cell.columns.each().find(|(_, known)| std::ptr::eq(*known, column)).map(|(name, _)| name.to_owned()).unwrap_or_default()
}

impl web::DeedDesk for Pages {
    fn adjust(&self, who: &str, adjusting: &Adjusting) -> Answer<Vec<Finding>> {
        let (agent, mut store) = self.open()?;
        let (person, place) = (agent.person(who)?, &adjusting.place);
        drafts::same(&store, place, &adjusting.digest)?;
        let amount = adjusting.amount.as_deref().map(|text| amount(text, place, &adjusting.row)).transpose()?;
        let target = Target { form: &place.form, row: &adjusting.row, book: book(&agent, place)?, month: month(place)? };
        let papers = papers(&adjusting.papers)?;
        let told = deeds::adjust(&agent, &mut store, person, target, amount, &adjusting.reason, &papers)?;
        Ok(report::grave(told))
    }

    fn fill(&self, place: &Place) -> Answer<Fill> {
        let (agent, store) = self.open()?;
        fill(&agent, &store, place)
    }

    fn say(&self, who: &str, saying: &Saying) -> Answer<Vec<Finding>> {
        let (agent, mut store) = self.open()?;
        let (person, place) = (agent.person(who)?, &saying.place);
        drafts::same(&store, place, &saying.digest)?;
        let target = Target { form: &place.form, row: &saying.row, book: book(&agent, place)?, month: month(place)? };
        let papers = papers(&saying.papers)?;
        let told = deeds::say(&agent, &mut store, person, target, saying.text.as_deref(), saying.reason.as_deref(), &papers)?;
        Ok(report::grave(told))
    }

    fn month(&self, who: &str, book: &str, period: &str) -> Answer<MonthView> {
        let (agent, store) = self.open()?;
        shown(&agent, &store, who, book, period)
    }

    fn lock(&self, who: &str, locking: &Locking) -> Answer<Vec<Finding>> {
        let (agent, mut store) = self.open()?;
        let person = agent.person(who)?;
        let place = Place { book: locking.book.clone(), form: locking.form.clone(), period: locking.period.clone() };
        let (book, month) = (book(&agent, &place)?, month(&place)?);
        let now = lock_of(&store, &place)?.map_or(0, |lock| lock.operation);
        if now != locking.seen {
            let finding = Finding::error("lock-changed").at(format!("{} {month}, book {}", place.form, book.id));
            return Err(Failure::findings(vec![finding]).into());
        }
        let form = Some(place.form.as_str()).filter(|form| !form.is_empty());
        let unlock = (!locking.locked).then_some(locking.reason.as_str());
        let papers = papers(&locking.papers)?;
        let told = deeds::lock(&agent, &mut store, person, (book, form, month), unlock, &papers)?;
        Ok(report::grave(told))
    }

    fn note(&self, who: &str, period: &str, kind: &str, text: &str, received: &[web::Paper]) -> Answer<()> {
        let (agent, mut store) = self.open()?;
        let month: Month = period.parse().map_err(|_| Refusal::missing())?;
        let Some(kind) = EVENTS.iter().find(|known| **known == kind) else { return Err(Refusal::missing()) };
        Ok(deeds::note(&mut store, agent.person(who)?, month, kind, text, &papers(received)?)?)
    }

    fn hand_over(&self, who: &str, to: &str, note: &str, received: &[web::Paper]) -> Answer<()> {
        let (agent, mut store) = self.open()?;
        Ok(deeds::hand_over(&agent, &mut store, agent.person(who)?, to, note, &papers(received)?)?)
    }

    fn take_back(&self, who: &str, handover: bool, key: &str, seen: i64, reason: &str) -> Answer<()> {
        let (agent, mut store) = self.open()?;
        let what = if handover { Deed::Handover } else { Deed::Event };
        Ok(deeds::take_back(&mut store, agent.person(who)?, what, key, Some(seen), reason)?)
    }

    fn paper(&self, digest: &str) -> Answer<Vec<u8>> {
        let (_, store) = self.open()?;
        // Nothing but a digest is looked for, and nothing but what has that digest is given.
        let digest = Digest::parse(digest).ok_or_else(Refusal::missing)?;
        let bytes = fs::read(store.folder().join("evidence").join(digest.to_string())).map_err(|_| Refusal::missing())?;
        if Digest::of(&bytes) == digest { Ok(bytes) } else { Err(Refusal::missing()) }
    }
}

/// An amount as people type it: with thousands apart, or full-width.
pub fn amount(text: &str, place: &Place, row: &str) -> Result<Amount, Failure> {
    let plain: String = ui::words::narrow(text).chars().filter(|letter| !matches!(letter, ',' | '，' | ' ')).collect();
    plain.parse().map_err(|error: model::AmountError| {
        let at = format!("{}:{row}, {}, book {}", place.form, place.period, place.book);
        Failure::findings(vec![Finding::error("amount-unfit").at(at).with("text", text).with("reason", error.code())])
    })
}

fn fill(agent: &Agent, store: &Store, place: &Place) -> Answer<Fill> {
    let book = book(agent, place)?;
    let view = drafts::view(agent, store, place)?;
    deeds::configured(agent, &place.form)?;
    let pack = loading::form(agent, &place.form)?;
    let facts = agent.unit.facts();
    let wanted = Wanted { book: Some(&book.id), form: Some(&place.form), period: Some(&place.period), key: None };
    let mut texts = std::collections::BTreeMap::new();
    for record in store.records(acts::TEXT, wanted).map_err(Failure::from)? {
        let entry: TextEntry = acts::body(&record)?;
        if !entry.withdrawn {
            texts.insert(record.key, entry);
        }
    }
    let mut rows = Vec::new();
    for cell in &view.draft.cells {
        let number = !matches!(cell.kind.as_str(), "text" | "choice");
        if number && cell.formula.is_some() {
            continue;
        }
        let row = pack.row(&cell.id);
        let column = if number { cell.columns.adjusted() } else { cell.columns.main() };
        let adjusted = column.and_then(|column| cell.adjusted(column));
        let said = match (adjusted, texts.get(&cell.id)) {
            (Some(made), _) => Some(Said {
                text: made.amount.clone(),
                reason: made.reason.clone(),
                by: made.by.clone(),
                papers: made.evidence.iter().map(named).collect(),
            }),
            (None, Some(entry)) => Some(Said {
                text: entry.text.clone(),
                reason: entry.reason.clone(),
                by: entry.by.clone(),
                papers: entry.evidence.iter().map(named).collect(),
            }),
            (None, None) => None,
        };
        let fact = row.and_then(|row| row.fill.clone()).filter(|fact| facts.get(fact).is_some_and(|text| !text.is_empty()));
        rows.push(FillRow {
            id: cell.id.clone(),
            code: cell.code.clone().unwrap_or_default(),
            name: cell.name.clone(),
            unit: cell.unit.clone(),
            column: column.map(|column| name_of(cell, column)).unwrap_or_default(),
            number,
            choices: row.map(|row| row.choices.clone()).unwrap_or_default(),
            most: row.and_then(|row| row.max_choices).unwrap_or(1) as usize,
            required: row.is_some_and(|row| row.required),
            source: row.and_then(|row| row.source.clone()).or_else(|| cell.record.clone()).unwrap_or_default(),
            now: adjusted.map(|made| made.reported.clone()).or_else(|| column.and_then(|column| column.value.clone())),
            said,
            fact,
        });
    }
    Ok(Fill { view, rows })
}

/// The lock of a form's month, or of a whole month.
fn lock_of(store: &Store, place: &Place) -> Answer<Option<LockView>> {
    let wanted = Wanted { book: Some(&place.book), form: Some(&place.form), period: Some(&place.period), key: None };
    let Some(record) = store.records(acts::LOCK, wanted).map_err(Failure::from)?.pop() else { return Ok(None) };
    let Lock { locked, reason, by, .. } = acts::body(&record)?;
    let at = store.operation(record.operation).map_err(Failure::from)?.map(|operation| local(&operation.at)).unwrap_or_default();
    Ok(Some(LockView { locked, by, at, reason, operation: record.operation }))
}

fn shown(agent: &Agent, store: &Store, who: &str, wanted: &str, period: &str) -> Answer<MonthView> {
    let today = measures::today();
    let month: Month = match period {
        "" => super::sheets::opens_at(agent, store, true)?.ok_or_else(Refusal::missing)?,
        text => text.parse().map_err(|_| Refusal::missing())?,
    };
    let own = match wanted {
        "" => agent.books.first().ok_or_else(Refusal::missing)?,
        id => agent.books.iter().find(|book| book.id == id).ok_or_else(Refusal::missing)?,
    };
    let place = |form: &str| Place { book: own.id.clone(), form: form.to_owned(), period: month.to_string() };
    let mut forms = Vec::new();
    for form in agent.forms.iter().filter(|form| form.book.as_ref().is_none_or(|id| *id == own.id)) {
        let draft = store.current_draft(&own.id, &form.code, &month.to_string()).map_err(Failure::from)?;
        let (name, state) = match &draft {
            Some(version) => (build::read(version)?.name, version.state.clone()),
            None => (String::new(), "not_built".to_owned()),
        };
        forms.push(FormMonth { lock: lock_of(store, &place(&form.code))?, form: form.code.clone(), name, state });
    }
    let first = month.plus(-EVENTS_BACK).unwrap_or(month).to_string();
    let span = first..=month.to_string();
    let mut events: Vec<EventView> = deeds::events(store)?
        .into_iter()
        .filter(|event| span.contains(&event.period))
        .map(|event| EventView {
            period: event.period,
            kind: event.kind,
            text: event.text,
            by: event.by,
            papers: event.papers,
            key: (event.key, event.operation),
            withdrawn: event.withdrawn,
        })
        .collect();
    events.reverse();
    let mut handovers: Vec<HandoverView> = deeds::handovers(store)?
        .into_iter()
        .map(|made| HandoverView {
            at: local(&made.at),
            from: made.from,
            to: made.to,
            note: made.note,
            open: made.open,
            papers: made.papers,
            key: (made.key, made.operation),
            withdrawn: made.withdrawn,
        })
        .collect();
    handovers.reverse();
    let people = agent.people.iter().filter(|person| person.id != who);
    Ok(MonthView {
        book: own.id.clone(),
        books: agent.books.iter().map(|book| book.id.clone()).collect(),
        period: month.to_string(),
        beside: [-1, 1].map(|step| month.plus(step).map(|month| month.to_string())),
        begun: month.to_string().as_str() <= today.get(..7).unwrap_or_default(),
        lock: lock_of(store, &place(""))?,
        forms,
        kinds: EVENTS.to_vec(),
        events,
        handovers,
        people: people.map(|person| (person.id.clone(), person.name.clone())).collect(),
    })
}
