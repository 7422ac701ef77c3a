//! Why a figure is another than the month before: the difference by account, and by the vouchers of both months.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use formula::{At, Question, Trace, Value};
use journal::{Added, Seen};
use model::{Amount, Month, Period};
use store::Store;
use survey::{Frequency, Printed, RowKind};
use web::{Answer, FigurePlace, Place, Why, WhyAccount, WhyVoucher};

use super::{basis::Basis, figure, lines, series};
use crate::{books, build, forms::Desk, report::Failure};

/// Accounts and vouchers that are shown.
const SHOWN: usize = 10;
/// Periods that may differ where vouchers are listed: the month, the one before, and an adjustment period of each.
const PERIODS: usize = 4;

/// What an account gives to the figure of the month before, and to that of the month.
#[derive(Default)]
struct Gave {
    sums: [Amount; 2],
    /// The same by period.
    periods: BTreeMap<Period, [Amount; 2]>,
}

impl Gave {
    fn effect(&self) -> Option<Amount> {
        self.sums[1].checked_sub(self.sums[0])
    }
}

/// The question of a leaf with what one of it weighs in the figure, and whether it is of the month itself.
struct Leaf<'a> {
    trace: &'a Trace,
    weight: Amount,
    now: bool,
}

fn size(amount: Amount) -> Amount {
    if amount < Amount::ZERO { amount.checked_neg().unwrap_or(amount) } else { amount }
}

/// Why the figure of a column is another than that of the month before; nothing where there is no month before to compare with.
pub fn why(
    store: &Store,
    basis: &Basis,
    place: &FigurePlace,
    (column, month, now): (Printed, Month, &Trace),
) -> Answer<Option<Why>> {
    let form = place.draft.form.as_str();
    let mapping = &basis.ready.layers.mapping;
    let Some((pack, row)) = mapping.form(form).and_then(|pack| Some((pack, pack.row(&place.cell)?))) else { return Ok(None) };
    let yearly = pack.frequency.is_yearly();
    let step = match pack.frequency {
        Frequency::Monthly => 1,
        Frequency::Quarterly => 3,
        _ => 12,
    };
    let Some(earlier) = month.plus(-step) else { return Ok(None) };
    let mut why = Why { month: earlier.to_string(), ..Why::default() };
    // What adds up over the year begins anew with it.
    let adds = matches!(column, Printed::Cumulative | Printed::PriorYear) && row.kind == RowKind::Flow;
    if adds && !yearly && month.year() != earlier.year() {
        why.restart = true;
        return Ok(Some(why));
    }
    let Some(at): Option<At> = column.at(earlier, row.kind) else { return Ok(None) };
    let desk = basis.ready.desk(form);
    let before = desk.with(mapping, |engine, _| engine.cell(form, &place.cell, at));
    let number = |trace: &Trace| match trace.outcome {
        Ok(Value::Number(number)) => Some(number),
        _ => None,
    };
    let (Some(was), Some(is)) = (number(&before), number(now)) else { return Ok(None) };
    // What a draft says stands before what is computed.
    let then = Place { period: earlier.to_string(), ..place.draft.clone() };
    let kept = store.current_draft(&then.book, &then.form, &then.period).map_err(Failure::from)?;
    let kept = kept.map(|version| build::read(&version)).transpose()?;
    let cell = kept.iter().flat_map(|draft| &draft.cells).find(|cell| cell.id == place.cell);
    let own = cell.and_then(|cell| cell.columns.get(&place.column));
    let (divisor, places) = pack.conversion(row);
    let rounded = |amount: Amount| amount.div_round(divisor.into(), places).map(|value| value.to_string());
    why.place = own.map(|_| FigurePlace { draft: then, ..place.clone() });
    why.values = [cell.and_then(|cell| series::reported(cell, &place.column)).or_else(|| rounded(was)), rounded(is)];
    let was = own.and_then(|own| own.raw.as_ref()?.parse().ok()).unwrap_or(was);
    let Some(difference) = is.checked_sub(was) else { return Ok(None) };
    (why.raw, why.difference) = ([was.to_string(), is.to_string()], difference.to_string());

    let seen = desk.book.seen(yearly);
    let closing: BTreeMap<Period, HashSet<String>> =
        desk.seals.iter().map(|(period, seal)| (*period, books::closing(seal))).collect();
    let leaves: Vec<Leaf<'_>> = [(&before, false), (now, true)]
        .into_iter()
        .flat_map(|(trace, now)| {
            let weighed = trace.answers().into_iter().zip(formula::weights(trace));
            weighed.filter_map(move |(trace, weight)| Some(Leaf { trace, weight: weight?, now }))
        })
        .filter(|leaf| leaf.trace.outcome.is_ok() && !leaf.weight.is_zero())
        .collect();
    let mut gave: BTreeMap<String, Gave> = BTreeMap::new();
    for leaf in &leaves {
        weigh(&seen, leaf, &closing, &mut gave)?;
    }
    let mut accounts: Vec<(Amount, &String, &Gave)> =
        gave.iter().filter_map(|(account, gave)| Some((gave.effect()?, account, gave))).collect();
    let told = accounts.iter().try_fold(Amount::ZERO, |sum, (effect, ..)| sum.checked_add(*effect));
    why.rest = told.and_then(|told| difference.checked_sub(told)).filter(|rest| !rest.is_zero()).map(|rest| rest.to_string());
    accounts.retain(|(effect, ..)| !effect.is_zero());
    accounts.sort_by_key(|(effect, account, _)| (std::cmp::Reverse(size(*effect)), (*account).clone()));
    let beyond = accounts.split_off(accounts.len().min(SHOWN));
    let rest = beyond.iter().try_fold(Amount::ZERO, |sum, (effect, ..)| sum.checked_add(*effect)).unwrap_or_default();
    why.more = (beyond.len(), rest.to_string());
    let mut periods: BTreeSet<Period> = accounts
        .iter()
        .flat_map(|(.., gave)| gave.periods.iter().filter(|(_, [before, now])| before != now).map(|(period, _)| *period))
        .collect();
    why.many = periods.len() > PERIODS;
    if why.many {
        // Balances by party that changed sides differ in every month: the vouchers of both months are what happened.
        let now = column.at(month, row.kind).map(|now| now.month);
        periods.retain(|period| period.month == at.month || Some(period.month) == now);
    }
    let names: BTreeSet<&str> = accounts.iter().map(|(_, account, _)| account.as_str()).collect();
    let mut vouchers = listed(desk, &seen, &leaves, &closing, (&periods, &names))?;
    for (effect, account, gave) in accounts {
        let (mut own, count) = vouchers.remove(account).unwrap_or_default();
        own.sort_by_key(|(effect, voucher)| (std::cmp::Reverse(size(*effect)), voucher.period, voucher.number.clone()));
        own.truncate(SHOWN);
        let shown = own.iter().try_fold(Amount::ZERO, |sum, (effect, _)| sum.checked_add(*effect)).unwrap_or_default();
        let left = effect.checked_sub(shown).unwrap_or_default();
        let more = (count.saturating_sub(own.len() as u64), left.to_string());
        why.accounts.push(WhyAccount {
            code: account.clone(),
            name: desk.names.get(account).cloned().unwrap_or_default(),
            gave: gave.sums.map(|sum| sum.to_string()),
            effect: effect.to_string(),
            vouchers: against(own),
            more,
        });
    }
    Ok(Some(why))
}

