//! Formulas of UFO sheets and of Kingdee's ACCT, from pasted text or a workbook, translated for a mapping.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use formula::{
    Node,
    dialects::{self, CellName, Cells, Degree, Detected, Dialect, Imported, Remark, Standing},
};
use model::{Amount, Finding};
use survey::{
    Form, Printed, RowKind,
    exam::{Grid, row_of},
};
use ui::Lang;

use super::{About, Edit, one_line};
use crate::{
    config::{self, Agent, Person},
    form_sheet, forms,
    output::label,
    report::{Failure, sentence},
};

/// A formula that was found.
pub struct Entry {
    /// The cell that it stands in, or that stands before it.
    pub cell: Option<CellName>,
    /// What stands before it in a line, or what its row is.
    pub label: String,
    /// The formula.
    pub text: String,
    /// Where it was found.
    pub place: String,
    /// Columns of the line before the formula.
    before: usize,
    /// What it becomes.
    target: Target,
}

/// What a formula becomes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// A row of the form.
    Row(String),
    /// An item of the mapping.
    Item(String),
}

/// In which dialect each formula is read.
pub struct Spoken {
    /// Formula by formula.
    pub each: Vec<Dialect>,
    /// What shows it, dialect by dialect, the most frequent first; empty where a person said it.
    found: Vec<Detected>,
}

impl Spoken {
    fn of(said: Option<Dialect>, entries: &[Entry]) -> Spoken {
        if let Some(dialect) = said {
            return Spoken { each: vec![dialect; entries.len()], found: Vec::new() };
        }
        let cells = dialects::each(&entries.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>());
        let of = cells.iter().map(|cell| cell.votes.1).sum();
        let mut found: Vec<Detected> = Vec::new();
        for cell in &cells {
            let own = match found.iter().position(|known| known.dialect == cell.dialect) {
                Some(at) => &mut found[at],
                None => {
                    found.push(Detected { dialect: cell.dialect, votes: (0, of), evidence: String::new() });
                    let last = found.len() - 1;
                    &mut found[last]
                }
            };
            own.votes.0 += cell.votes.0;
            if own.evidence.is_empty() {
                own.evidence.clone_from(&cell.evidence);
            }
        }
        found.sort_by_key(|own| std::cmp::Reverse(own.votes.0));
        Spoken { each: cells.iter().map(|cell| cell.dialect).collect(), found }
    }

    /// Whether formulas of several products stand together.
    fn several(&self) -> bool {
        self.found.len() > 1
    }
}

/// A sheet's formulas, translated.
pub struct Translation {
    /// As they were found.
    pub entries: Vec<Entry>,
    /// In which dialects.
    pub spoken: Spoken,
    /// What each becomes; nothing where it was not understood.
    pub imported: Vec<Imported>,
    /// What there is to say.
    pub findings: Vec<Finding>,
}

/// The form that formulas are for: as it is configured, or as it comes with the program.
pub fn form_of(agent: Option<&Agent>, code: &str, edition: &str) -> Result<Form, Failure> {
    let own = agent.and_then(|agent| agent.forms.iter().find(|form| form.code == code).cloned());
    let configured = own.unwrap_or_else(|| config::Form::of(code, edition));
    forms::pack(agent, &configured).map_err(|findings| Failure { exit: 2, findings })
}

/// Translates what was found under a name, in the dialect that a person says or in those that show themselves.
pub fn translation(
    name: &str,
    mut entries: Vec<Entry>,
    grid: Option<&Grid>,
    form: Option<&Form>,
    dialect: Option<&str>,
) -> Result<Translation, Failure> {
    let mut findings = Vec::new();
    if entries.is_empty() {
        return Err(Failure::findings(vec![Finding::error("import-nothing").at(name)]));
    }
    targets(&mut entries, form, &mut findings);
    let spoken = Spoken::of(dialect.and_then(Dialect::named), &entries);
    for Detected { dialect, votes, evidence } in &spoken.found {
        let finding = Finding::note("import-dialect").at(name).with("dialect", dialect.name()).with("count", votes.0);
        findings.push(finding.with("of", votes.1).with("evidence", if evidence.is_empty() { "—" } else { evidence }));
    }
    let imported = translate(&entries, &spoken, grid);
    for (entry, imported) in entries.iter().zip(&imported) {
        findings.extend(imported.remarks.iter().map(|remark| remark_finding(entry, remark)));
    }
    Ok(Translation { entries, spoken, imported, findings })
}

