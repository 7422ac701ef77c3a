//! What the national platform has: its exports, read only, so that boards cover every unit, with or without an agent.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use model::{Amount, Finding, Month};
use rusqlite::{Connection, OptionalExtension, Row, params};
use seal::{Digest, canonical};
use serde::{Deserialize, Serialize};
use survey::{
    Form,
    exam::{Figure, HEADERS, Role, Words, figure, month_of, portal},
};

use super::{
    Asked, Board, Cells, cells,
    duty::Duties,
    feed::day,
    read::{Figures, Registered, Slot, Slots, State},
    sql,
};
use crate::{
    clock, db,
    failure::Failure,
    office::Office,
    store::{PortalSheet, StoreError, Unit},
};

/// What was read of an export: a unit's row of a month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    unit: String,
    period: String,
    /// `reported`, `accepted`, `returned` or `missing`.
    status: String,
    /// Day of filing, `YYYY-MM-DD`; empty where the export does not say.
    filed: String,
    /// Code and column of each figure, in the form's unit.
    figures: BTreeMap<String, String>,
}

/// An export that is put on the board.
#[derive(Clone, Debug)]
pub struct Import {
    /// Number of its row.
    pub id: i64,
    form: String,
    told: Vec<Told>,
}

impl Import {
    /// Those after a number.
    pub fn after(state: &db::Connection, id: i64, most: i64) -> db::Result<Vec<Import>> {
        let import = |sheet: PortalSheet| {
            let told = serde_json::from_slice(&sheet.body).unwrap_or_default();
            Import { id: sheet.id, form: sheet.form, told }
        };
        Ok(PortalSheet::after(state, id, most)?.into_iter().map(import).collect())
    }
}

/// Which export is read.
pub struct Reading<'a> {
    /// The file.
    pub path: &'a Path,
    /// Form that it is of.
    pub form: &'a str,
    /// Month of rows that say none.
    pub period: Option<Month>,
    /// Who reads it.
    pub who: &'a str,
}

/// Reads an export of the platform and keeps what it says. Every row that cannot be taken is told with its place; the others are taken.
pub fn import(office: &Office, duties: &Duties, reading: &Reading<'_>) -> Result<Vec<Finding>, Failure> {
    let place = reading.path.display().to_string();
    let Some(form) = duties.form(reading.form) else {
        return Err(Failure::config(
            Finding::error("board-form-unknown").at(&place).with("form", reading.form).with("nearest", "—"),
        ));
    };
    let bytes = sheets::bytes(reading.path)?;
    let sha256 = Digest::of(&bytes).to_string();
    let sheet = sheets::received(&place, bytes)?.into_iter().next();
    let grid = sheet.map(|sheet| sheet.grid).ok_or_else(|| Failure::config(Finding::error("portal-empty").at(&place)))?;
    let (words, wrong) = Words::parse("mappings/headers.toml", HEADERS);
    let Some(words) = words else { return Err(Failure { exit: 2, findings: wrong }) };
    let register: BTreeSet<String> = office.store().read(Unit::all)?.into_iter().map(|unit| unit.code).collect();
    let (told, mut findings) =
        rows(&Sheet { grid: &grid, form, words: &words, duties, register: &register, place: &place }, reading.period)?;
    if told.is_empty() {
        findings.push(Finding::error("portal-empty").at(&place));
        return Err(Failure::findings(findings));
    }
    let value =
        serde_json::to_value(&told).map_err(|error| Failure::source(Finding::error("state-refused").with("reason", error)))?;
    let file = reading.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let body = canonical::to_bytes(&value)?;
    let sheet = PortalSheet { id: 0, form: form.form.clone(), edition: form.edition.clone(), file, sha256, body };
    let new = office.write(|connection| sheet.add(connection, &clock::text(clock::now()), reading.who))?;
    let code = if new { Finding::note("portal-imported") } else { Finding::note("portal-imported-before") };
    let skipped = findings.len();
    findings.push(code.at(place).with("form", &form.form).with("units", told.len()).with("skipped", skipped));
    Ok(findings)
}

struct Sheet<'a> {
    grid: &'a survey::exam::Grid,
    form: &'a Form,
    words: &'a Words,
    duties: &'a Duties,
    register: &'a BTreeSet<String>,
    place: &'a str,
}

