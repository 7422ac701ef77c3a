//! The first page, and the log.

use model::Level;
use store::Store;
use web::{Due, Home, Operation, Place, Source};

use crate::{
    build,
    config::Agent,
    due::{self, DONE, Report},
    report::Failure,
};

/// What is due, what changed, and how the sources are.
pub fn home(agent: &Agent, store: &Store) -> Result<Home, Failure> {
    let today = due::today();
    let (reports, mut news) = due::around(agent, store, today, false)?;
    let mut due = Vec::new();
    for report in reports {
        due.push(row(&report, today)?);
    }
    // What is done goes to the end; before that, the nearest deadline first.
    due.sort_by_key(|due| (DONE.contains(&due.state.as_str()), due.left));
    for book in &agent.books {
        news.extend(build::touched_drafts(store, book)?);
    }
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
    Ok(Home { today: today.to_string(), due, news, sources })
}

fn row(report: &Report, today: jiff::civil::Date) -> Result<Due, Failure> {
    let place = Place { book: report.book.clone(), form: report.form.form.clone(), period: report.due.period.to_string() };
    let mut open = [0, 0];
    if let Some(version) = &report.version {
        let draft = build::read(version)?;
        open = ["rule-mandatory", "rule-verify"].map(|code| draft.findings.iter().filter(|note| note.code == code).count());
    }
    Ok(Due {
        place,
        name: report.form.name.clone(),
        date: report.due.enterprise.to_string(),
        left: report.due.days_left(today),
        state: report.state().to_owned(),
        touched: !report.stale.is_empty(),
        open,
    })
}

/// A time as the people of this machine read their clock.
pub fn local(at: &str) -> String {
    match at.parse::<jiff::Timestamp>() {
        Ok(time) => time.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => at.to_owned(),
    }
}

/// Operations, the newest first.
pub fn log(store: &Store, before: Option<i64>, most: usize) -> Result<Vec<Operation>, Failure> {
    let operations = store.operations_before(before, most)?.into_iter().map(|operation| {
        let detail = match serde_json::from_str::<serde_json::Value>(&operation.detail) {
            Ok(serde_json::Value::Object(fields)) => fields
                .into_iter()
                .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
                .collect(),
            _ => vec![(String::new(), operation.detail)],
        };
        Operation { seq: operation.seq, at: local(&operation.at), who: operation.who, what: operation.what, detail }
    });
    Ok(operations.collect())
}
