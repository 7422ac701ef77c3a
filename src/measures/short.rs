//! Short sheets (短表): who fills which items until when, what is missing from whom, and sheets as files.

use std::{collections::BTreeMap, path::Path};

use model::{Finding, Month};
use serde::Deserialize;
use settings::Shape;
use survey::{
    exam::Grid,
    measures::{KindFact, Kinds, Nature, Need, days_in},
};

use super::ledger::{self, Body};
use crate::{
    config::{Book, Person},
    report::{self, Failure},
};

const ANY: Shape = Shape::Any;

/// `[[sheet]]`.
pub const SHEET: Shape = Shape::Table(&[
    ("id", ANY),
    ("kind", ANY),
    ("person", ANY),
    ("items", ANY),
    ("due_day", ANY),
    ("months", ANY),
    ("book", ANY),
]);

/// `[[product]]`.
pub const PRODUCT: Shape =
    Shape::Table(&[("code", ANY), ("name", ANY), ("unit", ANY), ("item", ANY), ("times", ANY), ("industry", ANY)]);

/// A short sheet that one person fills every month (`[[sheet]]`).
#[derive(Clone, Deserialize)]
pub struct Sheet {
    /// Name on the command line.
    pub id: String,
    /// Kind of measure.
    pub kind: String,
    /// Who fills it.
    pub person: String,
    /// Items that must be on it every month.
    #[serde(default)]
    pub items: Vec<String>,
    /// Day of the following month until which it is due.
    pub due_day: u8,
    /// Months of the year that it is filled for, 1 to 12; each where empty.
    #[serde(default)]
    pub months: Vec<u8>,
    /// Book that it belongs to; the only one where absent.
    pub book: Option<String>,
}

impl Sheet {
    /// Whether it is filled for a month.
    pub fn is_for(&self, month: Month) -> bool {
        self.months.is_empty() || self.months.contains(&month.month())
    }

    /// What is wrong with the sheets of a configuration.
    pub fn unfit(sheets: &[Sheet], people: &[Person], books: &[Book], file: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (at, sheet) in sheets.iter().enumerate() {
            let place = format!("{file}, sheet {}", sheet.id);
            let reason = if sheet.id.is_empty() || sheets[..at].iter().any(|other| other.id == sheet.id) {
                Some(format!("id = {:?}", sheet.id))
            } else if !(1..=28).contains(&sheet.due_day) {
                Some(format!("due_day = {}, 1–28", sheet.due_day))
            } else if let Some(month) = sheet.months.iter().find(|month| !(1..=12).contains(*month)) {
                Some(format!("months = {month}, 1–12"))
            } else {
                let unknown = sheet.book.as_ref().filter(|id| !books.iter().any(|book| book.id == **id));
                unknown.map(|id| format!("book = {id:?}"))
            };
            findings.extend(reason.map(|reason| Finding::error("sheet-unfit").at(&place).with("reason", reason)));
            if !people.iter().any(|person| person.id == sheet.person) {
                findings.push(crate::config::people::unknown(people, &sheet.person).at(&place));
            }
        }
        findings
    }

    /// Last day on which it is in time for a month.
    pub fn due(&self, month: Month) -> String {
        let next = month.plus(1).unwrap_or(month);
        format!("{next}-{:02}", self.due_day.min(days_in(next)))
    }
}

/// Columns of a sheet: machine name, Chinese name.
const COLUMNS: [(&str, &str); 12] = [
    ("kind", "种类"),
    ("item", "品种"),
    ("date", "日期"),
    ("basis", "方式"),
    ("quantity", "数量"),
    ("unit", "单位"),
    ("amount", "金额"),
    ("coefficient", "折标系数"),
    ("document", "单据号"),
    ("class", "类别"),
    ("origin", "来源"),
    ("note", "说明"),
];

/// A column as people of both languages find it in their sheet.
pub(super) fn shown(name: &str) -> String {
    COLUMNS
        .iter()
        .find(|(known, _)| *known == name)
        .map_or_else(|| name.to_owned(), |(name, chinese)| format!("{chinese} {name}"))
}

/// Words for `basis` in a sheet.
const BASES: [(&str, &str); 2] = [("人数", "level"), ("增减", "change")];

/// A word of the machine as people write it in their sheets, where they have another for it.
pub(super) fn word(word: &str) -> String {
    let theirs = BASES.iter().find(|(_, own)| *own == word);
    theirs.map_or_else(|| word.to_owned(), |(shown, own)| format!("{shown} {own}"))
}

