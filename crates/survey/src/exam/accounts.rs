//! Accounts that close a gap: one to three that an indicator does not take in and the sheet does, or the other way round.

use std::collections::{BTreeMap, BTreeSet};

use formula::{Account, Class, Measure, Question, Side, Trace, What};
use model::{Amount, Finding};

use super::causes::{Cause, Search};
use crate::RowKind;

/// Accounts that sets of three are tried of.
const FEW: usize = 40;
/// Accounts that pairs are tried of.
const MANY: usize = 400;
/// Causes of this kind that are told.
const TOLD: usize = 3;
/// Sets of several accounts are told where no more than so many of their size come within ten times what rounding hides: where they stand closer
/// together than that, one fits whatever the sheet says.
const CLOSE: usize = 4;

/// Something that may be missing from an indicator, or be in it wrongly: an account, or all that are one account of the standard.
struct Item {
    codes: Vec<String>,
    names: Vec<String>,
    /// What it would add, in 元.
    amount: Amount,
    /// Whether it is in the indicator now.
    inside: bool,
    class: Option<Class>,
    /// Accounts of one family are siblings: the same account of the standard, or the same account above them in the book.
    family: String,
}

/// Causes, and whether one account alone is it: several may fit by chance.
pub(super) fn causes(search: &Search<'_>) -> (Vec<Cause>, bool) {
    found(search).unwrap_or_default()
}

fn found(search: &Search<'_>) -> Option<(Vec<Cause>, bool)> {
    let (subject, difference) = (search.subject, search.difference);
    let kind = subject.form.row(&difference.key)?.kind;
    if kind == RowKind::Count {
        return None;
    }
    let trace = subject.trace(&difference.key, difference.column, subject.month)?;
    let theirs = difference.theirs.checked_mul(Amount::from_whole(i128::from(search.shown.divisor))?)?;
    let gap = theirs.checked_sub(difference.raw.unwrap_or(Amount::ZERO))?;
    // What the rounding of the sheet hides; nothing where it is exact.
    let mut slack = search.shown.half()?;
    if slack <= Amount::from_units(5_000_000) {
        slack = Amount::ZERO;
    }
    let asked = Asked::of(&trace, kind, search)?;
    let mut items = items(search, &trace, asked)?;
    // An account of another class than those that the indicator takes is no part of it, whatever it carries.
    let classes: BTreeSet<Class> = items.iter().filter(|item| item.inside).filter_map(|item| item.class).collect();
    items.retain(|item| item.inside || classes.is_empty() || item.class.is_none_or(|class| classes.contains(&class)));
    // What is smaller than the rounding cannot be told from nothing.
    items.retain(|item| size(item.amount) > slack && !item.amount.is_zero());
    let far = slack.checked_mul(Amount::from_whole(10)?)?;
    let mut close = [0_usize; 4];
    let mut sets: Vec<(usize, Amount, Vec<usize>, bool)> = Vec::new();
    let mut take = |chosen: &[usize], turned: bool| {
        let sum = chosen.iter().try_fold(Amount::ZERO, |sum, at| sum.checked_add(items[*at].amount));
        let sum = if turned { sum.and_then(Amount::checked_neg) } else { sum };
        let Some(rest) = sum.and_then(|sum| sum.checked_sub(gap)).map(size) else { return };
        if rest <= far {
            close[chosen.len().min(3)] += 1;
        }
        if rest <= slack {
            sets.push((chosen.len(), rest, chosen.to_vec(), turned));
        }
    };
    // Accounts that are forgotten together are of one kind: sets across kinds fit by chance.
    let alike = |at: usize| (items[at].inside, items[at].class, items[at].family.as_str());
    let insides = |chosen: &[usize]| chosen.iter().all(|at| alike(*at) == alike(chosen[0]));
    let apart = |chosen: &[usize]| {
        let mut seen = BTreeSet::new();
        chosen.iter().flat_map(|at| &items[*at].codes).all(|code| seen.insert(code))
    };
    let mut each = |chosen: &[usize]| {
        if insides(chosen) && apart(chosen) {
            // What is missing may be added or taken away; what is in too much is taken away.
            let inside = items[chosen[0]].inside;
            take(chosen, inside);
            if !inside {
                take(chosen, true);
            }
        }
    };
    let count = items.len().min(MANY);
    for a in 0..count {
        each(&[a]);
    }
    for a in 0..count {
        for b in a + 1..count {
            each(&[a, b]);
        }
    }
    if items.len() <= FEW {
        for a in 0..count {
            for b in a + 1..count {
                for c in b + 1..count {
                    each(&[a, b, c]);
                }
            }
        }
    }
    let by_chance = |count: usize| !slack.is_zero() && close[count.min(3)] > CLOSE;
    sets.retain(|(count, ..)| *count == 1 || !by_chance(*count));
    // Many pairs that fit by chance say nothing: the fewest accounts are the likeliest.
    sets.sort_by_key(|(count, rest, ..)| (*count, *rest));
    let fewest = sets.first()?.0;
    let told = sets.into_iter().take_while(|(count, ..)| *count == fewest).take(TOLD);
    let of = |chosen: &[usize]| chosen.iter().map(|at| &items[*at]).collect::<Vec<_>>();
    Some((told.map(|(_, _, chosen, turned)| cause(search, asked, &of(&chosen), turned)).collect(), fewest == 1))
}