/// Formulas of a text, one a line; a line that begins with `#` is a remark.
pub fn lines(name: &str, text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        // `C5 = QM(…)`: what stands before the first sign is a name where it is no part of a formula.
        let split = line.char_indices().find(|(_, c)| matches!(c, '=' | '＝'));
        let split =
            split.filter(|(at, _)| !line[..*at].contains(['(', '（', '<', '>', '"', '“']) && !line[..*at].trim().is_empty());
        let (label, from) = split.map_or(("", 0), |(at, c)| (line[..at].trim(), at + c.len_utf8()));
        let rest = &line[from..];
        let formula = rest.trim();
        let from = from + (rest.len() - rest.trim_start().len());
        if formula.is_empty() {
            continue;
        }
        entries.push(Entry {
            cell: CellName::parse(label),
            label: label.to_owned(),
            text: formula.to_owned(),
            place: format!("{name}:{}", at + 1),
            before: line[..from].chars().count(),
            target: Target::Item(if label.is_empty() { format!("line_{}", at + 1) } else { label.to_owned() }),
        });
    }
    entries
}

/// Formulas of a workbook: those of its cells, and texts that are formulas of a report tool.
pub fn workbook(
    agent: Option<&Agent>,
    path: &Path,
    sheet: Option<&str>,
    form: Option<&Form>,
    findings: &mut Vec<Finding>,
) -> Result<(Vec<Entry>, Option<Grid>), Failure> {
    let place = path.display().to_string();
    let mut found = Vec::new();
    let mut known = Vec::new();
    for sheet in sheets::read(path)? {
        known.push(sheet.grid.name.clone());
        let mut cells: BTreeMap<(usize, usize), String> = sheet.formulas.clone();
        for (row, texts) in sheet.grid.rows.iter().enumerate() {
            for (column, text) in texts.iter().enumerate() {
                let text = text.trim().trim_start_matches('\'');
                if text.starts_with('=') || dialects::is_formula(text) || dialects::looks_like_call(text) {
                    cells.insert((row, column), text.to_owned());
                }
            }
        }
        found.push((sheet.grid, cells));
    }
    let counts: Vec<(String, usize)> = found.iter().map(|(grid, cells)| (grid.name.clone(), cells.len())).collect();
    let wanted = match sheet {
        Some(name) => found.into_iter().find(|(grid, _)| grid.name == name),
        None => found.into_iter().rev().max_by_key(|(_, cells)| cells.len()),
    };
    let (grid, cells) = wanted.ok_or_else(|| {
        let finding = Finding::error("sheet-missing").at(&place).with("sheet", sheet.unwrap_or("—"));
        Failure::config(finding.with("known", known.join(", ")))
    })?;
    for (other, count) in counts.iter().filter(|(other, count)| *other != grid.name && *count > 0) {
        let finding = Finding::warning("import-sheet-unread").at(format!("{place}, {other}")).with("count", count);
        findings.push(finding.with("sheet", other).with("read", &grid.name));
    }
    let words = match form {
        Some(_) => Some(form_sheet::words(agent)?),
        None => None,
    };
    // The heading above a cell says which column of the form it is.
    let heading = |row: usize, column: usize| {
        (0..row).rev().find_map(|above| words.as_ref().and_then(|words| words.column(grid.text(above, column))))
    };
    let mut entries = Vec::new();
    let mut rows: BTreeMap<usize, Vec<(usize, String)>> = BTreeMap::new();
    for ((row, column), text) in cells {
        rows.entry(row).or_default().push((column, text));
    }
    for (row, mut cells) in rows {
        let left: Vec<&str> = (0..grid.width()).map(|column| grid.text(row, column)).collect();
        let found = form.and_then(|form| row_of(form, &left));
        if let Some(found) = found {
            let order = |column: Option<Printed>| match (found.kind, column) {
                (RowKind::Flow, Some(Printed::Cumulative)) | (RowKind::Stock | RowKind::Count, Some(Printed::Closing)) => 0,
                (_, Some(Printed::ThisMonth)) | (_, Some(Printed::Cumulative)) => 1,
                (_, None) => 2,
                _ => 3,
            };
            // One formula makes all columns of an indicator.
            cells.sort_by_key(|(column, _)| (order(heading(row, *column)), *column));
            for (column, text) in cells.split_off(1) {
                let at = format!("{place}, {}", grid.place(row, column));
                findings.push(Finding::note("import-other-column").at(at).with("text", text).with("indicator", found.key()));
            }
        }
        for (column, text) in cells {
            let cell = CellName { sheet: None, column: column as u32 + 1, row: row as u32 + 1 };
            let name = left.iter().find(|text| text.chars().any(char::is_alphabetic)).copied().unwrap_or_default();
            entries.push(Entry {
                label: found.map_or_else(|| name.to_owned(), |found| format!("{} {}", found.key(), found.name)),
                place: format!("{place}, {}", grid.place(row, column)),
                before: 0,
                target: match found {
                    Some(found) => Target::Row(found.key().to_owned()),
                    None => Target::Item(cell.to_string().to_lowercase()),
                },
                cell: Some(cell),
                text,
            });
        }
    }
    Ok((entries, Some(grid)))
}

