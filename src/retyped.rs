/*!
What follows from the ERP's own chart and is in no seal's root: of which class an account is, and so which vouchers close profit and loss. An
account that was given another type moves figures whose vouchers are all as they were.
*/

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::ControlFlow,
};

use journal::Digest;
use model::{Month, Period};
use store::{Seal, Store};
use survey::document::{Draft, Evidence, Stands};

use crate::{books, report::Failure};

/// What an ERP says that an account is, shortest said.
pub fn typed(account: &connector::Account) -> String {
    match &account.side {
        Some(side) => format!("{} {side}", account.class),
        None => account.class.clone(),
    }
}

/// Digest over the keys of the closing vouchers of each period up to a month that has any.
pub fn closings<'a>(seals: impl IntoIterator<Item = &'a Seal>, month: Month) -> BTreeMap<String, String> {
    let within = seals.into_iter().filter(|seal| seal.period.month <= month);
    within.filter_map(|seal| Some((seal.period.to_string(), mark(seal)?))).collect()
}

/// Nothing where no voucher closes anything.
fn mark(seal: &Seal) -> Option<String> {
    let keys: BTreeSet<String> = books::closing(seal).into_iter().collect();
    (!keys.is_empty()).then(|| Digest::of(keys.into_iter().collect::<Vec<_>>().join("\n").as_bytes()).to_string())
}

/// What the chart says otherwise than when a draft was built.
#[derive(Default)]
pub struct Retyped {
    /// Accounts of vouchers that close profit and loss by now, or did then; `None` where only balances were kept.
    closings: Vec<(Period, Option<BTreeSet<String>>)>,
    /// Accounts of another class or side.
    accounts: BTreeSet<String>,
    /// Classes that they are of now.
    classes: BTreeSet<String>,
}

impl Retyped {
    /// Compares a draft with the chart that was read last.
    pub fn since(store: &Store, draft: &Draft) -> Result<Retyped, Failure> {
        let mut found = Retyped::default();
        let Ok(month) = draft.period.parse::<Month>() else { return Ok(found) };
        let seals = store.current_seals(&draft.book)?;
        // A draft of an earlier version says nothing about them.
        if let Some(closings) = &draft.closings {
            for seal in seals.iter().filter(|seal| seal.period.month <= month) {
                let period = seal.period.to_string();
                // Other vouchers are another root, and told by that.
                let same = draft.evidence.get(&period).is_some_and(|root| root.split('+').next() == Some(&seal.root));
                let then = closings.get(&period);
                if same && then != mark(seal).as_ref() {
                    found.closings.push((seal.period, moved(store, seal, then)?));
                }
            }
        }
        if let Some(newest) = seals.iter().max_by_key(|seal| (seal.operation, seal.id)).filter(|_| !draft.typed.is_empty()) {
            let context = books::context(store, &newest.context)?;
            let now: BTreeMap<&str, String> = context.accounts.iter().map(|a| (a.account.as_str(), typed(a))).collect();
            for (then, accounts) in &draft.typed {
                for account in accounts {
                    // One that is gone altogether is sealed anew under another code.
                    if let Some(now) = now.get(account.as_str()).filter(|now| *now != then) {
                        found.accounts.insert(account.clone());
                        found.classes.extend(now.split(' ').next().map(str::to_owned));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Whether a figure that stands on the same vouchers may be another.
    pub fn touches(&self, evidence: &Evidence) -> bool {
        let asks =
            |accounts: &BTreeSet<String>| accounts.iter().any(|account| evidence.asked.iter().any(|asked| asked.asks(account)));
        let closed = |(period, accounts): &(Period, Option<BTreeSet<String>>)| {
            let mut asked = evidence.asked.iter().filter(|asked| asked.covers(*period));
            asked.any(|asked| accounts.as_ref().is_none_or(|accounts| accounts.iter().any(|account| asked.asks(account))))
        };
        evidence.on != Stands::Measures
            && (evidence.classes.iter().any(|class| self.classes.contains(class))
                || asks(&self.accounts)
                || self.closings.iter().any(closed))
    }
}

/// Accounts of the vouchers that are closings in one of two seals of the same vouchers, and not in the other.
fn moved(store: &Store, now: &Seal, then: Option<&String>) -> Result<Option<BTreeSet<String>>, Failure> {
    let old = match then {
        None => HashSet::new(),
        Some(then) => {
            let seals = store.seals_of(&now.book, now.period)?;
            match seals.iter().rev().find(|seal| seal.root == now.root && mark(seal).as_ref() == Some(then)) {
                Some(seal) => books::closing(seal),
                None => return Ok(None),
            }
        }
    };
    let new = books::closing(now);
    let vouchers: HashSet<&str> = old.symmetric_difference(&new).map(String::as_str).collect();
    let Some(file) = books::entry_file(&store.snapshots(&now.book)?, now)? else { return Ok(None) };
    let mut accounts = BTreeSet::new();
    journal::read_entries(file.path()?, |entry| {
        if vouchers.contains(entry.voucher()) {
            accounts.insert(entry.account().to_owned());
        }
        ControlFlow::Continue(())
    })?;
    Ok(Some(accounts))
}