fn rows(sheet: &Sheet<'_>, period: Option<Month>) -> Result<(Vec<Told>, Vec<Finding>), Failure> {
    let Some(head) = portal::head(sheet.grid, sheet.form, sheet.words, &sheet.duties.portal.status) else {
        return Err(Failure::config(Finding::error("portal-heads-missing").at(sheet.place).with("form", &sheet.form.form)));
    };
    let named = |words: &[String]| head.headings.iter().position(|heading| words.iter().any(|word| word == heading.trim()));
    let (status, filed) = (named(&sheet.duties.portal.status), named(&sheet.duties.portal.filed));
    let (code, month) = (head.place(Role::UnitCode), head.place(Role::Period));
    let Some(code) = code else {
        return Err(Failure::config(Finding::error("portal-heads-missing").at(sheet.place).with("form", &sheet.form.form)));
    };
    let (mut told, mut findings, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for row in head.row + 1..sheet.grid.rows.len() {
        let text = |at: Option<usize>| at.map_or("", |at| sheet.grid.text(row, at).trim());
        if sheet.grid.rows[row].iter().all(|text| text.trim().is_empty()) {
            continue;
        }
        let place = format!("{}:{}", sheet.place, row + 1);
        let unit = text(Some(code)).trim_start_matches('\'').to_uppercase();
        if !sheet.register.contains(&unit) {
            findings.push(Finding::warning("portal-unit-unknown").at(place).with("unit", &unit));
            continue;
        }
        let of = month_of(text(month), period.map(Month::year)).or(period);
        let Some(of) =
            of.filter(|_| month.is_none() || text(month).is_empty() || month_of(text(month), period.map(Month::year)).is_some())
        else {
            findings.push(Finding::warning("portal-period-unreadable").at(place).with("text", text(month)));
            continue;
        };
        if !seen.insert((unit.clone(), of)) {
            findings.push(Finding::warning("portal-unit-doubled").at(place).with("unit", &unit).with("period", of));
            continue;
        }
        let mut figures = BTreeMap::new();
        for (at, key, column, money) in &head.figures {
            match figure(sheet.grid.text(row, *at)) {
                Figure::Empty => {}
                Figure::Number(value, _) => match in_form(sheet.form, key, value, *money) {
                    Some(value) => {
                        figures.insert(format!("{key} {}", column.name()), value.to_string());
                    }
                    None => {
                        let finding =
                            Finding::warning("portal-figure-unreadable").at(format!("{place} {}", sheet.grid.place(row, *at)));
                        findings.push(finding.with("text", value));
                    }
                },
                Figure::Strange => {
                    let finding =
                        Finding::warning("portal-figure-unreadable").at(format!("{place} {}", sheet.grid.place(row, *at)));
                    findings.push(finding.with("text", sheet.grid.text(row, *at)));
                }
            }
        }
        let word = text(status);
        let known = sheet.duties.portal.state(word);
        if known.is_none() && !word.is_empty() {
            findings.push(Finding::warning("portal-status-unknown").at(&place).with("text", word));
        }
        // An export without states has the figures of those that reported.
        let state = known.unwrap_or(if figures.is_empty() { "missing" } else { "reported" });
        let day = text(filed).replace(['/', '.'], "-");
        let day = if super::feed::day(&day) > 0 { day.chars().take(10).collect() } else { String::new() };
        told.push(Told { unit, period: of.to_string(), status: state.to_owned(), filed: day, figures });
    }
    Ok((told, findings))
}

/// A figure in the form's unit, where a heading says another unit of money.
fn in_form(form: &Form, key: &str, value: Amount, money: Option<i64>) -> Option<Amount> {
    let row = form.row(key)?;
    let (divisor, places) = form.conversion(row);
    match money.filter(|own| *own != divisor && form.is_money(row)) {
        None => Some(value),
        Some(own) => value.checked_mul(Amount::from_whole(own.into())?)?.div_round(divisor.into(), places),
    }
}

/// Puts an export on the board; a later one stands in the place of an earlier one.
pub fn put(connection: &Connection, slots: &mut Slots, import: &Import) -> rusqlite::Result<()> {
    for told in &import.told {
        let (Some(unit), Ok(month)) = (Registered::find(connection, &told.unit)?, told.period.parse::<Month>()) else { continue };
        let mut figures = Cells::new();
        for (name, value) in &told.figures {
            let Some((code, column)) = name.rsplit_once(' ') else { continue };
            let slot = Slot { form: import.form.clone(), code: code.to_owned(), column: column.to_owned(), ..Slot::default() };
            if let Some(value) = value.parse::<Amount>().ok().filter(|value| cells::fits(*value)) {
                figures.insert(slots.number(connection, slot)?, value);
            }
        }
        let period = super::number(month);
        let row = params![import.form, period, unit.id, import.id, told.status, day(&told.filed), cells::pack(&figures)];
        connection.prepare_cached(sql::PUT_PORTAL)?.execute(row)?;
        compare(connection, slots, &import.form, period, unit.id)?;
    }
    Ok(())
}

/// What the portal has of a unit.
struct AtPortal {
    unit: i64,
    status: String,
    filed: i64,
    cells: Cells,
}

fn at_portal(row: &Row<'_>) -> rusqlite::Result<AtPortal> {
    let cells = cells::unpack(row.get_ref(3)?.as_blob()?).unwrap_or_default();
    Ok(AtPortal { unit: row.get(0)?, status: row.get(1)?, filed: row.get(2)?, cells })
}

/// Figures that the portal has otherwise than the unit's report, by column.
fn differ(slots: &Slots, portal: &Cells, report: &Cells) -> Vec<(u32, Amount, Amount)> {
    // What only one of them prints says nothing of the other.
    let both = portal.iter().filter_map(|(slot, value)| Some((*slot, *value, *report.get(slot)?)));
    both.filter(|(slot, one, other)| one != other && slots.get(*slot).is_some()).collect()
}

/// Counts what differs of a unit's report.
pub fn compare(connection: &Connection, slots: &Slots, form: &str, period: i64, unit: i64) -> rusqlite::Result<()> {
    let found = connection.prepare_cached(sql::PORTAL)?.query_row(params![form, period, unit], at_portal).optional()?;
    let (Some(portal), Some(report)) = (found, Figures::find(connection, unit, form, period)?) else { return Ok(()) };
    let count = i64::try_from(differ(slots, &portal.cells, &report.cells).len()).unwrap_or(i64::MAX);
    connection.prepare_cached(sql::SET_DIFFERS)?.execute(params![count, form, period, unit]).map(drop)
}

/// Units that the portal has a report of, with the day of filing; 0 where it does not say.
pub fn filed(connection: &Connection, form: &str, period: i64) -> rusqlite::Result<BTreeMap<i64, i64>> {
    let mut statement = connection.prepare_cached(sql::PORTALS)?;
    let rows = statement.query_map(params![form, period], at_portal)?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(rows.into_iter().filter(|row| row.status != "missing").map(|row| (row.unit, row.filed)).collect())
}

/// A figure that the portal has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Unit.
    pub unit: Registered,
    /// Code of the row; empty where the report itself is what differs.
    pub code: String,
    /// Name of the row.
    pub name: String,
    /// Column.
    pub column: String,
    /// What the portal has; of a report its state there.
    pub portal: String,
    /// What the unit reported here; empty where it did not.
    pub report: String,
}

