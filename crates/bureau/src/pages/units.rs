//! Units of one's area, and one unit: which report arrived when. No value of a unit is here.

use std::collections::BTreeMap;

use gate::Answer;
use maud::html;
use ui::label;

use super::{
    Bureau, frame,
    route::{Reply, Visit},
};
use crate::{
    staff::Role,
    store::{Arrival, MessageDraft, Query, Unit},
};

/// Units of one page.
const MOST: usize = 200;

/// Units of the person's area and trade.
pub fn list(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let (lang, staff) = (visit.session.lang, &visit.staff);
    let find = visit.query.text("find").trim();
    let units = bureau.read(|connection| Unit::of(connection, &staff.area, &staff.trade, find, MOST + 1))?;
    let body = html! {
        p { (label(lang, "bureau-area")) " " strong { (staff.area) } @if !staff.trade.is_empty() { " · " (label(lang, "trade")) " " strong { (staff.trade) } } }
        form.filter method="get" action="/units" {
            span.field { label for="find" { (label(lang, "bureau-find-unit")) } input id="find" name="find" value=(find) size="30"; }
            button.plain { (label(lang, "bureau-find")) }
        }
        @if units.is_empty() { p { (label(lang, "bureau-nothing")) } } @else {
            div.scroll { table data-grid {
                (frame::heads(lang, &["unit-name", "unit-code", "region", "industry", "official"]))
                tbody { @for unit in units.iter().take(MOST) { tr {
                    td { a.cell href=(frame::unit_at(&unit.code)) { (unit.name) } } td { (unit.code) } td { (unit.region) } td { (unit.industry) }
                    td { @for (form, channel) in &unit.channels { @if channel == "official" { (form) " " } } }
                } } }
            } }
        }
        @if units.len() > MOST { p.dim { (ui::text(lang, "label-bureau-more", &[("most", MOST.to_string())])) } }
    };
    Ok(Reply::Page { title: label(lang, "bureau-units"), crumbs: frame::home_way(lang), here: "/units", body })
}

/// One unit: its reports by month, with where they stand.
pub fn page(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let (lang, unit) = (visit.session.lang, &visit.unit);
    let works = visit.staff.is_any(&[Role::Reviewer, Role::Reader]);
    let (all, decisions, open) = bureau.read(|connection| {
        let all = Arrival::of(connection, &unit.code)?;
        let mut decisions = BTreeMap::new();
        for (one, _) in frame::newest(&all) {
            if let Some(word) = MessageDraft::decision(connection, &unit.code, &one.report[0], &one.payload)? {
                decisions.insert(one.payload.clone() + &one.report[0], word.kind);
            }
        }
        let queries = if works { Query::list(connection, "", &unit.code, MOST)? } else { Vec::new() };
        let open = queries.into_iter().filter(|query| query.is_open(&all)).collect::<Vec<_>>();
        Ok((all, decisions, open))
    })?;
    let facts = [("unit-code", &unit.code), ("region", &unit.region), ("industry", &unit.industry)];
    let facts: Vec<_> = facts.map(|(name, value)| (label(lang, name), html! { (value) })).to_vec();
    let mut names = vec!["period", "form", "edition", "bureau-versions", "at", "bureau-channel", "state"];
    if works {
        names.push("bureau-queries-open");
    }
    let body = html! {
        div.card { (ui::page::facts(&facts)) }
        @if all.is_empty() { p { (label(lang, "bureau-nothing-arrived")) } } @else {
            div.scroll { table data-grid {
                (frame::heads(lang, &names))
                tbody { @for (one, versions) in frame::newest(&all) {
                    @let [form, edition, period] = [0, 1, 2].map(|at| one.report[at].as_str());
                    tr {
                        td { (period) }
                        td { @if works { a.cell href=(frame::report_at(&unit.code, [form, edition, period])) { (form) } } @else { (form) } }
                        td { (edition) } td.n { (versions) } td { (frame::moment(&one.at)) } td { (frame::channel(lang, &one.channel)) }
                        td { (frame::decision(lang, decisions.get(&(one.payload.clone() + form)).map(String::as_str))) }
                        @if works {
                            @let count = open.iter().filter(|query| query.message.form == form && query.message.period == period).count();
                            td.n { @if count > 0 { (count) } }
                        }
                    }
                } }
            } }
            @if !works { p.dim { (label(lang, "bureau-times-only")) } }
        }
    };
    Ok(Reply::Page { title: unit.name.clone(), crumbs: frame::units_way(lang), here: "/units", body })
}

impl Query {
    /// Whether it waits: there is no answer, and no corrected version either.
    pub fn is_open(&self, arrived: &[Arrival]) -> bool {
        let about =
            |one: &&Arrival| one.unit == self.unit && one.report[0] == self.message.form && one.report[2] == self.message.period;
        let newest = arrived.iter().filter(about).max_by_key(|one| one.version);
        self.answer == 0 && newest.is_none_or(|newest| newest.payload == self.message.payload)
    }

    /// The query with the edition of the report it is about.
    pub fn placed(self, arrived: &[Arrival]) -> Query {
        let about = arrived.iter().find(|one| one.payload == self.message.payload && one.report[0] == self.message.form);
        Query { edition: about.map(|one| one.report[1].clone()).unwrap_or_default(), ..self }
    }
}
