//! What the bureau's pages share: ways, times, addresses, badges.

use maud::{Markup, html};
use ui::{
    Lang, label,
    page::{Tone, badge},
};

use crate::store::{Arrival, Unit};

/// The way to the first page.
pub fn home_way(lang: Lang) -> Vec<(String, String)> {
    vec![("/".to_owned(), label(lang, "page-home"))]
}

/// The way to the units.
pub fn units_way(lang: Lang) -> Vec<(String, String)> {
    let mut way = home_way(lang);
    way.push(("/units".to_owned(), label(lang, "bureau-units")));
    way
}

/// The way to a unit.
pub fn unit_way(lang: Lang, unit: &Unit) -> Vec<(String, String)> {
    let mut way = units_way(lang);
    way.push((unit_at(&unit.code), unit.name.clone()));
    way
}

/// The page of a unit.
pub fn unit_at(unit: &str) -> String {
    format!("/units/{}", gate::part(unit))
}

/// The page of a report.
pub fn report_at(unit: &str, [form, edition, period]: [&str; 3]) -> String {
    format!("{}/{}/{}/{}", unit_at(unit), gate::part(form), gate::part(edition), gate::part(period))
}

/// A moment as people of the bureau read it: in China, to the minute.
pub fn moment(at: &str) -> String {
    let moment = at.parse::<jiff::Timestamp>().ok();
    let zone = jiff::tz::TimeZone::fixed(crate::clock::CHINA);
    moment.map_or_else(|| at.to_owned(), |moment| zone.to_datetime(moment).strftime("%Y-%m-%d %H:%M").to_string())
}

/// The channel of a report.
pub fn channel(lang: Lang, channel: &str) -> Markup {
    badge(Tone::Plain, &label(lang, &format!("channel-{channel}")))
}

/// What was decided about a version: `return`, `acceptance`, or nothing yet.
pub fn decision(lang: Lang, kind: Option<&str>) -> Markup {
    match kind {
        Some("return") => badge(Tone::Bad, &label(lang, "bureau-returned")),
        Some("acceptance") => badge(Tone::Good, &label(lang, "bureau-accepted")),
        _ => badge(Tone::Plain, &label(lang, "bureau-arrived")),
    }
}

/// The newest version of each report, in the order of their periods, the last first; and how many versions there are.
pub fn newest(all: &[Arrival]) -> Vec<(&Arrival, usize)> {
    let mut found: Vec<(&Arrival, usize)> = Vec::new();
    for one in all {
        match found.iter_mut().find(|(known, _)| known.report == one.report && known.unit == one.unit) {
            Some((known, count)) => {
                if one.version > known.version {
                    *known = one;
                }
                *count += 1;
            }
            None => found.push((one, 1)),
        }
    }
    found.sort_by(|(one, _), (other, _)| (&other.report[2], &one.report[0]).cmp(&(&one.report[2], &other.report[0])));
    found
}

/// A token of the session, for a form.
pub fn token(token: &str) -> Markup {
    html! { input type="hidden" name="token" value=(token); }
}

/// Heads of a table.
pub fn heads(lang: Lang, names: &[&str]) -> Markup {
    html! { thead { tr { @for name in names { th scope="col" { (label(lang, name)) } } } } }
}
