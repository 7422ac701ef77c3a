//! The rules of a draft, and what people say about those that are not met.

use std::sync::Arc;

use model::Level;
use store::Store;
use survey::audit::{Claim, Outcome};
use ui::Lang;
use web::{Answer, Place, Side, Verdict, Verdicts};

use super::{basis::basis, book, drafts, month, shelf::Shelf, signoff};
use crate::{
    audit::{self, Saying},
    config::{Agent, Person},
    plain::Plain,
};

/// Judges the rules of a draft's month.
pub fn verdicts(shelf: &Arc<Shelf>, agent: &Agent, store: &mut Store, place: &Place, lang: Lang) -> Answer<Verdicts> {
    let (book, month) = (book(agent, place)?, month(place)?);
    let view = drafts::view(agent, store, place)?;
    // What a draft was built from: its figures are what people say something about.
    let basis = basis(shelf, agent, store, place)?;
    let ready = &basis.ready;
    let audited = audit::judge(agent, store, book, Some(&place.form), month, ready)?;
    let mapping = &ready.layers.mapping;
    let plain = [Lang::Zh, Lang::En].map(|lang| Plain {
        mapping,
        chart: &ready.desk(&place.form).chart,
        kinds: None,
        form: &place.form,
        lang,
    });
    let words = |text: &str| [plain[0].side(text), plain[1].side(text)];
    let all = || audited.iter().flat_map(|audited| audited.verdicts.iter().map(move |verdict| (audited, verdict)));
    let count = |wanted: Outcome| all().filter(|(_, verdict)| verdict.outcome == wanted).count();
    let causes: Vec<(String, String)> = audit::causes(agent)?
        .causes
        .into_iter()
        .map(|(code, cause)| (code, if lang == Lang::Zh { cause.zh } else { cause.en }))
        .collect();
    let cause =
        |code: &String| causes.iter().find(|(known, _)| known == code).map_or_else(|| code.clone(), |(_, name)| name.clone());
    let mut open: Vec<Verdict> = all()
        .filter(|(_, verdict)| verdict.outcome == Outcome::Unmet)
        .map(|(audited, verdict)| {
            let unmet = verdict.comparisons.iter().filter(|made| made.holds != Some(true));
            let sides = unmet.flat_map(|made| {
                [(made.left.clone(), &made.left_value), (format!("{} {}", made.operator, made.right), &made.right_value)]
            });
            let figures = verdict.facts.iter().filter(|fact| fact.form == place.form && fact.period == place.period);
            let mut known: Vec<[String; 3]> = Vec::new();
            for fact in figures {
                if !known.iter().any(|[code, ..]| *code == fact.code) {
                    known.push([fact.code.clone(), fact.name.clone(), fact.value.clone().unwrap_or_default()]);
                }
            }
            let said = match verdict.claim(&audited.said, &audit::digest) {
                Claim::Holds(said) => Some((said, true)),
                Claim::Stale(said) => Some((said, false)),
                Claim::None => None,
            };
            let severity = if verdict.severity == "mandatory" { Level::Error } else { Level::Warning };
            Verdict {
                rule: verdict.rule.clone(),
                text: verdict.text.clone(),
                severity: verdict.severity.to_owned(),
                sides: sides.map(|(text, value)| Side { words: words(&text), text, value: value.clone() }).collect(),
                figures: known,
                said: said.map(|(said, holds)| ([cause(&said.cause), said.text.clone(), signoff::name(agent, &said.by)], holds)),
                finding: model::Finding { level: severity, ..verdict.finding(None) },
            }
        })
        .collect();
    let rank = |severity: &str| ["mandatory", "verify"].iter().position(|known| *known == severity).unwrap_or(2);
    open.sort_by_key(|verdict| (rank(&verdict.severity), verdict.said.as_ref().is_some_and(|(_, holds)| *holds)));
    let counts = [count(Outcome::Met), count(Outcome::NotApplicable)];
    Ok(Verdicts { view, open, counts, causes })
}

/// 核实说明, given to the draft that was on the screen: rule, cause and text.
pub fn explain(
    agent: &Agent,
    store: &mut Store,
    place: &Place,
    person: &Person,
    digest: &str,
    &[rule, cause, text]: &[&str; 3],
) -> Answer<()> {
    let (book, period) = (book(agent, place)?, month(place)?);
    drafts::same(store, place, digest)?;
    let asked = Saying { form: &place.form, rule, period, cause, text };
    audit::explain(agent, store, book, person, &asked)?;
    Ok(())
}
