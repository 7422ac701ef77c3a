/*! Where a page does what the hint of a finding says: by the code of the finding, and by the place and values that it names. */

use maud::{Markup, html};
use model::Finding;
use ui::{Lang, label};

use super::{letters, mapping, month, years};
use crate::{
    desk::{Place, YearPlace},
    routes,
};

/// The place of a finding about a draft or a figure of it: `FORM[:ROW], YYYY-MM, book ID`.
fn place(text: &str) -> Option<Place> {
    let mut parts = text.split(", ");
    let (what, period, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (form, book) = (what.split(':').next()?, rest.strip_prefix("book ")?);
    let month = period.len() == 7 && period.as_bytes().get(4) == Some(&b'-');
    month.then(|| Place { book: book.to_owned(), form: form.to_owned(), period: period.to_owned() })
}

fn value<'a>(finding: &'a Finding, name: &str) -> &'a str {
    finding.arguments.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str())
}

/// Address and label of the page that has the act.
fn to(finding: &Finding) -> Option<(String, &'static str)> {
    let draft = place(&finding.place);
    let of_draft = |page: &str| draft.as_ref().map(|place| format!("{}{page}", routes::draft(place)));
    Some(match &*finding.code {
        "explanation-missing" | "explanation-stale" | "rule-verify" | "rule-mandatory" => {
            (of_draft(&format!("/rules#{}", value(finding, "rule")))?, "page-rules")
        }
        "mapping-changed" | "pack-changed" | "rates-changed" | "evidence-changed" | "measures-changed" | "draft-stale"
        | "figure-differs" => (of_draft("#signoff")?, "page-to-signoff"),
        "draft-given-back" => (of_draft("/sign")?, "page-sign"),
        "filing-missing" => (of_draft("/sign#filing")?, "page-do-file"),
        "measure-not-entered" | "measure-without-source" | "heads-not-begun" => {
            let place = draft?;
            let item = Some(value(finding, "item")).filter(|item| !item.is_empty() && *item != "*" && !item.contains(['=', '"']));
            let year = value(finding, "month").get(..4).unwrap_or_else(|| place.period.get(..4).unwrap_or_default()).to_owned();
            let (book, kind, item) = (place.book, value(finding, "kind").to_owned(), item.unwrap_or_default().to_owned());
            (years::address(&YearPlace { book, kind, item, year }), "page-year-sheet")
        }
        "message-open" | "message-arrived" | "report-returned" => {
            (format!("{}#m-{}", letters::HERE, value(finding, "message")), "page-letters")
        }
        "reports-older-late" => ("/?all=1".to_owned(), "page-late-all"),
        "period-locked" => {
            let place = draft?;
            (
                format!("{}?book={}&period={}#locks", month::HERE, routes::part(&place.book), routes::part(&place.period)),
                "page-locks",
            )
        }
        "accounts-new" => {
            let (period, book) = finding.place.split_once(", book ")?;
            (routes::mapping(book, period), "mapping-page")
        }
        "account-unmatched" | "account-name-disagrees" => (mapping::HERE.to_owned(), "mapping-page"),
        _ => return None,
    })
}

/// The way there.
pub fn of(lang: Lang, finding: &Finding) -> Markup {
    html! { @if let Some((to, name)) = to(finding) { a href=(to) { (label(lang, name)) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_leads_to_the_page_that_has_its_act() {
        let to = |finding: Finding| to(&finding).map(|(to, _)| to);
        let rule = Finding::error("explanation-missing").at("B203, 2025-06, book hz").with("rule", "FIN-08");
        assert_eq!(to(rule).as_deref(), Some("/drafts/hz/B203/2025-06/rules#FIN-08"));
        let measure = Finding::warning("measure-not-entered").at("B203:601, 2025-06, book hz");
        let measure = measure.with("kind", "从业人员").with("item", "*").with("month", "2024-12, 2025-01");
        let there = to(measure).unwrap();
        assert!(there.starts_with("/years/hz/%E4%BB%8E") && there.ends_with("?year=2024&item="), "{there}");
        assert_eq!(to(Finding::error("explanation-missing").at("B203:301")), None, "a place that says no month");
        assert_eq!(to(Finding::error("clock-wrong")), None);
    }
}
