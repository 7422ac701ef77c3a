/*! A book as it was sealed: chart, calendar, cubes, trial balances. */

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::Path,
};

use connector::{Account, PeriodInfo};
use journal::{Balances, Cell, Class, Digest, Evidence, Role, Years};
use model::{Finding, Month, Period};
use serde::{Deserialize, Serialize};
use store::{Seal, Store};

use crate::report::Failure;

/// Chart and calendar as they were read with a seal. Kept as JSON under its digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// ISO 4217; empty where nobody said.
    pub currency: String,
    /// Name of the book in the ERP.
    pub name: String,
    /// Month in which fiscal years start where the calendar does not say.
    pub fiscal_year_starts: u8,
    /// The chart.
    pub accounts: Vec<Account>,
    /// The calendar.
    pub periods: Vec<PeriodInfo>,
    /// Periods that had entries.
    pub filled: Vec<String>,
    /// What accounts were to the closing of profit and loss when these periods were sealed: `profit_and_loss`, `profit`, `equity` or `either`.
    /// Accounts that are none of these are left out.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
}

impl Context {
    /// When fiscal years start.
    pub fn years(&self) -> Years {
        let starts = self.periods.iter().filter_map(|period| period.fiscal_year_start.parse::<Month>().ok());
        Years::new(starts, self.fiscal_year_starts)
    }

    /// What each account is to the closing of profit and loss, kept in `roles` too: a person's word first, then the standard's beside the
    /// ERP's, as an ERP may keep income tax among the balance-sheet accounts.
    pub fn decide_roles(&mut self, standard: &survey::Standard) -> HashMap<String, Role> {
        let role = |account: &Account| {
            let (code, name) = (account.account.as_str(), account.name.as_str());
            let erp = !standard.is_decided(code);
            if standard.is_profit(code, name) || erp && account.profit {
                Role::Profit
            } else if !erp && account.class == "profit_and_loss" && !standard.is_profit_and_loss(code, name) {
                Role::Either
            } else if standard.is_profit_and_loss(code, name) || erp && account.class == "profit_and_loss" {
                Role::ProfitAndLoss
            } else if ["equity", "balance_sheet"].contains(&account.class.as_str()) && standard.certain(code, name).is_none() {
                Role::Equity
            } else {
                Role::BalanceSheet
            }
        };
        let roles: HashMap<String, Role> = self.accounts.iter().map(|account| (account.account.clone(), role(account))).collect();
        let name = |role: &Role| match role {
            Role::BalanceSheet => None,
            Role::ProfitAndLoss => Some("profit_and_loss"),
            Role::Profit => Some("profit"),
            Role::Equity => Some("equity"),
            Role::Either => Some("either"),
        };
        let named = roles.iter().filter_map(|(account, role)| Some((account.clone(), name(role)?.to_owned())));
        self.roles = named.collect();
        roles
    }
}

/// How much of a cube is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Added up by account: enough for trial balances, and quick.
    Accounts,
    /// Cell by cell, for formulas that ask for dimensions.
    Dimensions,
}

/// A sealed book, loaded.
pub struct SealedBook {
    /// Chart and calendar of the newest seal.
    pub context: Context,
    /// The newest seal of each period.
    pub seals: Vec<Seal>,
    /// Cube of each sealed period.
    pub cubes: BTreeMap<Period, Vec<Cell>>,
    /// The context that each period was sealed with, where that is not the newest.
    older: BTreeMap<String, Context>,
}

impl SealedBook {
    /// Loads what is sealed under a book's id; `None` where nothing is.
    pub fn load(store: &Store, id: &str, grain: Grain) -> Result<Option<SealedBook>, Failure> {
        SealedBook::load_with(store, id, |folder, seal| cube(folder, seal, grain))
    }

    /// The same for a pull that reads everything again: what is lost or damaged is about to be written anew, so it holds nothing up.
    pub fn load_to_mend(store: &Store, id: &str) -> Result<Option<SealedBook>, Failure> {
        SealedBook::load_with(store, id, |folder, seal| Ok(cube(folder, seal, Grain::Accounts).unwrap_or_default()))
    }

