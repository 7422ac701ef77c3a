/*! `taizhang mapping import`: formulas of UFO sheets and of Kingdee's ACCT, from pasted text or a workbook, as a layer of a mapping. */

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, stdin},
    path::PathBuf,
};

use clap::Args;
use formula::{
    Node,
    dialects::{self, CellName, Cells, Degree, Detected, Dialect, Imported, Remark, Standing},
};
use model::{Amount, Finding};
use survey::{
    Form, Printed, RowKind,
    exam::{Grid, row_of},
};

use super::Ctx;
use crate::{
    config, form_sheet,
    forms::{self, EDITION},
    output::{self, Table, label},
    report::{Failure, sentence},
    sheet,
};

/// What is imported.
#[derive(Args)]
pub struct What {
    /// 公式文件，不给或写 - 则读标准输入 XLSX workbook, or text with one `cell = formula` or bare formula a line; standard input where absent or `-`
    file: Option<PathBuf>,
    /// 公式是哪张表的；不给则成为项目 Form whose cells the formulas are for; without it they become items
    #[arg(long)]
    form: Option<String>,
    /// 制度年份 Edition of the form
    #[arg(long, default_value = EDITION)]
    edition: String,
    /// 公式是哪家的写法，不给则每格各自判断 Who wrote them; found cell by cell where absent
    #[arg(long, value_parser = ["ufo", "kingdee-cloud", "kingdee-k3", "kingdee-kis", "acct-qm"])]
    dialect: Option<String>,
    /// 工作表，不给则公式最多的那张 Sheet of the workbook; the one with the most formulas where absent
    #[arg(long)]
    sheet: Option<String>,
    /// 映射层写到哪个文件，不给则到标准输出 File of the layer; standard output where absent
    #[arg(long)]
    out: Option<PathBuf>,
}