/// What an account is one of: the standard's account where it is known, or the one above it in the book.
fn family(account: &Account) -> String {
    let above = || account.code.rsplit_once(['.', '-', '/']).map_or(account.code.get(..4), |(above, _)| Some(above));
    account.standard.clone().or_else(|| above().map(str::to_owned)).unwrap_or_else(|| account.code.clone())
}

fn size(amount: Amount) -> Amount {
    if amount < Amount::ZERO { amount.checked_neg().unwrap_or(amount) } else { amount }
}

/// How the indicator asks for its accounts, so that others are asked for alike.
#[derive(Clone, Copy)]
struct Asked {
    what: What,
    side: Side,
}

impl Asked {
    fn of(trace: &Trace, kind: RowKind, search: &Search<'_>) -> Option<Asked> {
        let mut waiting = vec![trace];
        let mut first = None;
        while let Some(trace) = waiting.pop() {
            waiting.extend(trace.children.iter().rev());
            if let Some(question) = &trace.question {
                first = first.or(Some((question.clone(), trace.text.clone())));
            }
        }
        let Some((question, text)) = first else {
            let what = if kind == RowKind::Flow { What::Movement } else { What::Closing };
            return Some(Asked { what, side: Side::Debit });
        };
        let said = formula::parse(&text).0.and_then(|expr| match expr.node {
            formula::Node::Account(call) => call.side.or(call.detail),
            _ => None,
        });
        let normal = || {
            let chart = search.subject.engine.chart();
            let account = chart.iter().find(|account| question.accounts.first() == Some(&account.code))?;
            account.debit.map(|debit| if debit { Side::Debit } else { Side::Credit })
        };
        let what = match question.what {
            What::Opening => What::Closing,
            What::Counter => What::Turnover,
            what => what,
        };
        Some(Asked { what, side: question.side.or(said).or_else(normal).unwrap_or(Side::Debit) })
    }

    /// The function with these accounts, towards the side.
    fn text(self, codes: &[String]) -> String {
        let plain = |code: &str| code.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
        let quoted = |code: &String| if plain(code) { code.clone() } else { format!("\"{}\"", code.replace('"', "\"\"")) };
        let codes: Vec<String> = codes.iter().map(quoted).collect();
        let selector = if let [only] = &codes[..] { only.clone() } else { format!("{{{}}}", codes.join(", ")) };
        let name = match self.what {
            What::Movement => "SL",
            What::Turnover | What::Counter => "LFS",
            What::Net => "JE",
            What::Opening => "QC",
            What::Closing => "QM",
        };
        let side = if self.side == Side::Debit { "借" } else { "贷" };
        let period = if name == "JE" { "累计" } else { "" };
        format!("{name}({selector}, {period}, {side})").replace(", , ", ",, ")
    }
}