    fn load_with(
        store: &Store,
        id: &str,
        cube: impl Fn(&Path, &Seal) -> Result<Vec<Cell>, Failure>,
    ) -> Result<Option<SealedBook>, Failure> {
        SealedBook::of(store, id, store.current_seals(id)?, cube)
    }

    /// The same from the seals that are given, one of each period.
    pub fn of(
        store: &Store,
        id: &str,
        seals: Vec<Seal>,
        cube: impl Fn(&Path, &Seal) -> Result<Vec<Cell>, Failure>,
    ) -> Result<Option<SealedBook>, Failure> {
        let Some(newest) = seals.iter().max_by_key(|seal| (seal.operation, seal.id)) else { return Ok(None) };
        let context = context(store, &newest.context)?;
        let mut older = BTreeMap::new();
        for digest in seals.iter().map(|seal| &seal.context).filter(|digest| **digest != newest.context) {
            if !older.contains_key(digest) {
                older.insert(digest.clone(), self::context(store, digest)?);
            }
        }
        let folder = store.snapshots(id)?;
        let mut cubes = BTreeMap::new();
        for seal in &seals {
            cubes.insert(seal.period, cube(&folder, seal)?);
        }
        Ok(Some(SealedBook { context, seals, cubes, older }))
    }

    /// Whether everything up to `period` that had entries is sealed.
    pub fn covers(&self, period: Period) -> bool {
        let sealed: BTreeSet<Period> = self.seals.iter().map(|seal| seal.period).collect();
        let filled = self.context.filled.iter().filter_map(|text| text.parse::<Period>().ok());
        filled.filter(|filled| *filled <= period).all(|filled| sealed.contains(&filled))
    }

    /// Periods in which an account is something else to the closing of profit and loss by now: by a person's decision, or in the standard.
    pub fn reclassed(&self, roles: &BTreeMap<String, String>) -> Vec<Period> {
        let moved = |seal: &&Seal| {
            let before = &self.older.get(&seal.context).unwrap_or(&self.context).roles;
            let other = |cell: &Cell| before.get(&*cell.account) != roles.get(&*cell.account);
            before != roles && self.cubes.get(&seal.period).is_some_and(|cells| cells.iter().any(other))
        };
        self.seals.iter().filter(moved).map(|seal| seal.period).collect()
    }

    /// Balances as the ERP's own trial balance has them: classes are the ERP's.
    pub fn balances(&self) -> Result<Balances, Finding> {
        let class = |account: &Account| match account.class.as_str() {
            "profit_and_loss" => Class::ProfitAndLoss,
            _ => Class::BalanceSheet,
        };
        let chart = self.context.accounts.iter().map(|account| (account.account.clone(), class(account)));
        let mut balances = Balances::new(self.context.years(), chart);
        for (period, cells) in &self.cubes {
            for cell in cells {
                balances.add(*period, cell).map_err(|error| balance_finding(&error))?;
            }
        }
        Ok(balances)
    }

    /// The seal of a period.
    pub fn seal(&self, period: Period) -> Option<&Seal> {
        self.seals.iter().find(|seal| seal.period == period)
    }
}

/// Cube of a sealed period. It is derived, so one that is lost or damaged is made again from the entries, where those are sound.
pub fn cube(folder: &Path, seal: &Seal, grain: Grain) -> Result<Vec<Cell>, Failure> {
    let path = journal::cube_path(folder, seal.period, digest(seal)?);
    let known = seal.cube.as_deref().and_then(Digest::parse);
    let sound = match known {
        Some(known) => journal::sound(&path, known),
        // An earlier version kept no digest of it.
        None => journal::file_digest(&path).map(|_| ()),
    };
    if let Err(wrong) = sound {
        let Some(entries) = entry_file(folder, seal)? else { return Err(wrong.into()) };
        journal::rebuild_cube(&path, entries.path()?, &closing(seal))?;
    }
    Ok(match grain {
        Grain::Accounts => journal::read_turnover(&path)?,
        Grain::Dimensions => journal::read_cube(&path)?,
    })
}

/// The entry file of a seal; nothing where only balances are kept.
pub fn entry_file(folder: &Path, seal: &Seal) -> Result<Option<Evidence>, Failure> {
    let Some(known) = seal.file.as_deref() else { return Ok(None) };
    let path = journal::entries_path(folder, seal.period, digest(seal)?);
    let known = Digest::parse(known).ok_or_else(|| {
        Failure::source(Finding::error("file-damaged").at(path.display().to_string()).with("reason", "SHA-256"))
    })?;
    Ok(Some(Evidence::new(path, known)))
}

