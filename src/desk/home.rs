//! The first page: what is due, what changed, and one thing to do for each form.

use std::collections::BTreeMap;

use journal::Digest;
use model::{Level, Month};
use store::Store;
use web::{Due, Exempt, Home, Next, Place, Source};

use super::signoff;
use crate::{
    build,
    config::{Agent, Channel, Deed, Person},
    delivery::{self, messages, outbox},
    due::{self, DONE, Report},
    fresh,
    report::Failure,
    signing, under_way,
};

/// States in which a report has left.
const SENT: [&str; 4] = ["queued", "handed_out", "delivered", "accepted"];

/// What is due, what changed, and how the sources are.
pub fn home(agent: &Agent, store: &Store, person: &Person, day: Option<&str>, all: bool) -> Result<Home, Failure> {
    let today = day.and_then(|day| day.parse().ok()).unwrap_or_else(due::today);
    let (reports, mut news) = due::around(agent, store, today, all)?;
    let mut sealed: BTreeMap<&str, Month> = BTreeMap::new();
    for book in &agent.books {
        let last = store.current_seals(&book.id)?.into_iter().map(|seal| seal.period.month).max();
        sealed.extend(last.map(|last| (book.id.as_str(), last)));
    }
    news.extend(under_way::packages(store, &local)?);
    news.extend(under_way::letters(store, &reports, &local)?);
    let letters = messages::all(store)?;
    let asked = messages::open(&letters);
    let ways = outbox::drafts_on_their_way(store)?;
    let mut due = Vec::new();
    for report in reports {
        let reached = sealed.get(report.book.as_str()).is_some_and(|last| report.due.period <= *last);
        let mut due_now = row(&report, today, reached)?;
        let place = &due_now.place;
        let way = ways.get(&[place.form.clone(), place.book.clone(), place.period.clone()]);
        let query = asked.iter().any(|message| message.form == place.form && message.period == place.period);
        due_now.next = next(agent, store, person, &due_now, query)?;
        if let Some(way) = way {
            (due_now.state, due_now.tries) = (way.name().to_owned(), way.tries);
        }
        due.push(due_now);
    }
    // What is done goes to the end; before that, the nearest deadline first.
    due.sort_by_key(|due| (DONE.contains(&due.state.as_str()), due.left));
    let drafts = store.current_drafts()?;
    for book in &agent.books {
        news.extend(build::touched_drafts(store, book)?);
        news.extend(fresh::accounts(agent, store, book, &drafts)?);
    }
    let exempt = due::exempt(agent, today)?.into_iter().map(|free| {
        let place = Place { book: free.book, form: free.form, period: free.month.to_string() };
        let own =
            drafts.iter().find(|draft| draft.book == place.book && draft.form == place.form && draft.period == place.period);
        Exempt {
            state: own.map_or_else(|| "not_built".to_owned(), |draft| draft.state.clone()),
            with: free.with.map(|month| month.to_string()).unwrap_or_default(),
            reached: sealed.get(place.book.as_str()).is_some_and(|last| free.month <= *last),
            place,
        }
    });
    let exempt = exempt.collect();
    news.retain(|finding| finding.level != Level::Note);
    let mut sources = Vec::new();
    for book in &agent.books {
        let seals = store.current_seals(&book.id)?;
        let newest = seals.iter().max_by_key(|seal| seal.operation);
        let name = match newest {
            Some(seal) => crate::books::context(store, &seal.context)?.name,
            None => String::new(),
        };
        let read = newest.and_then(|seal| store.operation(seal.operation).transpose()).transpose()?;
        sources.push(Source {
            book: book.id.clone(),
            name,
            sealed: seals.iter().map(|seal| seal.period.month).max().map(|month| month.to_string()).unwrap_or_default(),
            read: read.map(|operation| local(&operation.at)).unwrap_or_default(),
        });
    }
    Ok(Home { today: today.to_string(), due, news, sources, exempt, all })
}