/// Everything that the portal has otherwise of a form and period: figures, and reports that only one of the two has.
pub fn differences(board: &Board, asked: &Asked, month: Month) -> Result<Vec<Difference>, StoreError> {
    let register = board.register()?;
    let period = super::number(month);
    board.read(|connection| {
        let slots = Slots::read(connection)?;
        let mut found = Vec::new();
        let mut statement = connection.prepare_cached(sql::PORTALS)?;
        for portal in statement.query_map(params![asked.form, period], at_portal)? {
            let portal = portal?;
            let Some(unit) = register.get(portal.unit).filter(|unit| asked.takes(unit)) else { continue };
            let report = Figures::find(connection, unit.id, &asked.form, period)?;
            let state = State::find(connection, &asked.form, period, unit.id)?;
            let whole = |portal: &str, report: &str| Difference {
                unit: unit.clone(),
                code: String::new(),
                name: String::new(),
                column: String::new(),
                portal: portal.to_owned(),
                report: report.to_owned(),
            };
            match (&report, state) {
                (None, _) | (_, None) => {}
                (Some(_), Some(state)) if portal.status == "missing" && !state.official => {
                    found.push(whole("missing", "reported"))
                }
                (Some(report), Some(_)) => {
                    for (slot, one, other) in differ(&slots, &portal.cells, &report.cells) {
                        let Some(slot) = slots.get(slot) else { continue };
                        found.push(Difference {
                            unit: unit.clone(),
                            code: slot.code.clone(),
                            name: slot.name.clone(),
                            column: slot.column.clone(),
                            portal: one.to_string(),
                            report: other.to_string(),
                        });
                    }
                }
            }
        }
        Ok(found)
    })
}