/// Doubtful vouchers that a draft names; the rest is counted.
const DOUBTS_NAMED: usize = 20;

/// Keys of the closing vouchers of a seal.
pub fn closing(seal: &Seal) -> HashSet<String> {
    left_out(seal).into_iter().map(|[key, _]| key).collect()
}

/// Closing vouchers of a seal: key and number.
pub fn left_out(seal: &Seal) -> Vec<[String; 2]> {
    listed(seal).filter_map(|voucher| voucher.try_into().ok()).collect()
}

/// Vouchers of a seal that may be closings and count as turnover: key, number and the finding that says why.
pub fn unclear(seal: &Seal) -> Vec<[String; 3]> {
    listed(seal).filter_map(|voucher| voucher.try_into().ok()).collect()
}

/// Two texts for a closing voucher, a third for one that is unclear.
fn listed(seal: &Seal) -> impl Iterator<Item = Vec<String>> {
    serde_json::from_str::<Vec<Vec<String>>>(&seal.closing).unwrap_or_default().into_iter()
}

/// What a person must know of figures of `month` with its year and the year before: vouchers in them that may be closings. Those of
/// adjustment periods are in annual figures only.
pub fn doubts<'a>(book: &str, seals: impl IntoIterator<Item = &'a Seal>, month: Month, annual: bool) -> Vec<Finding> {
    let from = Month::new(month.year().saturating_sub(1), 1);
    let within = |seal: &&Seal| {
        let period = seal.period;
        period.month <= month && from.is_some_and(|from| from <= period.month) && (annual || !period.adjustment)
    };
    let finding = |seal: &Seal, [key, number, code]: [String; 3]| {
        let finding = match code.as_str() {
            "closing-unclear" => Finding::warning("closing-unclear"),
            _ => Finding::warning("closing-account-unknown"),
        };
        let number = if number.is_empty() { key } else { number };
        finding.at(format!("book {book}, {}, {number}", seal.period))
    };
    let mut found: Vec<Finding> = seals
        .into_iter()
        .filter(within)
        .flat_map(|seal| unclear(seal).into_iter().map(move |voucher| finding(seal, voucher)))
        .collect();
    if found.len() > DOUBTS_NAMED {
        let more = found.len() - DOUBTS_NAMED;
        found.truncate(DOUBTS_NAMED);
        found.push(Finding::warning("more-findings").at(format!("book {book}")).with("count", more));
    }
    found
}

/// Identity of a seal.
pub fn digest(seal: &Seal) -> Result<Digest, Failure> {
    Digest::parse(&seal.root).ok_or_else(|| {
        let place = format!("book {}, {}", seal.book, seal.period);
        Failure::source(Finding::error("file-damaged").at(place).with("reason", "root"))
    })
}

/// A balance that cannot be, as a finding.
pub fn balance_finding(error: &journal::BalanceError) -> Finding {
    use journal::BalanceError as E;
    match error {
        E::UnknownAccount { period, account } => {
            Finding::error("account-unknown").at(period.to_string()).with("account", account)
        }
        E::Unbalanced { period, difference } => {
            Finding::error("book-unbalanced").at(period.to_string()).with("difference", difference.fixed(2))
        }
        E::TooLarge { account } => Finding::error("amount-too-large").at(account.clone()),
    }
}

/// A context, by its digest.
pub fn context(store: &Store, digest: &str) -> Result<Context, Failure> {
    serde_json::from_str(&store.context(digest)?)
        .map_err(|error| Failure::source(Finding::error("file-damaged").at(format!("context {digest}")).with("reason", error)))
}

/// Names of a book's accounts as they were last sealed.
pub fn names(store: &Store, book: &str) -> Result<BTreeMap<String, String>, Failure> {
    let seals = store.current_seals(book)?;
    let Some(newest) = seals.iter().max_by_key(|seal| (seal.operation, seal.id)) else { return Ok(BTreeMap::new()) };
    let context = context(store, &newest.context)?;
    Ok(context.accounts.into_iter().map(|account| (account.account, account.name)).collect())
}