/// The item under which a kind is entered as a whole, where nobody has to say which item: it has no list of them, and no units to tell them by.
pub fn whole(kind: &KindFact) -> Option<&str> {
    let plain = kind.items.is_empty() && kind.fields.is_empty() && !kind.needs.contains(&Need::Unit) && !kind.priced;
    (plain && matches!(kind.nature, Nature::Flow | Nature::Heads)).then_some(kind.name.as_str())
}

/// Columns of a sheet of a kind, without its own fields: machine name, Chinese name.
pub fn columns(kind: &KindFact) -> Vec<(&'static str, &'static str)> {
    let heads = kind.nature == Nature::Heads;
    let wanted = |name: &str| match name {
        "kind" | "class" | "origin" => false,
        "item" | "document" | "note" => true,
        "basis" => heads,
        "coefficient" => kind.coal,
        "quantity" => kind.needs.contains(&Need::Quantity),
        "unit" => kind.needs.contains(&Need::Unit),
        "amount" => kind.needs.contains(&Need::Amount),
        _ => heads || kind.needs.contains(&Need::Date),
    };
    COLUMNS.iter().filter(|(name, _)| wanted(name)).copied().collect()
}

/// An empty sheet: its header, and a line for each item. Entries of the month before say which unit was used.
pub fn template(id: &str, kind: &KindFact, items: &[String], before: &[ledger::Entry]) -> (Vec<String>, Vec<Vec<String>>) {
    let columns = columns(kind);
    let mut header: Vec<String> = columns.iter().map(|(_, shown)| (*shown).to_owned()).collect();
    header.extend(kind.fields.values().map(|field| field.name.clone()));
    let known = if items.is_empty() { kind.items.clone() } else { items.to_vec() };
    let line = |item: &String| {
        let last = before.iter().rev().find(|entry| entry.body.kind == id && entry.body.item == *item);
        let mut cells: Vec<String> = columns
            .iter()
            .map(|(name, _)| match *name {
                "item" => item.clone(),
                "unit" => last.map_or_else(String::new, |entry| entry.body.unit.clone()),
                "basis" => "增减".to_owned(),
                _ => String::new(),
            })
            .collect();
        cells.resize(header.len(), String::new());
        cells
    };
    let lines = known.iter().map(line).collect();
    (header, lines)
}

/// Lines of a sheet with their places, and what was found on the way.
type Read = (Vec<(String, Body)>, Vec<Finding>);

/// Rows above which the head of a sheet is looked for: people put a title and the month there.
const HEAD_MAX: usize = 20;

/// Where the columns of a sheet are named: the first row that has one for the item.
fn head(grid: &Grid) -> Option<usize> {
    let item = |cell: &String| ["item", "品种"].contains(&cell.trim().to_lowercase().as_str());
    grid.rows.iter().take(HEAD_MAX).position(|row| row.iter().any(item))
}

/// Reads a sheet, XLSX or CSV in UTF-8 or GBK: each line with its place. What cannot be read is told all at once.
pub fn read(path: &Path, kinds: &Kinds, kind: Option<&str>) -> Result<Read, Failure> {
    of(path.display().to_string(), sheets::read(path)?, kinds, kind)
}

/// The same of a file that was received.
pub fn received(file: &str, bytes: Vec<u8>, kinds: &Kinds, kind: Option<&str>) -> Result<Read, Failure> {
    of(file.to_owned(), sheets::received(file, bytes)?, kinds, kind)
}

fn of(file: String, sheets: Vec<sheets::Sheet>, kinds: &Kinds, kind: Option<&str>) -> Result<Read, Failure> {
    let mut grids: Vec<Grid> = sheets.into_iter().map(|sheet| sheet.grid).collect();
    grids.retain(|grid| grid.rows.iter().flatten().any(|cell| !cell.trim().is_empty()));
    // A file without any head is read as if its first row were one: the columns that it does not have are told by name.
    let any = grids.iter().any(|grid| head(grid).is_some());
    let several = grids.len() > 1;
    let (mut bodies, mut findings) = (Vec::new(), Vec::new());
    for grid in &grids {
        let name = if several { format!("{file} {}", grid.name) } else { file.clone() };
        match head(grid) {
            None if any => findings.push(Finding::warning("sheet-passed-over").at(name)),
            at => {
                let first = || grid.rows.iter().position(|row| row.iter().any(|cell| !cell.trim().is_empty()));
                let at = at.or_else(first).unwrap_or(0);
                let (read, wrong) = lines(grid, at, &name, kinds, kind);
                bodies.extend(read);
                findings.extend(wrong);
            }
        }
    }
    if report::blocked(&findings) {
        return Err(Failure { exit: 2, findings });
    }
    Ok((bodies, findings))
}