/// Accounts in the indicator with what they add to it, and those outside with what they would add.
fn items(search: &Search<'_>, trace: &Trace, asked: Asked) -> Option<Vec<Item>> {
    let subject = search.subject;
    let chart = subject.engine.chart();
    let (mut inside, mut named): (BTreeMap<&str, Amount>, BTreeSet<&str>) = Default::default();
    let mut waiting = vec![trace];
    while let Some(trace) = waiting.pop() {
        waiting.extend(&trace.children);
        named.extend(trace.question.iter().flat_map(|question| &question.accounts).map(String::as_str));
        for part in &trace.parts {
            let sum = inside.entry(&part.account).or_default();
            *sum = sum.checked_add(part.amount)?;
        }
    }
    let at = search.at()?;
    let month_only = at.mode == formula::Mode::Month;
    let from = if month_only || asked.what == What::Closing { at.month } else { model::Month::new(at.month.year(), 1)? };
    let name =
        |code: &str| chart.iter().find(|account| account.code == code).map_or(String::new(), |account| account.name.clone());
    let mut items = Vec::new();
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for account in chart {
        // Income and expense are no balances of theirs, and balances no income.
        let loss = account.class == Some(Class::ProfitAndLoss);
        let fits = match asked.what {
            What::Movement => loss,
            // What was not closed yet is no balance of the balance sheet, unless the indicator takes it for one.
            What::Closing => !loss || named.contains(account.code.as_str()),
            _ => !loss || named.contains(account.code.as_str()),
        };
        let code = account.code.as_str();
        let amount = match inside.get(code) {
            Some(amount) => *amount,
            None if named.contains(code) || !fits => continue,
            None => {
                let question = Question {
                    what: asked.what,
                    measure: Measure::Money,
                    accounts: vec![account.code.clone()],
                    counter: Vec::new(),
                    from,
                    to: at.month,
                    side: matches!(asked.what, What::Turnover).then_some(asked.side),
                    detail: None,
                    filters: Vec::new(),
                };
                let parts = subject.engine.ask(&subject.form.form, &question).ok()?;
                let net = parts.iter().try_fold(Amount::ZERO, |sum, part| sum.checked_add(part.amount))?;
                let turns = asked.side == Side::Credit && asked.what != What::Turnover;
                if turns { net.checked_neg()? } else { net }
            }
        };
        if let Some(standard) = account.standard.as_deref() {
            groups.entry(standard).or_default().push(items.len());
        }
        items.push(Item {
            codes: vec![account.code.clone()],
            names: vec![name(code)],
            amount,
            inside: inside.contains_key(code),
            class: account.class,
            family: family(account),
        });
    }
    // An account of the standard that is kept in several is missing as a whole, most of the time.
    let mut whole = Vec::new();
    for (_, members) in groups.into_iter().filter(|(_, members)| members.len() > 1) {
        let members: Vec<&Item> = members.into_iter().map(|at| &items[at]).filter(|item| !item.amount.is_zero()).collect();
        if members.len() < 2 || members.iter().any(|item| item.inside != members[0].inside) {
            continue;
        }
        let amount = members.iter().try_fold(Amount::ZERO, |sum, item| sum.checked_add(item.amount))?;
        let codes = members.iter().flat_map(|item| item.codes.clone()).collect();
        let names = members.iter().flat_map(|item| item.names.clone()).collect();
        let family = members[0].family.clone();
        whole.push(Item { codes, names, amount, inside: members[0].inside, class: members[0].class, family });
    }
    items.extend(whole);
    Some(items)
}

fn cause(search: &Search<'_>, asked: Asked, chosen: &[&Item], turned: bool) -> Cause {
    let codes: Vec<String> = chosen.iter().flat_map(|item| item.codes.clone()).collect();
    let told: Vec<String> =
        chosen.iter().flat_map(|item| item.codes.iter().zip(&item.names)).map(|(code, name)| format!("{code} {name}")).collect();
    let amount = chosen.iter().try_fold(Amount::ZERO, |sum, item| sum.checked_add(item.amount)).unwrap_or(Amount::ZERO);
    let inside = chosen.first().is_some_and(|item| item.inside);
    let call = asked.text(&codes);
    let formula = match (search.formula(true), turned) {
        (Some(base), true) => format!("{base} - {call}"),
        (Some(base), false) => format!("{base} + {call}"),
        (None, true) => format!("-{call}"),
        (None, false) => call,
    };
    let (accounts, amount) = (told.join(", "), amount.fixed(2));
    let said = if inside {
        Finding::note("exam-cause-account-extra").with("accounts", accounts).with("amount", amount)
    } else {
        let how = if turned { "-" } else { "+" };
        Finding::note("exam-cause-account").with("accounts", accounts).with("amount", amount).with("how", how)
    };
    search.cause(said, Some(formula))
}
