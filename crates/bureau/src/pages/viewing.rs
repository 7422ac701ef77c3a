//! Who looked at what: the row that is written before values are shown, and the page of these rows.

use gate::Answer;
use maud::html;
use tokio::sync::oneshot;
use ui::label;

use super::{
    Bureau, frame,
    route::{Reply, Visit},
};
use crate::{
    db::Connection,
    store::{Act, Log, Refused, Task, Unit, Viewed},
};

/// A look on its way into the store.
pub struct Looking {
    row: Viewed,
    reply: oneshot::Sender<Result<(), Refused>>,
}

impl Looking {
    /// A look, and where it is told that it is written.
    pub fn new(row: Viewed, reply: oneshot::Sender<Result<(), Refused>>) -> Looking {
        Looking { row, reply }
    }
}

impl Task for Looking {
    fn unit(&self) -> &str {
        &self.row.unit
    }

    fn write(&mut self, connection: &Connection, _: &mut Log<'_>) -> Result<(), Refused> {
        self.row.id = self.row.add(connection)?;
        Ok(())
    }

    fn entries(&self) -> u64 {
        1
    }

    fn enter(&mut self, log: &mut Log<'_>, size: u64) -> Result<(), Refused> {
        let act = Act { table: "viewed".to_owned(), row: self.row.row(), size };
        log.append(&act.table, &self.row.at, &act.to_bytes()?)?;
        Ok(())
    }

    fn reply(self: Box<Self>, outcome: Result<(), Refused>) {
        // Whoever asked may have gone.
        let _ = self.reply.send(outcome);
    }
}

/// Rows of one page.
const MOST: usize = 200;

/// Who looked at what, the newest first.
pub fn list(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let lang = visit.session.lang;
    let (person, unit) = (visit.query.text("person"), visit.query.text("unit"));
    let before = visit.query.text("before").parse().unwrap_or(i64::MAX);
    let rows = bureau.read(|connection| {
        let rows = Viewed::list(connection, person, unit, before, MOST)?;
        // An area is an area here too: of units elsewhere nothing is shown.
        rows.into_iter()
            .map(|row| Ok((Unit::find(connection, &row.unit)?.unwrap_or_default(), row)))
            .collect::<crate::db::Result<Vec<_>>>()
    })?;
    let last = if rows.len() == MOST { rows.last().map(|(_, row)| row.id) } else { None };
    let own: Vec<_> = rows.iter().filter(|(unit, _)| visit.staff.covers(unit)).collect();
    let body = html! {
        p { (label(lang, "bureau-views-why")) }
        form.filter method="get" action="/views" {
            span.field { label for="person" { (label(lang, "page-person")) } input id="person" name="person" value=(person); }
            span.field { label for="unit" { (label(lang, "unit-code")) } input id="unit" name="unit" value=(unit) size="20"; }
            button.plain { (label(lang, "bureau-find")) }
        }
        @if own.is_empty() { p { (label(lang, "bureau-nothing")) } } @else {
            div.scroll { table {
                thead { tr { @for name in ["at", "page-person", "bureau-looked", "unit-name", "form", "period"] { th scope="col" { (label(lang, name)) } } } }
                tbody { @for (unit, row) in own { tr {
                    td { (frame::moment(&row.at)) } td { (row.person) }
                    td { (label(lang, &look(row))) @if !row.about.is_empty() { small { (row.about) } } }
                    td { (unit.name) small { (row.unit) } } td { (row.form) " " small { (row.edition) } } td { (row.period) }
                } } }
            } }
        }
        @if let Some(last) = last {
            p { a href=(format!("/views?before={last}&person={}&unit={}", gate::part(person), gate::part(unit))) { (label(lang, "bureau-older")) } }
        }
    };
    Ok(Reply::Page { title: label(lang, "bureau-views"), crumbs: frame::home_way(lang), here: "/views", body })
}

/// What was looked at, by the last word of the route.
fn look(row: &Viewed) -> String {
    let last = row.page.rsplit('/').next().unwrap_or_default();
    if last.starts_with('{') { "look-page".to_owned() } else { format!("look-{last}") }
}
