/*! Two drafts side by side, as every page shows them: what changed first. */

use maud::{Markup, html};
use ui::{Lang, grouped, label, text};

use crate::{
    desk::{Compared, Comparison, FigurePlace, Place},
    routes,
};

/// A value with its thousands apart; words stay words.
fn shown(value: Option<&String>) -> String {
    match value {
        None => "—".to_owned(),
        // Nothing was filled in: a link needs something to be read.
        Some(value) if value.trim().is_empty() => "—".to_owned(),
        Some(value) if value.parse::<model::Amount>().is_ok() => grouped(value),
        Some(value) => value.clone(),
    }
}

/// A table of figures. Each leads to the figure of the newer draft.
fn figures(lang: Lang, place: &Place, names: [&str; 2], rows: &[Compared]) -> Markup {
    html! {
        div.scroll { table data-grid {
            thead { tr {
                @for name in ["code", "name", "unit", "column"] { th scope="col" { (label(lang, name)) } }
                @for name in names { th.n scope="col" { (name) } }
                th.n scope="col" { (label(lang, "difference")) } th.n scope="col" { "%" }
            } }
            tbody { @for row in rows { (figure(lang, place, row)) } }
        } }
    }
}

fn figure(lang: Lang, place: &Place, row: &Compared) -> Markup {
    let to = FigurePlace { draft: place.clone(), cell: row.id.clone(), column: row.column.clone() };
    let sign = |text: &str| if text.starts_with('-') || text == "0" { grouped(text) } else { format!("+{}", grouped(text)) };
    html! {
        tr {
            td { (row.id) } td { (row.name) } td { (row.unit) } td { (label(lang, &row.column)) }
            td.n { (shown(row.old.as_ref())) }
            td.n { a.cell href=(routes::figure(&to)) { (shown(row.new.as_ref())) } }
            td.n { (row.difference.as_deref().map(sign).unwrap_or_default()) }
            td.n { (row.percent.as_deref().map(sign).unwrap_or_default()) }
        }
    }
}

/// What a version or a month is called.
fn named(lang: Lang, comparison: &Comparison) -> [String; 2] {
    let (old, new) = (&comparison.old, &comparison.new);
    if old.period != new.period {
        return [old.period.clone(), new.period.clone()];
    }
    [old, new].map(|version| text(lang, "label-version-number", &[("number", version.number.to_string())]))
}

/// Everything that is another between two drafts.
pub fn comparison(lang: Lang, place: &Place, comparison: &Comparison) -> Markup {
    let names = named(lang, comparison);
    let names = [names[0].as_str(), names[1].as_str()];
    let counts = [("changed", comparison.changed.len().to_string()), ("same", comparison.same.len().to_string())];
    html! {
        p { (text(lang, "label-compared-counts", &counts)) }
        @if !comparison.changed.is_empty() { (figures(lang, place, names, &comparison.changed)) }
        @if !comparison.facts.is_empty() {
            div.scroll { table {
                thead { tr { th scope="col" { (label(lang, "what")) } @for name in names { th scope="col" { (name) } } } }
                tbody { @for (name, old, new) in &comparison.facts {
                    tr { th scope="row" { (label(lang, name)) } td { (empty(old)) } td { (empty(new)) } }
                } }
            } }
        }
        @if !comparison.moved.is_empty() {
            p { (label(lang, "compared-moved")) }
            ul { @for moved in &comparison.moved {
                li {
                    (moved.period) " "
                    @if moved.old != moved.new && !moved.old.is_empty() && !moved.new.is_empty() {
                        a href=(routes::changes(&place.book, &moved.period, &moved.old, &moved.new)) { (label(lang, "see-vouchers")) }
                    } @else if moved.old.is_empty() { (label(lang, "newly-sealed")) }
                    @if moved.measures { " " (label(lang, "measures-moved")) }
                }
            } }
        }
        @if !comparison.same.is_empty() {
            details { summary { (text(lang, "label-compared-same", &counts)) } (figures(lang, place, names, &comparison.same)) }
        }
    }
}

fn empty(text: &str) -> &str {
    if text.is_empty() { "—" } else { text }
}