/// A formula that was found.
struct Entry {
    /// The cell that it stands in, or that stands before it.
    cell: Option<CellName>,
    /// What stands before it in a line, or what its row is.
    label: String,
    /// The formula.
    text: String,
    /// Place, and columns of the line before the formula.
    place: String,
    before: usize,
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

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let agent = if ctx.config.exists() { Some(ctx.agent()?) } else { None };
    let form = match &what.form {
        None => None,
        Some(code) => {
            let own = agent.as_ref().and_then(|agent| agent.forms.iter().find(|form| form.code == *code).cloned());
            let configured = own.unwrap_or_else(|| config::Form::of(code, &what.edition));
            Some(forms::pack(agent.as_ref(), &configured).map_err(|findings| Failure { exit: 2, findings })?)
        }
    };
    let file = what.file.as_deref().filter(|path| path.as_os_str() != "-");
    let name = file.map_or_else(|| "stdin".to_owned(), |path| path.display().to_string());
    let mut findings = Vec::new();
    let (mut entries, grid) = match file {
        Some(path) => {
            let bytes = sheets::bytes(path)?;
            if bytes.starts_with(b"PK") {
                workbook(ctx, what, path, form.as_ref(), &mut findings)?
            } else {
                (lines(&name, &sheets::text(&name, &bytes).map_err(Failure::config)?), None)
            }
        }
        None => {
            let mut bytes = Vec::new();
            let failed =
                |error: std::io::Error| Failure::config(Finding::error("file-refused").at("stdin").with("reason", error));
            stdin().lock().take(sheets::BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
            (lines(&name, &sheets::text(&name, &bytes).map_err(Failure::config)?), None)
        }
    };
    if entries.is_empty() {
        return Err(Failure::findings(vec![Finding::error("import-nothing").at(name)]));
    }
    targets(&mut entries, form.as_ref(), &mut findings);
    let spoken = Spoken::of(what.dialect.as_deref().and_then(Dialect::named), &entries);
    for Detected { dialect, votes, evidence } in &spoken.found {
        let finding = Finding::note("import-dialect").at(&name).with("dialect", dialect.name()).with("count", votes.0);
        findings.push(finding.with("of", votes.1).with("evidence", if evidence.is_empty() { "—" } else { evidence }));
    }
    let translated = translate(&entries, &spoken, grid.as_ref());
    for (entry, imported) in entries.iter().zip(&translated) {
        findings.extend(imported.remarks.iter().map(|remark| remark_finding(entry, remark)));
    }
    let layer = layer(ctx, &name, &spoken, form.as_ref(), &entries, &translated);
    match &what.out {
        None => output::say(&layer)?,
        Some(path) => {
            sheet::save(path, layer.as_bytes())?;
            report(ctx, form.as_ref(), &spoken, &entries, &translated)?;
        }
    }
    if translated.iter().all(|imported| imported.expr.is_none()) {
        findings.push(Finding::error("import-nothing").at(name));
        return Err(Failure::findings(findings));
    }
    Ok(findings)
}

/// In which dialect each formula is read.
struct Spoken {
    each: Vec<Dialect>,
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

/// Formulas of a text, one a line; a line that begins with `#` is a remark.
fn lines(name: &str, text: &str) -> Vec<Entry> {
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
fn workbook(
    ctx: &Ctx,
    what: &What,
    path: &std::path::Path,
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
    let wanted = match &what.sheet {
        Some(name) => found.into_iter().find(|(grid, _)| grid.name == *name),
        None => found.into_iter().rev().max_by_key(|(_, cells)| cells.len()),
    };
    let (grid, cells) = wanted.ok_or_else(|| {
        let finding = Finding::error("sheet-missing").at(&place).with("sheet", what.sheet.as_deref().unwrap_or("—"));
        Failure::config(finding.with("known", known.join(", ")))
    })?;
    for (other, count) in counts.iter().filter(|(other, count)| *other != grid.name && *count > 0) {
        let finding = Finding::warning("import-sheet-unread").at(format!("{place}, {other}")).with("count", count);
        findings.push(finding.with("sheet", other).with("read", &grid.name));
    }
    let words = match form {
        Some(_) => Some(form_sheet::words(if ctx.config.exists() { Some(ctx.agent()?) } else { None }.as_ref())?),
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

/// One line of a comment.
fn comment(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

fn layer(ctx: &Ctx, name: &str, spoken: &Spoken, form: Option<&Form>, entries: &[Entry], translated: &[Imported]) -> String {
    let say = |name: &str| label(ctx.lang, name);
    let quoted = |text: &str| toml::Value::from(comment(text)).to_string();
    let shown = |found: &Detected| {
        let Detected { dialect, votes, evidence } = found;
        format!("{}, {}/{}: {}", dialect.name(), votes.0, votes.1, comment(evidence))
    };
    let dialects = match (spoken.found.as_slice(), spoken.each.first()) {
        ([], said) => said.map_or_else(String::new, |dialect| dialect.name().to_owned()),
        (found, _) => found.iter().map(shown).collect::<Vec<_>>().join("; "),
    };
    let mut text = format!("# {} {name} ({dialects})\n", say("imported-from"));
    text += &format!("title = {}\n", quoted(&format!("{} {name}", say("imported-from"))));
    for ((entry, imported), dialect) in entries.iter().zip(translated).zip(&spoken.each) {
        let cell = entry.cell.as_ref().map_or_else(String::new, |cell| format!("{cell} "));
        text += &format!("\n# {cell}{}\n", comment(&entry.label));
        let dialect = if spoken.several() { format!(" ({})", dialect.name()) } else { String::new() };
        text += &format!("# {}{dialect}: {}\n", say("original"), comment(&entry.text));
        for remark in &imported.remarks {
            let finding = remark_finding(entry, remark);
            let line = sentence(ctx.lang, &finding);
            // What to do about it is told on the screen.
            text += &format!("# {}\n", comment(line.lines().next().unwrap_or_default()));
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

fn report(ctx: &Ctx, form: Option<&Form>, spoken: &Spoken, entries: &[Entry], translated: &[Imported]) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for ((entry, imported), dialect) in entries.iter().zip(translated).zip(&spoken.each) {
        let word = match imported.remarks.iter().map(|remark| remark.degree).max() {
            Some(Degree::Lost) => "not-imported",
            Some(Degree::Check) => "to-check",
            Some(Degree::Renamed) => "renamed",
            None => "understood",
        };
        let target = match (&entry.target, form) {
            (Target::Row(key), Some(form)) => format!("{}:{key}", form.form),
            (Target::Row(key) | Target::Item(key), _) => format!("@{key}"),
        };
        rows.push(vec![
            entry.cell.as_ref().map_or_else(|| entry.label.clone(), CellName::to_string),
            target,
            dialect.name().to_owned(),
            entry.text.clone(),
            imported.expr.as_ref().map_or_else(String::new, ToString::to_string),
            if ctx.people() { label(ctx.lang, word) } else { word.to_owned() },
        ]);
    }
    let columns = ["cell", "target", "dialect", "original", "formula", "result"];
    Table { columns: &columns, numbers: &[], rows }.write(ctx.format, ctx.lang)
}