/// Adds what each account of a leaf gives.
fn weigh(
    seen: &Seen<'_>,
    leaf: &Leaf<'_>,
    closing: &BTreeMap<Period, HashSet<String>>,
    gave: &mut BTreeMap<String, Gave>,
) -> Answer<()> {
    let at = usize::from(leaf.now);
    let add = |sum: &mut Amount, amount: Amount| {
        let weighed = amount.checked_mul(leaf.weight).and_then(|amount| sum.checked_add(amount));
        *sum = weighed.unwrap_or(*sum);
    };
    for part in &leaf.trace.parts {
        add(&mut gave.entry(part.account.clone()).or_default().sums[at], part.amount);
    }
    if let Some(question) = &leaf.trace.question {
        for (account, periods) in figure::by_period(seen, question, &leaf.trace.parts, closing)? {
            let own = gave.entry(account).or_default();
            for (period, amount) in periods {
                add(&mut own.periods.entry(period).or_default()[at], amount);
            }
        }
    }
    Ok(())
}

/// Vouchers of an account with what they add, and how many there are.
type Listed = HashMap<String, (Vec<(Amount, WhyVoucher)>, u64)>;

/// Vouchers by period and key, each with what it adds and its first line.
type Vouchers = BTreeMap<(Period, String), (Amount, Added)>;

