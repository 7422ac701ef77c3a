//! How far reporting has come (上报率): units by area, form and state.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use model::Month;

use super::{
    Asked, Board,
    duty::{Duties, Standing, due, standing},
    portal,
    read::{Decision, Short},
};
use crate::store::StoreError;

/// Lengths of region codes: province, city, county, town, village.
const LEVELS: [usize; 5] = [2, 4, 6, 9, 12];

/// Units of an area.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// First digits of the region; empty for all.
    pub area: String,
    /// Units that owe the form.
    pub owed: usize,
    /// Of these, those that reported: to this receiver, or to the portal as its export says.
    pub reported: usize,
    /// Of these, those that only the portal has.
    pub portal: usize,
    /// Of those that reported, those after the deadline.
    pub late: usize,
    /// Those that have not reported.
    pub missing: usize,
    /// Accepted.
    pub accepted: usize,
    /// Returned, and waiting for a correction.
    pub returned: usize,
    /// With rules that are neither met nor explained.
    pub unmet: usize,
    /// With open queries.
    pub open: usize,
    /// With figures that stand out.
    pub outliers: usize,
    /// Units that reported and owe nothing.
    pub beyond: usize,
}

impl Group {
    /// 上报率 in tenths of a percent, rounded down: what is not whole is not shown as whole.
    pub fn rate(&self) -> Option<usize> {
        (self.reported * 1000).checked_div(self.owed)
    }

    fn count(&mut self, owed: bool, short: Option<&Short>, at_portal: Option<bool>, deadline: Option<Date>) {
        let Some(short) = short else {
            self.owed += usize::from(owed);
            match at_portal {
                Some(late) if owed => {
                    self.reported += 1;
                    self.portal += 1;
                    self.late += usize::from(late);
                }
                _ => self.missing += usize::from(owed),
            }
            return;
        };
        if owed {
            self.owed += 1;
            self.reported += 1;
        } else {
            self.beyond += 1;
        }
        self.late += usize::from(standing(Some(short), deadline) == Standing::Late);
        self.accepted += usize::from(short.decision == Decision::Accepted);
        self.returned += usize::from(short.decision == Decision::Returned);
        self.unmet += usize::from(short.unmet > 0);
        self.open += usize::from(short.open > 0);
        self.outliers += usize::from(short.outliers > 0);
    }
}

/// A form of a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Form.
    pub form: String,
    /// Last day; nothing where the form is not due for the period, and nobody owes it.
    pub due: Option<Date>,
    /// By area.
    pub groups: Vec<Group>,
    /// All together.
    pub all: Group,
}

/// Counts units by area, form and state.
pub fn progress(board: &Board, duties: &Duties, asked: &Asked, month: Month) -> Result<Vec<Progress>, StoreError> {
    let register = board.register()?;
    let units = || register.units().iter().filter(|unit| asked.takes(unit));
    let level = level(units().map(|unit| unit.region.as_str()), asked.area.len());
    let period = super::number(month);
    let mut found = Vec::new();
    for form in duties.asked(&asked.form) {
        let deadline = due(duties, &form.form, month).map(|due| due.enterprise);
        let (shorts, filed) = board.read(|connection| {
            Ok((Short::all(connection, &form.form, period)?, portal::filed(connection, &form.form, period)?))
        })?;
        if deadline.is_none() && shorts.is_empty() && filed.is_empty() {
            continue;
        }
        let mut all = Group { area: asked.area.clone(), ..Group::default() };
        let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
        for unit in units() {
            let short = shorts.binary_search_by_key(&unit.id, |short| short.unit).ok().and_then(|at| shorts.get(at));
            let owed = deadline.is_some() && duties.owes(unit, &form.form);
            let at_portal = filed.get(&unit.id).map(|day| deadline.is_some_and(|last| *day > super::duty::day_number(last)));
            if short.is_none() && !owed {
                continue;
            }
            let area = unit.region.get(..level).unwrap_or(&unit.region);
            groups.entry(area).or_default().count(owed, short, at_portal, deadline);
            all.count(owed, short, at_portal, deadline);
        }
        let groups = groups.into_iter().map(|(area, group)| Group { area: area.to_owned(), ..group }).collect();
        found.push(Progress { form: form.form.clone(), due: deadline, groups, all });
    }
    Ok(found)
}

/// By how many digits units are told apart: the next level of regions at which there is more than one.
pub fn level<'a>(regions: impl Iterator<Item = &'a str> + Clone, above: usize) -> usize {
    let several =
        |level: usize| regions.clone().map(|region| region.get(..level).unwrap_or(region)).collect::<BTreeSet<_>>().len() > 1;
    LEVELS.into_iter().filter(|level| *level > above).find(|level| several(*level)).unwrap_or(above.max(6))
}
