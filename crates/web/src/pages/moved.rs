//! Beside a figure: why it is another than the month before, and what the mapping and the books say by now.

use maud::{Markup, html};
use survey::document::Cell;
use ui::{Lang, grouped, label, page, text};

use super::money;
use crate::{
    desk::{EditPlace, FigurePlace, Since, Why, WhyAccount, WhyVoucher},
    routes,
};

/// An amount with its sign, as a difference is read.
fn signed(amount: &str) -> String {
    let shown = money(amount);
    if amount.starts_with('-') || amount == "0" || amount.is_empty() { shown } else { format!("+{shown}") }
}

/// What is another since the draft was built.
pub fn since(lang: Lang, place: &FigurePlace, cell: &Cell, since: &Since) -> Markup {
    let say = |name: &str| label(lang, name);
    let to = EditPlace {
        book: place.draft.book.clone(),
        period: place.draft.period.clone(),
        what: format!("{}:{}", place.draft.form, cell.id),
    };
    html! {
        div.note.warning role="note" id="since" {
            @if since.mapping {
                p {
                    strong { (say("figure-since")) } (say("colon"))
                    @match &since.formula {
                        Some(formula) => { (text(lang, "label-figure-since-formula", &[("formula", formula)])) },
                        None => { (say("figure-since-same")) },
                    }
                    @if let Some(why) = &since.why { " · " (say("why")) (say("colon")) (why) }
                }
                @for made in &since.changes {
                    p.dim {
                        (text(lang, "label-figure-since-change", &[("name", made.name.as_str()), ("before", made.before.as_deref().unwrap_or("—")), ("after", made.after.as_str())]))
                        " (" (made.who) ", " (made.at) (say("colon")) (made.why) ")"
                    }
                }
                @if since.changes.is_empty() { p.dim { (text(lang, "label-figure-since-file", &[("file", since.place.as_str())])) } }
            }
            @if !since.sealed.is_empty() {
                p { (say("figure-sealed-anew")) " "
                    @for (at, (period, then, now)) in since.sealed.iter().enumerate() {
                        @if at > 0 { "、" }
                        @if then.is_empty() || now.is_empty() { (period) } @else { a href=(routes::changes(&place.draft.book, period, then, now)) { (period) } }
                    } }
            }
            @if let Some(value) = &since.value { p { (text(lang, "label-figure-since-value", &[("value", money(value))])) } }
            p { (say("figure-since-then"))
                @if since.mapping { " " a href=(routes::edit(&to, None)) { (say("figure-since-open")) } } }
        }
    }
}

/// Why a figure is another than the month before.
pub fn why(lang: Lang, place: &FigurePlace, cell: &Cell, why: &Why) -> Markup {
    let say = |name: &str| label(lang, name);
    let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "—".to_owned(), grouped);
    html! {
        h2 id="why" { (text(lang, "label-figure-why", &[("month", why.month.as_str())])) }
        @if why.restart {
            @let month = FigurePlace { column: "this_month".to_owned(), ..place.clone() };
            p { (say("figure-why-restart")) " " a href=(routes::figure(&month)) { (say("this-month")) } }
        } @else {
            p data-difference=(why.difference) {
                @match &why.place {
                    Some(to) => a href=(routes::figure(to)) { (why.month) },
                    None => abbr title=(say("figure-why-computed")) { (why.month) },
                }
                " " strong { (shown(&why.values[0])) } " → " (place.draft.period) " " strong { (shown(&why.values[1])) } " " (cell.unit)
                " · " (say("difference")) " " strong { (signed(&why.difference)) } " " (say("yuan"))
            }
            @if why.accounts.is_empty() && why.rest.is_none() { p { (say("figure-why-same")) } } @else {
                p.dim { (say("figure-why-help")) @if why.many { " " (say("figure-why-no-vouchers")) } }
                div.scroll { table data-grid {
                    thead { tr {
                        th scope="col" { (say("account")) " / " (say("voucher")) } th scope="col" { (say("date")) } th scope="col" { (say("summary")) }
                        th scope="col" { (say("party")) } th.n scope="col" { (why.month) } th.n scope="col" { (place.draft.period) }
                        th.n scope="col" { (say("figure-why-effect")) }
                    } }
                    @for account in &why.accounts { (moved(lang, place, account)) }
                    tbody {
                        @if why.more.0 > 0 { tr { td colspan="6" { (text(lang, "label-figure-why-more-accounts", &[("count", why.more.0.to_string()), ("amount", signed(&why.more.1))])) } td.n data-effect=(why.more.1) { (signed(&why.more.1)) } } }
                        @if let Some(rest) = &why.rest { tr { td colspan="6" { (say("figure-why-rest")) } td.n data-effect=(rest) { (signed(rest)) } } }
                        tr.sum { td colspan="4" { (say("difference")) } td.n { (money(&why.raw[0])) } td.n { (money(&why.raw[1])) } td.n { (signed(&why.difference)) } }
                    }
                } }
            }
        }
    }
}

/// An account with the vouchers of both months.
fn moved(lang: Lang, place: &FigurePlace, account: &WhyAccount) -> Markup {
    html! {
        tbody {
            tr { th scope="row" colspan="4" { (account.code) " " (account.name) }
                td.n { (money(&account.gave[0])) } td.n { (money(&account.gave[1])) }
                td.n data-effect=(account.effect) { strong { (signed(&account.effect)) } } }
            @for voucher in &account.vouchers { (line(lang, place, voucher)) }
            @if account.more.0 > 0 || account.more.1 != "0" && !account.vouchers.is_empty() {
                tr { td colspan="6" { (text(lang, "label-figure-why-more-vouchers", &[("count", account.more.0.to_string()), ("amount", signed(&account.more.1))])) } td.n data-voucher-effect=(account.more.1) { (signed(&account.more.1)) } }
            }
        }
    }
}

fn line(lang: Lang, place: &FigurePlace, voucher: &WhyVoucher) -> Markup {
    let period = voucher.period.to_string();
    html! {
        tr {
            td { a.cell.link href=(routes::voucher_of(place, &place.draft.book, &period, &voucher.key)) { (period) " " (label(lang, "voucher")) " " (voucher.number) } }
            td { (voucher.date) }
            td { (voucher.summary)
                @if voucher.red { " " abbr title=(label(lang, "figure-why-red-help")) { (page::badge(page::Tone::Bad, &label(lang, "figure-why-red"))) } }
                @if let Some(number) = &voucher.against { " " (page::badge(page::Tone::Warn, &text(lang, "label-figure-why-against", &[("number", number.as_str())]))) } }
            td colspan="3" { (voucher.party) }
            td.n data-voucher-effect=(voucher.effect) { (signed(&voucher.effect)) }
        }
    }
}
