//! Every audit rule of every shipped form has figures it holds for and figures it does not: a rule that cannot fail, or never holds, is none.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::collections::BTreeMap;

use common::{Key, Table, next, shipped};
use model::{Amount, Month};
use survey::{
    Form,
    audit::{self, Outcome, Ready, Verdict, judge},
};

/// Texts that decide rules over texts: what the rule itself compares with, dates, and nothing at all.
fn words(expr: &formula::Expr) -> Vec<Option<String>> {
    let mut words: Vec<Option<String>> = ["", "1", "9", "202501", "202503", "2026-02-01", "91310000MA1FL5L23X", "a、b、c、d"]
        .map(|word| Some(word.to_owned()))
        .to_vec();
    words.push(None);
    let mut waiting = vec![expr];
    while let Some(expr) = waiting.pop() {
        match &expr.node {
            formula::Node::Text(text) => words.push(Some(text.clone())),
            formula::Node::Not(operand) | formula::Node::Negate(operand) => waiting.push(operand),
            formula::Node::Binary { left, right, .. } => waiting.extend([&**left, &**right]),
            formula::Node::Call { arguments, .. } => waiting.extend(arguments),
            _ => {}
        }
    }
    words
}

/// Every text that a rule can ask for.
fn texts(ready: &Ready<'_>, forms: &[Form], month: Month) -> Vec<(String, String)> {
    let (mut table, words, mut seed) = (Table::new(forms, &ready.form.form), words(&ready.expr), 1);
    for _ in 0..60 {
        judge(ready, &table, month);
        for key in table.asked_texts.take() {
            table.texts.insert(key, Ok(None));
        }
        for text in table.texts.values_mut() {
            *text = Ok(words[next(&mut seed) as usize % words.len()].clone());
        }
    }
    table.texts.into_keys().collect()
}

/// Every figure that a rule can ask for, found by giving it what it misses until it misses nothing.
fn keys(ready: &Ready<'_>, forms: &[Form], month: Month) -> Vec<Key> {
    let mut table = Table::new(forms, &ready.form.form);
    let mut seed = 1;
    // What `if`, `and` and `or` pass over at one set of figures is asked for at another.
    for _ in 0..60 {
        judge(ready, &table, month);
        for key in table.asked.take() {
            table.figures.insert(key, Ok(Amount::ZERO));
        }
        for value in table.figures.values_mut() {
            *value = Ok(Amount::from_whole(i128::from(next(&mut seed) % 3)).unwrap());
        }
    }
    table.figures.into_keys().collect()
}

/// Moves one figure so that a comparison which does not hold would: equations are met so, not by chance.
fn mended(table: &mut Table<'_>, keys: &[Key], verdict: &Verdict, ready: &Ready<'_>, seed: &mut u64) {
    let Some(made) = verdict.comparisons.iter().find(|made| made.holds == Some(false)) else { return };
    let Some(difference) = made.difference.as_ref().and_then(|text| text.parse::<Amount>().ok()) else { return };
    let key = &keys[next(seed) as usize % keys.len()];
    // The difference is in the form's unit where it is money, in the figure's own elsewhere.
    let by = if made.unit.is_empty() { 1 } else { i128::from(ready.form.divisor) };
    let difference = difference.units() * by / i128::from(table.divisor(&key.0, &key.1));
    let sign = if next(seed).is_multiple_of(2) { 1 } else { -1 };
    if let Some(Ok(value)) = table.figures.get_mut(key) {
        *value = Amount::from_units(value.units() + sign * difference);
    }
}

/// Whether some figures lead to the outcome.
fn reached(ready: &Ready<'_>, forms: &[Form], month: Month, wanted: Outcome) -> Result<(), String> {
    let (keys, texts, words) = (keys(ready, forms, month), texts(ready, forms, month), words(&ready.expr));
    if keys.is_empty() && texts.is_empty() {
        return Err("it asks for no figure".to_owned());
    }
    let mut last = String::new();
    for round in 1..=600_u64 {
        let mut seed = round * 7919;
        let mut table = Table::new(forms, &ready.form.form);
        let most = [2, 30, 5000, 2_000_000][round as usize % 4];
        for key in &keys {
            let value = i128::from(next(&mut seed) % most) - i128::from(next(&mut seed) % 4 / 3 * most / 2);
            // Some figures have decimals: a rule may be that they must not.
            let broken = if next(&mut seed).is_multiple_of(8) { 250_000_000 } else { 0 };
            table.figures.insert(key.clone(), Ok(Amount::from_units(value * 1_000_000_000 + broken)));
        }
        for key in &texts {
            table.texts.insert(key.clone(), Ok(words[next(&mut seed) as usize % words.len()].clone()));
        }
        for _ in 0..12 {
            let verdict = judge(ready, &table, month);
            if verdict.outcome == wanted {
                return Ok(());
            }
            last = format!("{:?} with {:?}", verdict.outcome, table.figures);
            if wanted == Outcome::Unmet || keys.is_empty() {
                break;
            }
            mended(&mut table, &keys, &verdict, ready, &mut seed);
        }
    }
    Err(format!("no figures lead to {wanted:?}; the last: {last}"))
}

#[test]
fn every_rule_holds_for_some_figures_and_fails_for_others() {
    let forms = shipped();
    let (mut wrong, mut rules) = (Vec::new(), 0);
    for form in &forms {
        for rule in &form.rules {
            let (expr, faults) = formula::parse(rule.expr.get_ref());
            let Some(expr) = expr.filter(|_| faults.is_empty()) else {
                wrong.push(format!("{} {}: {faults:?}", form.form, rule.id));
                continue;
            };
            let month = (1..=12).filter_map(|month| Month::new(2025, month)).find(|month| rule.is_asked(*month)).unwrap();
            let month = if rule.is_asked(Month::new(2025, 6).unwrap()) { Month::new(2025, 6).unwrap() } else { month };
            for ready in audit::spread(form, rule, &expr) {
                rules += 1;
                for wanted in [Outcome::Met, Outcome::Unmet] {
                    if let Err(why) = reached(&ready, &forms, month, wanted) {
                        wrong.push(format!("{} {}: {}: {why}", form.form, ready.id, ready.expr));
                    }
                }
            }
        }
    }
    assert!(rules >= 25, "{rules} rules: the test would show nothing");
    assert!(wrong.is_empty(), "{} of {rules} rules:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn rules_of_a_form_ask_for_rows_that_it_has() {
    let forms = shipped();
    let known: BTreeMap<&str, &Form> = forms.iter().map(|form| (form.form.as_str(), form)).collect();
    let mut wrong = Vec::new();
    for form in &forms {
        for rule in &form.rules {
            let Some(expr) = formula::parse(rule.expr.get_ref()).0 else { continue };
            for (of, code) in formula::references(&expr) {
                let of = of.as_deref().unwrap_or(&form.form);
                // Figures from outside and forms of other packs are not there to be looked at.
                let Some(of) = known.get(of).filter(|_| code != "*" && !code.starts_with('@')) else { continue };
                if of.row(&code).is_none() {
                    wrong.push(format!("{} {}: [{}:{code}]", form.form, rule.id, of.form));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