fn row(report: &Report, today: jiff::civil::Date, reached: bool) -> Result<Due, Failure> {
    let place = Place { book: report.book.clone(), form: report.form.form.clone(), period: report.due.period.to_string() };
    let mut open = [0, 0];
    // What has arrived is explained no more: what is to be said about it then is a correction.
    if let Some(version) = report.version.as_ref().filter(|version| !SENT.contains(&&*version.state)) {
        let draft = build::read(version)?;
        open = ["rule-mandatory", "rule-verify"].map(|code| draft.findings.iter().filter(|note| note.code == code).count());
    }
    Ok(Due {
        place,
        name: report.form.name.clone(),
        date: report.due.enterprise.to_string(),
        left: report.due.days_left(today),
        state: report.state().to_owned(),
        stale: report.stale.clone(),
        reached,
        open,
        tries: 0,
        next: Next::default(),
    })
}

/// The one thing to do with a form, by its name; whose turn it is, where it is not the person's.
fn next(agent: &Agent, store: &Store, person: &Person, due: &Due, query: bool) -> Result<Next, Failure> {
    let step = |name: &'static str, page: &'static str, waits: Vec<String>| Next { name, page, waits };
    let of = |name, page, deed| step(name, page, if person.may(deed) { Vec::new() } else { signoff::who_may(agent, deed) });
    let look = |name, page| step(name, page, Vec::new());
    Ok(match due.state.as_str() {
        "not_built" if !due.reached => look("page-not-read", ""),
        "not_built" => look("page-do-build", ""),
        "built" if !due.stale.is_empty() => look("page-do-rebuild", ""),
        "built" if due.open[0] > 0 => look("page-do-mend", "rules"),
        "built" if due.open[1] > 0 => look("page-do-rules", "rules"),
        "built" => of("page-do-review", "", Deed::Review),
        "in_review" => {
            let place = (&*due.place.book, &*due.place.form, &*due.place.period);
            let mut step = of("page-do-approve", "", Deed::Approve);
            if step.waits.is_empty() && crate::signoff::handed_in(store, place, person)? {
                step.waits = signoff::who_may(agent, Deed::Approve);
                step.waits.retain(|name| *name != person.name);
            }
            step
        }
        "approved" if due.open[1] > 0 => look("page-do-rules", "rules"),
        "approved" => {
            let official = agent.channel(&due.place.form, &due.place.book) == Channel::Official;
            if !official && delivery::filing(store, &due.place.book, &due.place.form, &due.place.period)?.is_none() {
                return Ok(of("page-do-file", "sign", Deed::Platform));
            }
            let version = store.current_draft(&due.place.book, &due.place.form, &due.place.period)?;
            let digest = version.map(|version| Digest::of(version.body.as_bytes()).to_string()).unwrap_or_default();
            let signed = signoff::signed_roles(store, &due.place, &digest)?;
            let open: Vec<&str> = signing::required(agent)?.iter().map(|role| role.id()).collect();
            let open: Vec<&str> = open.into_iter().filter(|role| signed.iter().all(|own| own != role)).collect();
            let own = person.roles.iter().any(|role| open.contains(&role.id()));
            let others = open.iter().flat_map(|role| signoff::who_signs(agent, role)).collect::<std::collections::BTreeSet<_>>();
            step("page-do-sign", "sign", if own { Vec::new() } else { others.into_iter().collect() })
        }
        "signed" => of("page-do-submit", "submit", Deed::Submit),
        "queued" | "handed_out" => look("page-do-watch", "delivery"),
        "refused" => look("page-do-refused", "delivery"),
        "returned" => of("page-do-correct", "sign", Deed::Return),
        "delivered" | "accepted" if query => of("page-do-answer", "delivery", Deed::Answer),
        "delivered" | "accepted" => look("page-do-receipt", "delivery"),
        _ => look("page-do-look", ""),
    })
}

/// A time as people in China read their clock; pages say once that it is theirs.
pub fn local(at: &str) -> String {
    match at.parse::<jiff::Timestamp>() {
        Ok(time) => due::clock(time).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => at.to_owned(),
    }
}
