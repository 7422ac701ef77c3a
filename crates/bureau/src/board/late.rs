//! Who is late and who will soon be, and the letters that ask for what is missing (催报).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use model::{Finding, Month};
use ui::Lang;

use super::{
    Asked, Board,
    duty::{Duties, Standing, standing},
    portal,
    read::{Registered, Short},
};
use crate::{
    failure::Failure,
    messages::{self, Reminder},
    office::Office,
};

/// A report that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Unit.
    pub unit: Registered,
    /// Form.
    pub form: String,
    /// Name of the form.
    pub name: String,
    /// Period.
    pub period: Month,
    /// Last day.
    pub due: Date,
    /// Days that are left, zero on the last; negative where it is late.
    pub days: i32,
}

/// Reports that are missing, and those that came late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Late {
    /// After the deadline, the longest first.
    pub late: Vec<Missing>,
    /// Before it.
    pub soon: Vec<Missing>,
    /// Reported after the deadline: unit, form and period.
    pub came: Vec<(Registered, String, Month)>,
}

/// What is looked at around a day.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// The day.
    pub today: Date,
    /// Days back that deadlines are looked at.
    pub back: i32,
    /// Days ahead.
    pub ahead: i32,
    /// Only this period.
    pub period: Option<Month>,
}

/// What is missing around a day. A form that the portal has is not missing.
pub fn late(board: &Board, duties: &Duties, asked: &Asked, around: &Around) -> Result<Late, Failure> {
    let register = board.register()?;
    let mut found = Late::default();
    for form in duties.asked(&asked.form) {
        let mut dues = duties.calendars().around(form, around.today, around.back, around.ahead);
        if let Some(period) = around.period {
            dues = duties.calendars().due(form, period).into_iter().collect();
        }
        for due in dues {
            let period = super::number(due.period);
            let (shorts, filed) = board.read(|connection| {
                Ok((Short::all(connection, &form.form, period)?, portal::filed(connection, &form.form, period)?))
            })?;
            for unit in register.units().iter().filter(|unit| asked.takes(unit) && duties.owes(unit, &form.form)) {
                let short = shorts.binary_search_by_key(&unit.id, |short| short.unit).ok().and_then(|at| shorts.get(at));
                match standing(short, Some(due.enterprise)) {
                    Standing::Missing if !filed.contains_key(&unit.id) => {
                        let days = due.days_left(around.today);
                        let missing = Missing {
                            unit: unit.clone(),
                            form: form.form.clone(),
                            name: form.name.clone(),
                            period: due.period,
                            due: due.enterprise,
                            days,
                        };
                        if days < 0 { found.late.push(missing) } else { found.soon.push(missing) }
                    }
                    Standing::Late => found.came.push((unit.clone(), form.form.clone(), due.period)),
                    _ => {}
                }
            }
        }
    }
    let key = |missing: &Missing| (missing.due, missing.form.clone(), missing.unit.code.clone(), missing.period);
    found.late.sort_by_key(key);
    found.soon.sort_by_key(key);
    Ok(found)
}

/// Writes one letter to each unit about all that it has not sent and was not asked for before: nothing in it but what is missing and until when it was due.
pub fn letters(office: &Office, missing: &[Missing], who: &str) -> Result<Vec<Finding>, Failure> {
    let mut units: BTreeMap<&str, Vec<&Missing>> = BTreeMap::new();
    missing.iter().for_each(|one| units.entry(&one.unit.code).or_default().push(one));
    let mut findings = Vec::new();
    for (unit, own) in units {
        let items: BTreeSet<[String; 3]> =
            own.iter().map(|one| [one.form.clone(), one.period.to_string(), one.due.to_string()]).collect();
        let words = |items: &[[String; 3]]| {
            let told = own.iter().filter(|one| items.contains(&[one.form.clone(), one.period.to_string(), one.due.to_string()]));
            text(&told.copied().collect::<Vec<_>>())
        };
        let reminder = Reminder { unit, items: items.into_iter().collect(), who };
        match messages::remind(office, &reminder, &words)? {
            Some(message) => findings.push(Finding::note("message-written").with("message", message.id).with("unit", unit)),
            None => findings.push(Finding::note("reminded-before").at(unit)),
        }
    }
    Ok(findings)
}

/// The words of a letter.
fn text(missing: &[&Missing]) -> String {
    [Lang::Zh, Lang::En]
        .map(|lang| {
            let item = |one: &&Missing| {
                let late = if one.days < 0 { "label-letter-late" } else { "label-letter-soon" };
                let values = [
                    ("form", one.form.clone()),
                    ("name", one.name.clone()),
                    ("period", one.period.to_string()),
                    ("due", one.due.to_string()),
                ];
                ui::text(lang, late, &values)
            };
            let items = missing.iter().map(item).collect::<Vec<_>>().join("\n");
            ui::text(lang, "label-letter-reminder", &[("items", items)])
        })
        .join("\n\n")
}
