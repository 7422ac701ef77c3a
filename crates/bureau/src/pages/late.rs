//! Who is late and who will soon be, in the own area: times alone, so towns see it too.

use gate::{Answer, Refusal};
use maud::{Markup, html};
use ui::{
    Lang, label,
    page::{Tone, badge},
};

use super::{
    Bureau, frame, lost,
    route::{Reply, Visit},
};
use crate::{
    board::{Around, Asked, Board, Duties, Missing, late},
    clock,
};

/// Days back and ahead that are looked at.
const BACK: i32 = 60;
const AHEAD: i32 = 7;
/// Lines of each list.
const MOST: usize = 500;

/// The lists.
pub fn list(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let (lang, staff) = (visit.session.lang, &visit.staff);
    let config = bureau.office.config();
    let board = Board::open(&config.state).map_err(lost)?;
    let duties = Duties::read(bureau.office.store(), &config.folder).map_err(Refusal::from)?;
    let asked = Asked { form: String::new(), area: staff.area.clone(), trade: staff.trade.clone() };
    let around = Around { today: clock::today(), back: BACK, ahead: AHEAD, period: None };
    let found = late(&board, &duties, &asked, &around).map_err(Refusal::from)?;
    let body = html! {
        h2 { (label(lang, "bureau-is-late")) " " (badge(if found.late.is_empty() { Tone::Good } else { Tone::Bad }, &found.late.len().to_string())) }
        (table(lang, &found.late))
        h2 { (label(lang, "bureau-is-soon")) " " (badge(Tone::Plain, &found.soon.len().to_string())) }
        (table(lang, &found.soon))
    };
    Ok(Reply::Page { title: label(lang, "bureau-late"), crumbs: frame::home_way(lang), here: "/late", body })
}

fn table(lang: Lang, rows: &[Missing]) -> Markup {
    html! {
        @if rows.is_empty() { p.dim { (label(lang, "bureau-nothing")) } } @else {
            div.scroll { table data-grid {
                (frame::heads(lang, &["unit-name", "unit-code", "form", "period", "due-date", "days"]))
                tbody { @for one in rows.iter().take(MOST) { tr {
                    td { a.cell href=(frame::unit_at(&one.unit.code)) { (one.unit.name) } } td { (one.unit.code) }
                    td { (one.form) small { (one.name) } } td { (one.period) } td { (one.due) } td.n { (one.days) }
                } } }
            } }
            @if rows.len() > MOST { p.dim { (ui::text(lang, "label-bureau-more", &[("most", MOST.to_string())])) } }
        }
    }
}
