//! The first page: what awaits whoever looks.

use std::collections::BTreeMap;

use gate::Answer;
use maud::{Markup, html};
use ui::{
    Lang, label,
    page::{Tone, badge},
};

use super::{
    Bureau, frame,
    route::{Reply, Visit},
    talk,
};
use crate::{
    clock,
    staff::Role,
    store::{Query, ReportVersion, Unit, Viewed},
};

/// Days back that the first page looks.
const DAYS: i64 = 45;
/// Lines of each list.
const LINES: usize = 50;
/// Rows that are looked through.
const ROWS: usize = 3000;

/// What awaits a reviewer or reader.
struct Waiting {
    /// Newest versions that the person has not looked at.
    arrived: Vec<(Unit, ReportVersion)>,
    /// Queries without an answer.
    open: Vec<(Unit, Query)>,
    /// Answers that came since the person last looked.
    answers: Vec<(Unit, Query)>,
}

/// The first page of each role.
pub fn page(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let lang = visit.session.lang;
    let works = visit.staff.is_any(&[Role::Reviewer, Role::Reader]);
    let body = html! {
        p { (who(lang, visit)) }
        @if works {
            (waiting(lang, &read(bureau, visit)?))
        } @else if visit.staff.is_any(&[Role::Admin]) {
            p { (label(lang, "bureau-home-admin")) }
            p { a.button href="/staff" { (label(lang, "bureau-staff")) } " " a.button.plain href="/views" { (label(lang, "bureau-views")) } }
        } @else if visit.staff.is_any(&[Role::Town]) {
            p { (label(lang, "bureau-home-town")) }
            p { a.button href="/units" { (label(lang, "bureau-units")) } }
        } @else {
            p { a.button href="/views" { (label(lang, "bureau-views")) } }
        }
    };
    Ok(Reply::Page { title: label(lang, "page-home"), crumbs: Vec::new(), here: "/", body })
}

fn who(lang: Lang, visit: &Visit) -> Markup {
    let staff = &visit.staff;
    html! {
        @for role in &staff.roles { (badge(Tone::Plain, &label(lang, &format!("staff-{role}")))) " " }
        (label(lang, "bureau-area")) " " strong { (staff.area) }
        @if !staff.trade.is_empty() { " · " (label(lang, "trade")) " " strong { (staff.trade) } }
    }
}

fn read(bureau: &Bureau, visit: &Visit) -> Answer<Waiting> {
    let staff = &visit.staff;
    let since = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(DAYS * 24);
    let since = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    bureau.read(|connection| {
        let seen = Viewed::last(connection, &staff.person)?;
        let last = |unit: &str, form: &str, period: &str| seen.get(&[unit, form, period].map(str::to_owned));
        let mut units: BTreeMap<String, Option<Unit>> = BTreeMap::new();
        let mut own = |code: &str| -> crate::db::Result<Option<Unit>> {
            if !units.contains_key(code) {
                units.insert(code.to_owned(), Unit::find(connection, code)?.filter(|unit| staff.covers(unit)));
            }
            Ok(units.get(code).cloned().flatten())
        };
        let mut arrived = Vec::new();
        let all = ReportVersion::since(connection, &since, ROWS)?;
        for (one, _) in frame::newest(&all) {
            let [form, _, period] = &one.report;
            // Times are whole seconds: what came in the second of a look may not have been there yet, and is told once more rather than never.
            if last(&one.unit, form, period).is_none_or(|at| *at <= one.at)
                && let Some(unit) = own(&one.unit)?
            {
                arrived.push((unit, one.clone()));
            }
        }
        arrived.sort_by(|(_, one), (_, other)| other.at.cmp(&one.at));
        let (mut open, mut answers) = (Vec::new(), Vec::new());
        let mut reports: BTreeMap<String, Vec<ReportVersion>> = BTreeMap::new();
        for query in Query::list(connection, &since, "", ROWS)? {
            let Some(unit) = own(&query.unit)? else { continue };
            if !reports.contains_key(&query.unit) {
                reports.insert(query.unit.clone(), ReportVersion::of(connection, &query.unit)?);
            }
            let known = reports.get(&query.unit).map_or(&[][..], Vec::as_slice);
            let looked = last(&query.unit, &query.message.form, &query.message.period);
            if query.is_open(known) {
                open.push((unit, query.placed(known)));
            } else if query.answer > 0 && looked.is_none_or(|at| *at <= query.answered) {
                answers.push((unit, query.placed(known)));
            }
        }
        Ok(Waiting { arrived, open, answers })
    })
}

fn waiting(lang: Lang, waiting: &Waiting) -> Markup {
    let today = clock::today().to_string();
    let Waiting { arrived, open, answers } = waiting;
    html! {
        (section(lang, "bureau-answers-unread", answers.len(), &html! { (talk::queries(lang, &answers.iter().take(LINES).collect::<Vec<_>>(), &today)) }))
        (section(lang, "bureau-arrived-unseen", arrived.len(), &html! {
            div.scroll { table data-grid {
                (frame::heads(lang, &["unit-name", "form", "period", "page-version", "at", "bureau-channel"]))
                tbody { @for (unit, one) in arrived.iter().take(LINES) {
                    @let [form, edition, period] = [0, 1, 2].map(|at| one.report[at].as_str());
                    tr {
                        td { a.cell href=(frame::report_at(&one.unit, [form, edition, period])) { (unit.name) } }
                        td { (form) } td { (period) } td.n { (one.version) } td { (frame::moment(&one.at)) } td { (frame::channel(lang, &one.channel)) }
                    }
                } }
            } }
        }))
        (section(lang, "bureau-queries-open", open.len(), &html! { (talk::queries(lang, &open.iter().take(LINES).collect::<Vec<_>>(), &today)) }))
    }
}

fn section(lang: Lang, name: &str, count: usize, body: &Markup) -> Markup {
    html! {
        h2 id=(name) { (label(lang, name)) " " (badge(if count == 0 { Tone::Good } else { Tone::Warn }, &count.to_string())) }
        @if count == 0 { p.dim { (label(lang, "bureau-nothing")) } } @else {
            (body)
            @if count > LINES { p.dim { (ui::text(lang, "label-bureau-more", &[("most", LINES.to_string())])) } }
        }
    }
}