/// Finds out what each formula is for: a row of the form by its code or name, or an item of its own.
fn targets(entries: &mut [Entry], form: Option<&Form>, findings: &mut Vec<Finding>) {
    let mut taken: BTreeSet<Target> = BTreeSet::new();
    for entry in entries.iter_mut() {
        if let Target::Item(label) = &entry.target {
            let (of, code) = label.split_once(':').map_or((None, label.as_str()), |(of, code)| (Some(of.trim()), code.trim()));
            let own = form.filter(|form| of.is_none_or(|of| of == form.form));
            let row = own.filter(|_| entry.cell.is_none()).and_then(|form| row_of(form, &[code]));
            entry.target = match row {
                Some(row) => Target::Row(row.key().to_owned()),
                None => {
                    if of.is_some() {
                        findings.push(Finding::warning("import-target").at(&entry.place).with("cell", label));
                    }
                    Target::Item(word(label))
                }
            };
        }
        // The second formula for the same thing keeps a name of its own.
        let (mut number, first) = (2, entry.target.clone());
        while taken.contains(&entry.target) {
            let name = match &entry.target {
                Target::Row(key) | Target::Item(key) => {
                    key.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_').to_owned()
                }
            };
            let name = if name.is_empty() { "item".to_owned() } else { name };
            entry.target = Target::Item(word(&format!("{name}_{number}")));
            number += 1;
        }
        if entry.target != first
            && let (Target::Row(before) | Target::Item(before), Target::Row(now) | Target::Item(now)) = (&first, &entry.target)
        {
            let finding = Finding::warning("import-doubled").at(&entry.place).with("target", before).with("item", now);
            findings.push(finding);
        }
        taken.insert(entry.target.clone());
    }
}

/// A name that formulas can refer to as @name.
fn word(text: &str) -> String {
    let word: String = text.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    if word.starts_with(|c: char| c.is_alphabetic() || c == '_') { word } else { format!("_{word}") }
}

/// The sheet as formulas see it.
struct Given<'a> {
    named: BTreeMap<(u32, u32), &'a Target>,
    /// Cells whose formulas were not understood.
    lost: BTreeSet<(u32, u32)>,
    grid: Option<&'a Grid>,
}

impl Cells for Given<'_> {
    fn standing(&self, cell: &CellName) -> Standing {
        let at = (cell.column, cell.row);
        if cell.sheet.as_ref().is_some_and(|sheet| self.grid.is_none_or(|grid| grid.name != *sheet)) || self.lost.contains(&at) {
            return Standing::Unknown;
        }
        match self.named.get(&at) {
            Some(Target::Row(code)) => return Standing::Named(Node::Reference { form: None, code: code.clone(), column: None }),
            Some(Target::Item(name)) => return Standing::Named(Node::Item(name.clone())),
            None => {}
        }
        let Some(grid) = self.grid else { return Standing::Unknown };
        let text = grid.text(cell.row as usize - 1, cell.column as usize - 1);
        if text.is_empty() {
            return Standing::Empty;
        }
        text.parse::<Amount>().map_or_else(|_| Standing::Text(text.to_owned()), Standing::Number)
    }
}

/// Translates everything; what refers to a cell that was not understood is not understood either.
fn translate(entries: &[Entry], spoken: &Spoken, grid: Option<&Grid>) -> Vec<Imported> {
    let cells = entries.iter().filter_map(|entry| entry.cell.as_ref().map(|cell| ((cell.column, cell.row), &entry.target)));
    let mut given = Given { named: cells.collect(), lost: BTreeSet::new(), grid };
    loop {
        let each = entries.iter().zip(&spoken.each);
        let translated: Vec<Imported> = each.map(|(entry, dialect)| dialects::import(&entry.text, *dialect, &given)).collect();
        let lost: BTreeSet<(u32, u32)> = entries
            .iter()
            .zip(&translated)
            .filter(|(_, imported)| imported.expr.is_none())
            .filter_map(|(entry, _)| entry.cell.as_ref().map(|cell| (cell.column, cell.row)))
            .collect();
        // It only grows, and there are only so many cells.
        if lost == given.lost {
            return translated;
        }
        given.lost = lost;
    }
}