/// The largest vouchers of the periods that differ.
fn listed(
    desk: &Desk,
    seen: &Seen<'_>,
    leaves: &[Leaf<'_>],
    closing: &BTreeMap<Period, HashSet<String>>,
    (periods, accounts): (&BTreeSet<Period>, &BTreeSet<&str>),
) -> Answer<Listed> {
    let none = HashSet::new();
    let mut found: HashMap<String, Vouchers> = HashMap::new();
    let mut counts: HashMap<String, u64> = HashMap::new();
    for leaf in leaves {
        let Some(question) = &leaf.trace.question else { continue };
        let own: Vec<String> = question.accounts.iter().filter(|account| accounts.contains(account.as_str())).cloned().collect();
        if own.is_empty() {
            continue;
        }
        let asked = Question { accounts: own, ..question.clone() };
        let signed = figure::by_period(seen, &asked, &leaf.trace.parts, closing)?;
        let plain = seen.by_period(&asked, closing);
        let plain = plain.map_err(|gap| Failure::findings(vec![survey::gap_finding(&gap, model::Level::Error)]))?;
        for period in periods {
            let largest = seen.largest(&asked, *period, closing.get(period).unwrap_or(&none), SHOWN).map_err(Failure::from)?;
            for (account, (vouchers, count)) in largest {
                *counts.entry(account.clone()).or_default() += count;
                // The figure may have another sign than the books.
                let turned = signed.get(&account) != plain.get(&account);
                for added in vouchers {
                    let own = if turned { added.amount.checked_neg() } else { Some(added.amount) };
                    let effect = own.and_then(|own| own.checked_mul(leaf.weight));
                    let effect = if leaf.now { effect } else { effect.and_then(Amount::checked_neg) };
                    let (Some(effect), key) = (effect, (*period, added.first.voucher().to_owned())) else { continue };
                    let known = found.entry(account.clone()).or_default().entry(key).or_insert((Amount::ZERO, added));
                    known.0 = known.0.checked_add(effect).unwrap_or(known.0);
                }
            }
        }
    }
    let mut parties: HashMap<(Period, String), String> = HashMap::new();
    for period in periods {
        let own = found.values().flat_map(|vouchers| vouchers.keys()).filter(|(at, _)| at == period);
        let keys: HashSet<String> = own.map(|(_, key)| key.clone()).collect();
        let told = lines::parties(desk, *period, &keys)?;
        parties.extend(told.into_iter().map(|(key, party)| ((*period, key), party)));
    }
    let voucher = |((period, key), (effect, added)): ((Period, String), (Amount, Added))| {
        let first = &added.first;
        let text = |name: &str| first.text(name).unwrap_or_default().to_owned();
        let party = Some(text("party")).filter(|party| !party.is_empty());
        let voucher = WhyVoucher {
            period,
            number: first.number().to_owned(),
            date: text("date"),
            summary: text("summary"),
            party: party.or_else(|| parties.get(&(period, key.clone())).cloned()).unwrap_or_default(),
            effect: effect.to_string(),
            red: first.debit() < Amount::ZERO || first.credit() < Amount::ZERO,
            against: None,
            key,
        };
        // What is in both months alike is no reason.
        (!effect.is_zero()).then_some((effect, voucher))
    };
    let of = |(account, vouchers): (String, Vouchers)| {
        let count = counts.get(&account).copied().unwrap_or_default();
        (account, (vouchers.into_iter().filter_map(voucher).collect(), count))
    };
    Ok(found.into_iter().map(of).collect())
}

/// Marks vouchers that say the opposite of another one: a reversal and what it reverses.
fn against(vouchers: Vec<(Amount, WhyVoucher)>) -> Vec<WhyVoucher> {
    let amounts: Vec<(Amount, String, Period)> =
        vouchers.iter().map(|(effect, voucher)| (*effect, voucher.number.clone(), voucher.period)).collect();
    // Of two months the effects have opposite signs already.
    let newest = amounts.iter().map(|(.., period)| *period).max();
    let plain = |(effect, _, period): &(Amount, String, Period)| {
        if Some(*period) == newest { Some(*effect) } else { effect.checked_neg() }
    };
    let marked = |(at, (_, voucher)): (usize, (Amount, WhyVoucher))| {
        let own = plain(&amounts[at]);
        let other = amounts
            .iter()
            .enumerate()
            .find(|(other, known)| *other != at && own.is_some() && plain(known).and_then(Amount::checked_neg) == own);
        WhyVoucher { against: other.map(|(_, (_, number, _))| number.clone()), ..voucher }
    };
    vouchers.into_iter().enumerate().map(marked).collect()
}