fn lines(grid: &Grid, head: usize, name: &str, kinds: &Kinds, kind: Option<&str>) -> Read {
    let headers: Vec<String> = grid.rows[head].iter().map(|cell| cell.trim().to_lowercase()).collect();
    let fields: BTreeMap<&str, &str> = kinds
        .kinds
        .values()
        .flat_map(|kind| {
            kind.fields.iter().flat_map(|(id, fact)| [(id.as_str(), id.as_str()), (fact.name.as_str(), id.as_str())])
        })
        .collect();
    let mut findings = Vec::new();
    for header in headers.iter().filter(|header| !header.is_empty()) {
        let known = COLUMNS.iter().any(|(id, shown)| header == id || header == shown);
        if !known && !fields.contains_key(header.as_str()) {
            let near = settings::nearest(header, COLUMNS.iter().map(|(_, shown)| *shown)).unwrap_or("—");
            let known = COLUMNS.iter().map(|(_, shown)| *shown).collect::<Vec<_>>().join("、");
            let finding = Finding::error("sheet-column-unknown").at(format!("{name}:{}", head + 1)).with("column", header);
            findings.push(finding.with("near", near).with("known", known));
        }
    }
    let mut bodies = Vec::new();
    for (at, row) in grid.rows.iter().enumerate().skip(head + 1) {
        let texts: Vec<&str> = row.iter().map(|cell| cell.trim()).collect();
        if texts.iter().all(|text| text.is_empty()) {
            continue;
        }
        let mut body = Body { kind: kind.unwrap_or_default().to_owned(), ..Body::default() };
        for (header, text) in headers.iter().zip(&texts).filter(|(_, text)| !text.is_empty()) {
            // An exported sheet keeps texts from being formulas.
            let text = text.strip_prefix('\'').unwrap_or(text).to_owned();
            let id = COLUMNS.iter().find(|(id, shown)| header == id || header == shown).map(|(id, _)| *id);
            let cell = match id {
                Some("kind") => &mut body.kind,
                Some("item") => &mut body.item,
                Some("date") => &mut body.date,
                Some("basis") => &mut body.basis,
                Some("quantity") => &mut body.quantity,
                Some("unit") => &mut body.unit,
                Some("amount") => &mut body.amount,
                Some("coefficient") => &mut body.coefficient,
                Some("document") => &mut body.document,
                Some("class") => &mut body.class,
                Some("origin") => &mut body.origin,
                Some(_) => &mut body.note,
                None => match fields.get(header.as_str()) {
                    Some(id) => body.fields.entry((*id).to_owned()).or_default(),
                    None => continue,
                },
            };
            *cell = text;
        }
        plain(&mut body);
        bodies.push((format!("{name}:{}", at + 1), body));
    }
    (bodies, findings)
}

/// Days and words as people write them, as this program does.
pub fn plain(body: &mut Body) {
    if let Some(date) = date(&body.date) {
        body.date = date;
    }
    if let Some((_, basis)) = BASES.iter().find(|(word, _)| body.basis == *word) {
        (*basis).clone_into(&mut body.basis);
    }
}

/// A day as spreadsheets write it in China (`2025/6/3`, `2025年6月3日`, `2025.6.3`) as `YYYY-MM-DD`; nothing where it is no day.
fn date(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(['-', '/', '.', '年', '月', '日']).filter(|part| !part.is_empty()).collect();
    let [year, month, day] = parts[..] else { return None };
    let (year, month, day) = (year.parse::<i16>().ok()?, month.parse::<i8>().ok()?, day.parse::<i8>().ok()?);
    jiff::civil::Date::new(year, month, day).ok().filter(|_| (1000..=9999).contains(&year)).map(|date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_are_read_as_spreadsheets_write_them() {
        for text in ["2025-06-03", "2025/6/3", "2025年6月3日", "2025.06.3"] {
            assert_eq!(date(text).as_deref(), Some("2025-06-03"), "{text}");
        }
        for text in ["", "2025-06", "25/6/3", "6/3/2025", "2025/2/30", "2025-06-03 08:00"] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