fn remark_finding(entry: &Entry, remark: &Remark) -> Finding {
    let column = entry.text.get(..remark.fault.span.start).map_or(0, |before| before.chars().count());
    let place = format!("{}:{}", entry.place, entry.before + column + 1);
    let finding = match remark.degree {
        Degree::Renamed => Finding::note(remark.fault.code),
        Degree::Check | Degree::Lost => Finding::warning(remark.fault.code),
    };
    remark.fault.arguments.iter().fold(finding.at(place), |finding, (name, value)| finding.with(name, value))
}

impl Entry {
    /// What it becomes, as people write it: `B203:301` of a form, or `@name`.
    pub fn target(&self, form: Option<&Form>) -> String {
        self.about(form).name()
    }

    /// The same for a layer.
    pub fn about(&self, form: Option<&Form>) -> About {
        match (&self.target, form) {
            (Target::Row(key), Some(form)) => About::Cell(form.form.clone(), key.clone()),
            (Target::Row(key) | Target::Item(key), _) => About::Item(key.clone()),
        }
    }
}

/// How well a formula was understood: `understood`, `renamed`, `to-check` or `not-imported`.
pub fn degree(imported: &Imported) -> &'static str {
    match imported.remarks.iter().map(|remark| remark.degree).max() {
        Some(Degree::Lost) => "not-imported",
        Some(Degree::Check) => "to-check",
        Some(Degree::Renamed) => "renamed",
        None => "understood",
    }
}

impl Translation {
    /// What is said of a formula.
    pub fn said(&self, at: usize) -> Vec<Finding> {
        let (entry, imported) = (&self.entries[at], &self.imported[at]);
        imported.remarks.iter().map(|remark| remark_finding(entry, remark)).collect()
    }

    /// The formulas at some places as edits of a layer, with their originals above them; what was not understood is none.
    pub fn edits(&self, form: Option<&Form>, wanted: &[usize], person: &Person, why: &str) -> Vec<Edit> {
        let each = self.entries.iter().zip(&self.imported).enumerate().filter(|(at, _)| wanted.contains(at));
        let edit = |(_, (entry, imported)): (usize, (&Entry, &Imported))| {
            let expr = imported.expr.as_ref()?;
            let mut edit = super::change::edit(entry.about(form), &expr.to_string(), person, why);
            edit.remarks.push(format!("{} {}", label(Lang::Zh, "original"), one_line(&entry.text)));
            Some(edit)
        };
        each.filter_map(edit).collect()
    }

    /// A whole layer of them.
    pub fn layer(&self, lang: Lang, name: &str, form: Option<&Form>) -> String {
        let say = |name: &str| label(lang, name);
        let quoted = |text: &str| toml::Value::from(one_line(text)).to_string();
        let shown = |found: &Detected| {
            let Detected { dialect, votes, evidence } = found;
            format!("{}, {}/{}: {}", dialect.name(), votes.0, votes.1, one_line(evidence))
        };
        let dialects = match (self.spoken.found.as_slice(), self.spoken.each.first()) {
            ([], said) => said.map_or_else(String::new, |dialect| dialect.name().to_owned()),
            (found, _) => found.iter().map(shown).collect::<Vec<_>>().join("; "),
        };
        let mut text = format!("# {} {name} ({dialects})\n", say("imported-from"));
        text += &format!("title = {}\n", quoted(&format!("{} {name}", say("imported-from"))));
        for (at, ((entry, imported), dialect)) in self.entries.iter().zip(&self.imported).zip(&self.spoken.each).enumerate() {
            let cell = entry.cell.as_ref().map_or_else(String::new, |cell| format!("{cell} "));
            text += &format!("\n# {cell}{}\n", one_line(&entry.label));
            let dialect = if self.spoken.several() { format!(" ({})", dialect.name()) } else { String::new() };
            text += &format!("# {}{dialect}: {}\n", say("original"), one_line(&entry.text));
            for finding in self.said(at) {
                let line = sentence(lang, &finding);
                // What to do about it is told on the screen.
                text += &format!("# {}\n", one_line(line.lines().next().unwrap_or_default()));
            }
            let Some(expr) = &imported.expr else {
                text += &format!("# {}\n", say("not-imported"));
                continue;
            };
            let head = match (&entry.target, form) {
                (Target::Row(key), Some(form)) => format!("[cell.{}]", quoted(&format!("{}:{key}", form.form))),
                (Target::Row(key) | Target::Item(key), _) => format!("[item.{}]", quoted(key)),
            };
            text += &format!("{head}\nformula = {}\nwhy = {}\n", quoted(&expr.to_string()), quoted(&entry.place));
        }
        text
    }
}
