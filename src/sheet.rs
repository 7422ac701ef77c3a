/*! Files for spreadsheets: workbooks in the form's layout, and CSV whose texts cannot be formulas. */

use std::{fs, path::Path};

use model::Finding;
use rust_xlsxwriter::{Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError};
use store::Store;
use survey::{
    Grown,
    document::{Cell, Column, Draft, LedgerCell, Lineage},
};
use ui::{Lang, terms::term};
use unicode_width::UnicodeWidthStr;

use crate::{build, output::label, print::Beside, report::Failure, stale};

/// A text that no spreadsheet takes for a formula: an apostrophe keeps its first character from counting.
pub fn inert(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// Rows as CSV, UTF-8 without BOM.
pub fn csv(columns: &[&str], rows: &[Vec<String>]) -> Result<String, Failure> {
    let refused = |reason: String| Failure::source(Finding::error("output-refused").with("reason", reason));
    let mut sheet = csv::Writer::from_writer(Vec::new());
    sheet.write_record(columns).map_err(|error| refused(error.to_string()))?;
    for row in rows {
        sheet.write_record(row).map_err(|error| refused(error.to_string()))?;
    }
    let bytes = sheet.into_inner().map_err(|error| refused(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| refused(error.to_string()))
}

/// Rows as CSV for a spreadsheet: the texts of columns that are no numbers cannot be formulas.
pub fn inert_csv(columns: &[&str], numbers: &[&str], rows: &[Vec<String>]) -> Result<String, Failure> {
    let cell = |(name, cell): (&&str, &String)| if numbers.contains(name) { cell.clone() } else { inert(cell) };
    let inert = |row: &Vec<String>| columns.iter().zip(row).map(cell).collect();
    csv(columns, &rows.iter().map(inert).collect::<Vec<_>>())
}

const DRAFTS: [&str; 16] = [
    "form",
    "period",
    "book",
    "code",
    "name",
    "unit",
    "this_month",
    "cumulative",
    "closing",
    "prior_year_month",
    "prior_year",
    "this_quarter",
    "opening",
    "value",
    "status",
    "reported",
];

/// Drafts as CSV. What was computed stays in its column; `reported` is what a person's adjustment makes of it. For a spreadsheet, texts
/// cannot be formulas.
pub fn drafts(drafts: &[Draft], spreadsheet: bool) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for draft in drafts {
        for cell in &draft.cells {
            let value = |name: &str| cell.columns.get(name).and_then(|column| column.value.clone()).unwrap_or_default();
            let text = |text: &str| if spreadsheet { inert(text) } else { text.to_owned() };
            let mut row = [&draft.form, &draft.period, &draft.book, &cell.id, &cell.name, &cell.unit].map(|t| text(t)).to_vec();
            row.extend(DRAFTS[6..14].iter().map(|name| value(name)));
            row.push(cell.status.clone());
            row.push(cell.adjustment.as_ref().map(|made| made.reported.clone()).unwrap_or_default());
            rows.push(row);
        }
    }
    csv(&DRAFTS, &rows)
}

/// A draft as CSV for people: headings and words in their language, the columns that the form prints, and a mark at the beginning by which
/// spreadsheets know the encoding.
pub fn draft_to_read(draft: &Draft, lang: Lang) -> Result<String, Failure> {
    let shown = draft.shown();
    let mut columns: Vec<String> =
        ["form", "period", "book", "code", "name", "unit"].iter().chain(&shown).map(|name| label(lang, name)).collect();
    columns.extend(["growth", "status", "reported"].map(|name| label(lang, name)));
    let rows = draft.cells.iter().map(|cell| {
        let mut row: Vec<String> = [&draft.form, &draft.period, &draft.book, &cell.id].map(|text| inert(text)).into();
        row.extend([&cell.name, &cell.unit].map(|text| inert(&term(lang, text))));
        let words = matches!(&*cell.kind, "text" | "choice");
        row.extend(shown.iter().map(|name| {
            let value = cell.columns.shown(name).and_then(|column| column.value.clone()).unwrap_or_default();
            if words { inert(&value) } else { value }
        }));
        row.push(survey::growth_of(&cell.columns).cumulative.unwrap_or_default());
        row.push(label(lang, &format!("status-{}", cell.status.replace('_', "-"))));
        row.push(cell.adjustment.as_ref().map(|made| made.reported.clone()).unwrap_or_default());
        row
    });
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    Ok(format!("\u{feff}{}", csv(&columns, &rows.collect::<Vec<_>>())?))
}

/// Writes a file; what was there is replaced only by a whole one.
pub fn save(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let part = path.with_extension("part");
    fs::write(&part, bytes).map_err(|error| unwritten(path, &error))?;
    fs::rename(&part, path).map_err(|error| unwritten(path, &error))
}

/// Why a file could not be written.
pub fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        // A file that is to be written is not missing, its folder is; and the path starts where the person is.
        std::io::ErrorKind::NotFound => Failure::config(Finding::error("folder-missing").at(path.display().to_string())),
        _ => Failure::source(Finding::io(path, error)),
    }
}

/// Looks of a workbook.
struct Looks {
    title: Format,
    plain: Format,
    head: Format,
    text: Format,
    number: Format,
    raw: Format,
    percent: Format,
    gap: Format,
    moved: Format,
    warning: Format,
}

impl Looks {
    fn new(places: usize) -> Looks {
        let font = || Format::new().set_font_name("宋体").set_font_size(10);
        let boxed = || font().set_border(FormatBorder::Thin).set_align(FormatAlign::VerticalCenter);
        let decimals = if places == 0 { "#,##0".to_owned() } else { format!("#,##0.{}", "0".repeat(places)) };
        Looks {
            title: font().set_bold().set_font_size(16).set_align(FormatAlign::Center),
            plain: font(),
            head: boxed().set_bold().set_align(FormatAlign::Center).set_background_color(Color::RGB(0x00E8_EEF4)).set_text_wrap(),
            text: boxed().set_text_wrap(),
            number: boxed().set_align(FormatAlign::Right).set_num_format(&decimals),
            raw: boxed().set_align(FormatAlign::Right).set_num_format("#,##0.00"),
            percent: boxed().set_align(FormatAlign::Right).set_num_format("0.0"),
            gap: boxed().set_align(FormatAlign::Right).set_font_color(Color::RGB(0x0080_8080)),
            moved: boxed().set_align(FormatAlign::Right).set_num_format(&decimals).set_background_color(Color::RGB(0x00FF_F2CC)),
            warning: font().set_bold().set_font_color(Color::RGB(0x00C0_0000)),
        }
    }
}

fn refused(path: &Path) -> impl Fn(XlsxError) -> Failure {
    let place = path.display().to_string();
    move |error| Failure::source(Finding::error("file-refused").at(&place).with("reason", error))
}

/// Puts a decimal into a cell as a number where a spreadsheet's fifteen digits hold it, and as text where they do not.
fn decimal(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    text: Option<&str>,
    format: &Format,
    gap: &Format,
) -> Result<(), XlsxError> {
    match text {
        None => sheet.write_string_with_format(row, column, "—", gap)?,
        Some(text) if text.bytes().filter(u8::is_ascii_digit).count() <= 15 => match text.parse::<f64>() {
            Ok(number) => sheet.write_number_with_format(row, column, number, format)?,
            Err(_) => sheet.write_string_with_format(row, column, text, format)?,
        },
        Some(text) => sheet.write_string_with_format(row, column, text, format)?,
    };
    Ok(())
}

/// Writes a draft as a workbook: the form, where its figures come from, and what was found.
pub fn draft(
    path: &Path,
    draft: &Draft,
    computed: Vec<LedgerCell>,
    store: &Store,
    lang: Lang,
    beside: &Beside,
) -> Result<(), Failure> {
    save(path, &workbook(path, draft, computed, store, lang, beside, None)?)
}

/// The bytes of a draft's workbook. It says that it was made at `made`, or now where that is absent.
pub fn workbook(
    path: &Path,
    draft: &Draft,
    computed: Vec<LedgerCell>,
    store: &Store,
    lang: Lang,
    beside: &Beside,
    made: Option<&ExcelDateTime>,
) -> Result<Vec<u8>, Failure> {
    let cells: Cells = if computed.is_empty() {
        build::current_cells(store, &draft.book, &draft.form, &draft.period)?
    } else {
        computed.into_iter().map(|cell| (cell.cell.id.clone(), (0, cell))).collect()
    };
    let names = crate::books::names(store, &draft.book)?;
    let places = draft.cells.iter().filter_map(|cell| cell.columns.each().find_map(|(_, column)| column.value.clone()));
    let places = places.filter_map(|value| value.split_once('.').map(|(_, decimals)| decimals.len())).max().unwrap_or(0);
    let looks = Looks::new(places);
    let mut book = Workbook::new();
    let mut write = || -> Result<Vec<u8>, XlsxError> {
        form(book.add_worksheet(), draft, &looks, lang, beside)?;
        lineage(book.add_worksheet(), draft, &cells, &names, &looks, lang)?;
        findings(book.add_worksheet(), draft, &looks, lang)?;
        if !draft.explanations.is_empty() {
            explanations(book.add_worksheet(), draft, &looks, lang, beside)?;
        }
        if let Some(made) = made {
            book.set_properties(&DocProperties::new().set_creation_datetime(made));
        }
        book.save_to_buffer()
    };
    write().map_err(refused(path))
}

/// The form as it is printed.
fn form(sheet: &mut Worksheet, draft: &Draft, looks: &Looks, lang: Lang, beside: &Beside) -> Result<(), XlsxError> {
    let label = |name: &str| label(lang, name);
    let fact = |name: &str, value: &str| format!("{}{}{}", label(name), label("colon"), term(lang, value));
    let header = &draft.header;
    sheet.set_name(&draft.form)?.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    let shown = draft.shown();
    let mut columns = vec![("code", 9.0), ("name", 38.0), ("unit", 9.0)];
    columns.extend(shown.iter().map(|name| (*name, 16.0)));
    columns.extend([("growth", 9.0), ("status", 14.0)]);
    for (at, (_, width)) in (0..).zip(&columns) {
        sheet.set_column_width(at, *width)?;
    }
    let last = columns.len() as u16 - 1;
    sheet.merge_range(0, 0, 0, last, &term(lang, &draft.name), &looks.title)?;
    let facts = [
        [fact("form", &draft.form), fact("authority", &header.authority)],
        [fact("unit-code", &draft.unit.code), fact("document", &header.document)],
        [fact("unit-name", &draft.unit.name), fact("valid-until", &header.valid_until)],
        [fact("period", &draft.period), fact("money-unit", &header.money_unit)],
    ];
    for (row, [left, right]) in (1..).zip(&facts) {
        sheet.write_string_with_format(row, 0, left, &looks.plain)?;
        sheet.write_string_with_format(row, last.min(5), right, &looks.plain)?;
    }
    let mut marks = Vec::new();
    if draft.books_open {
        marks.push(label("books-open"));
    }
    let told = |code: &&&str| draft.findings.iter().any(|note| note.code == ***code);
    marks.extend(["period-beyond"].iter().chain(&stale::MARKS).filter(told).map(|code| label(code)));
    if !draft.due {
        marks.push(label("not-due"));
    }
    if !marks.is_empty() {
        sheet.write_string_with_format(5, 0, marks.join("；"), &looks.warning)?;
    }
    let head = 6;
    for (at, (name, _)) in (0..).zip(&columns) {
        sheet.write_string_with_format(head, at, label(name), &looks.head)?;
    }
    sheet.set_freeze_panes(head + 1, 2)?.set_repeat_rows(head, head)?;
    for (row, cell) in (head + 1..).zip(&draft.cells) {
        figures(sheet, row, cell, &shown, looks, lang)?;
    }
    let foot = head + 2 + draft.cells.len() as u32;
    let footer = &draft.footer;
    let sent_on = if footer.sent_on.is_empty() { &beside.sent_on } else { &footer.sent_on };
    let people = [("head", &footer.head), ("statistician", &footer.statistician), ("preparer", &footer.preparer)];
    for (at, (name, value)) in people.into_iter().chain([("phone", &footer.phone), ("sent-on", sent_on)]).enumerate() {
        let column = [0, 2, 4, 6, 8][at].min(last);
        sheet.write_string_with_format(foot, column, fact(name, value), &looks.plain)?;
    }
    sheet.write_string_with_format(foot + 1, 0, fact("scope", &official(&header.scope, &beside.region)), &looks.plain)?;
    sheet.write_string_with_format(foot + 2, 0, fact("deadline", &official(&header.deadline, &beside.region)), &looks.plain)?;
    Ok(())
}

/// Provinces by the first two digits of their code, as packs name them.
const PROVINCES: [(&str, &str); 31] = [
    ("11", "北京"),
    ("12", "天津"),
    ("13", "河北"),
    ("14", "山西"),
    ("15", "内蒙古"),
    ("21", "辽宁"),
    ("22", "吉林"),
    ("23", "黑龙江"),
    ("31", "上海"),
    ("32", "江苏"),
    ("33", "浙江"),
    ("34", "安徽"),
    ("35", "福建"),
    ("36", "江西"),
    ("37", "山东"),
    ("41", "河南"),
    ("42", "湖北"),
    ("43", "湖南"),
    ("44", "广东"),
    ("45", "广西"),
    ("46", "海南"),
    ("50", "重庆"),
    ("51", "四川"),
    ("52", "贵州"),
    ("53", "云南"),
    ("54", "西藏"),
    ("61", "陕西"),
    ("62", "甘肃"),
    ("63", "青海"),
    ("64", "宁夏"),
    ("65", "新疆"),
];

/// A fact of a form for a region: without the remarks in brackets on how sure the pack is of it, which are no part of an official form, and
/// without what it says of other provinces.
pub fn official(text: &str, region: &str) -> String {
    let text = bare(text);
    let elsewhere = |said: &&str| {
        PROVINCES.iter().any(|(code, name)| said.starts_with(name) && !(region.len() >= 2 && region.starts_with(code)))
    };
    let own: Vec<&str> = text.split('；').filter(|said| !elsewhere(said)).collect();
    own.join("；")
}

/// A text without remarks on how sure somebody is.
fn bare(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(['（', '(']) {
        kept.push_str(before);
        let open = &rest[before.len()..rest.len() - after.len()];
        let Some((inside, after)) = after.split_once(['）', ')']) else {
            kept.push_str(&rest[before.len()..]);
            return kept;
        };
        let remark = ["凭回忆", "recalled", "confirmed", "mappings/"].iter().any(|word| inside.contains(word));
        if !remark {
            kept.push_str(&format!("{open}{inside}{}", if open == "（" { "）" } else { ")" }));
        }
        rest = after;
    }
    kept + rest
}

fn figures(
    sheet: &mut Worksheet,
    row: u32,
    cell: &Cell,
    shown: &[&'static str],
    looks: &Looks,
    lang: Lang,
) -> Result<(), XlsxError> {
    for (at, text) in (0..).zip([&cell.id, &term(lang, &cell.name), &term(lang, &cell.unit)]) {
        sheet.write_string_with_format(row, at, text, &looks.text)?;
    }
    let look = if cell.changed { &looks.moved } else { &looks.number };
    let columns = &cell.columns;
    for (at, name) in (3..).zip(shown) {
        match columns.shown(name) {
            // A stock has no month of its own.
            None => drop(sheet.write_blank(row, at, &looks.text)?),
            Some(text) if text.value.is_some() && matches!(&*cell.kind, "text" | "choice") => {
                sheet.write_string_with_format(row, at, text.value.as_deref().unwrap_or_default(), &looks.text)?;
            }
            Some(Column { value: None, platform: Some(reported), .. }) => {
                let text = format!("{reported} ({})", label(lang, "platform"));
                sheet.write_string_with_format(row, at, text, &looks.gap)?;
            }
            // What is reported; what was computed stands beside it in the last column.
            Some(column) => {
                let reported = cell.adjusted(column).map(|made| made.reported.as_str());
                decimal(sheet, row, at, reported.or(column.value.as_deref()), look, &looks.gap)?;
            }
        }
    }
    let growth = 3 + shown.len() as u16;
    match survey::grown(columns) {
        Grown::Percent(percent) => decimal(sheet, row, growth, Some(&percent), &looks.percent, &looks.gap)?,
        Grown::Meaningless { difference, .. } => {
            let text = format!("— ({})", ui::text(lang, "label-growth-difference", &[("difference", difference)]));
            sheet.write_string_with_format(row, growth, text, &looks.gap)?;
        }
        Grown::None => drop(sheet.write_blank(row, growth, &looks.text)?),
    }
    let mut status = label(lang, &format!("status-{}", cell.status.replace('_', "-")));
    if let Some(column) = columns.adjusted().filter(|column| cell.adjusted(column).is_some()) {
        let computed = column.value.as_deref().unwrap_or("—");
        status = format!("{status}; {} {computed}", label(lang, "computed"));
    }
    sheet.write_string_with_format(row, growth + 1, status, &looks.text)?;
    Ok(())
}

/// Characters of a formula on one line of the lineage.
const FORMULA_WIDTH: usize = 46;

type Cells = std::collections::BTreeMap<String, (i64, LedgerCell)>;
type Names = std::collections::BTreeMap<String, String>;

/// Where each figure comes from: formula, then the accounts it was made of.
fn lineage(
    sheet: &mut Worksheet,
    draft: &Draft,
    cells: &Cells,
    names: &Names,
    looks: &Looks,
    lang: Lang,
) -> Result<(), XlsxError> {
    let columns = ["code", "name", "column", "formula", "account", "account-name", "from", "to", "amount"];
    sheet.set_name(label(lang, "sheet-lineage"))?.set_freeze_panes(1, 2)?.set_repeat_rows(0, 0)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    for (at, (name, width)) in (0..).zip(columns.iter().zip([9.0, 30.0, 12.0, 48.0, 14.0, 30.0, 10.0, 10.0, 18.0])) {
        sheet.set_column_width(at, width)?;
        sheet.write_string_with_format(0, at, label(lang, name), &looks.head)?;
    }
    let mut row = 1;
    for shown in &draft.cells {
        let Some((_, cell)) = cells.get(&shown.id) else { continue };
        for (name, column) in cell.cell.columns.each() {
            let Some(tree) = &column.lineage else { continue };
            let own = term(lang, &shown.name);
            let mut line = |formula: &str, account: &str, from: &str, to: &str, amount: Option<&str>| -> Result<(), XlsxError> {
                let title = names.get(account).map_or("", String::as_str);
                let texts = [&shown.id, &own, &label(lang, name), formula, account, title, from, to];
                // Rows of wrapped text are as high as their longest cell: not every program makes them so by itself.
                let lines = formula.width().div_ceil(FORMULA_WIDTH).max(shown.name.width().div_ceil(28)).clamp(1, 30);
                sheet.set_row_height(row, f64::from(u16::try_from(lines.min(30) * 14).unwrap_or(420)))?;
                for (at, text) in (0..).zip(texts) {
                    sheet.write_string_with_format(row, at, text, &looks.text)?;
                }
                decimal(sheet, row, 8, amount, &looks.raw, &looks.gap)?;
                row += 1;
                Ok(())
            };
            line(shown.formula.as_deref().unwrap_or_default(), "", "", "", column.raw.as_deref())?;
            for leaf in leaves(tree) {
                let books = leaf.question.as_ref().map(|question| (&question.from, &question.to));
                let measures = leaf.measured.as_ref().map(|question| (&question.from, &question.to));
                let Some((from, to)) = books.or(measures) else { continue };
                for part in &leaf.parts {
                    line(&leaf.text, &part.account, from, to, Some(&part.amount))?;
                }
            }
        }
    }
    sheet.autofilter(0, 0, row.saturating_sub(1).max(1), columns.len() as u16 - 1)?;
    Ok(())
}

/// The questions of a tree, in the order of its formula.
pub fn leaves(tree: &Lineage) -> Vec<&Lineage> {
    let mut found = Vec::new();
    let mut waiting = vec![tree];
    while let Some(tree) = waiting.pop() {
        if tree.question.is_some() || tree.measured.is_some() {
            found.push(tree);
        }
        waiting.extend(tree.children.iter().rev());
    }
    found
}

fn findings(sheet: &mut Worksheet, draft: &Draft, looks: &Looks, lang: Lang) -> Result<(), XlsxError> {
    sheet.set_name(label(lang, "sheet-findings"))?.set_freeze_panes(1, 0)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    for (at, (name, width)) in (0..).zip([("code", 28.0), ("level", 9.0), ("place", 40.0), ("sentence", 90.0)]) {
        sheet.set_column_width(at, width)?;
        sheet.write_string_with_format(0, at, label(lang, name), &looks.head)?;
    }
    for (row, note) in (1..).zip(&draft.findings) {
        let finding = note.finding();
        let level = ui::text(lang, &format!("level-{}", note.level), &finding.arguments);
        let sentence = ui::text(lang, &note.code, &finding.arguments);
        for (at, text) in (0..).zip([&note.code, &level, &note.place, &sentence]) {
            sheet.write_string_with_format(row, at, text, &looks.text)?;
        }
    }
    Ok(())
}

/// What people said about rules that are not met.
fn explanations(sheet: &mut Worksheet, draft: &Draft, looks: &Looks, lang: Lang, beside: &Beside) -> Result<(), XlsxError> {
    sheet.set_name(label(lang, "sheet-explanations"))?.set_freeze_panes(1, 0)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    for (at, (name, width)) in (0..).zip([("rule", 16.0), ("cause", 14.0), ("explanation", 90.0), ("by", 14.0)]) {
        sheet.set_column_width(at, width)?;
        sheet.write_string_with_format(0, at, label(lang, name), &looks.head)?;
    }
    for (row, said) in (1..).zip(&draft.explanations) {
        let (cause, by) = (beside.cause(lang, &said.cause), beside.person(&said.by));
        for (at, text) in (0..).zip([&said.rule, &cause, &said.text, &by]) {
            sheet.write_string_with_format(row, at, text, &looks.text)?;
        }
    }
    Ok(())
}

/// Rows of one sheet of a workbook: texts are texts, and the columns named in `numbers` are numbers.
pub struct Page<'a> {
    /// Its name.
    pub title: String,
    /// Machine names of the columns.
    pub columns: &'a [&'a str],
    /// Those that are numbers.
    pub numbers: &'a [&'a str],
    /// The rows.
    pub rows: &'a [Vec<String>],
}

/// Columns of amounts in 元.
const MONEY: [&str; 4] = ["raw", "debit", "credit", "amount"];

/// Writes rows as a workbook of one sheet.
pub fn table(
    path: &Path,
    title: &str,
    columns: &[&str],
    numbers: &[&str],
    rows: &[Vec<String>],
    lang: Lang,
) -> Result<(), Failure> {
    pages(path, &[Page { title: title.to_owned(), columns, numbers, rows }], lang)
}

/// Writes a workbook of several sheets.
pub fn pages(path: &Path, pages: &[Page<'_>], lang: Lang) -> Result<(), Failure> {
    save(path, &paged(path, pages, lang, None)?)
}

/// The bytes of a workbook of several sheets. It says that it was made at `made`, or now where that is absent.
pub fn paged(path: &Path, pages: &[Page<'_>], lang: Lang, made: Option<&ExcelDateTime>) -> Result<Vec<u8>, Failure> {
    let looks = Looks::new(0);
    // By the decimals that a text has: a spreadsheet's own format for any number of them leaves a lonely point.
    let plain: Vec<Format> = (0..=6).map(|places| Looks::new(places).number).collect();
    let mut book = Workbook::new();
    let page = |sheet: &mut Worksheet, page: &Page<'_>| -> Result<(), XlsxError> {
        let Page { title, columns, numbers, rows } = page;
        sheet.set_name(title)?.set_freeze_panes(1, 3)?.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
        sheet.set_repeat_rows(0, 0)?.set_repeat_columns(0, 2)?;
        for (at, name) in (0..).zip(*columns) {
            let longest = rows.iter().map(|row| row[usize::from(at)].width()).max();
            // A width is no money; Excel's columns are measured in characters.
            let width = u8::try_from(longest.unwrap_or(0).clamp(8, 40) + 2).unwrap_or(42);
            sheet.set_column_width(at, f64::from(width))?;
            sheet.write_string_with_format(0, at, label(lang, name), &looks.head)?;
        }
        for (row, cells) in (1..).zip(*rows) {
            for (at, (text, name)) in (0..).zip(cells.iter().zip(*columns)) {
                if numbers.contains(name) {
                    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
                    // Money in 元 has two places, whatever its text has.
                    let format = if MONEY.contains(name) { &looks.raw } else { &plain[decimals.min(plain.len() - 1)] };
                    decimal(sheet, row, at, (!text.is_empty()).then_some(text.as_str()), format, &looks.gap)?;
                } else {
                    sheet.write_string_with_format(row, at, text, &looks.text)?;
                }
            }
        }
        sheet.autofilter(0, 0, u32::try_from(rows.len()).unwrap_or(u32::MAX).max(1), columns.len() as u16 - 1)?;
        Ok(())
    };
    let mut write = || -> Result<Vec<u8>, XlsxError> {
        pages.iter().try_for_each(|one| page(book.add_worksheet(), one))?;
        if let Some(made) = made {
            book.set_properties(&DocProperties::new().set_creation_datetime(made));
        }
        book.save_to_buffer()
    };
    write().map_err(refused(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_of_the_pack_are_no_part_of_the_form() {
        assert_eq!(bare("月后约17—18日（凭回忆）；旧制16日(recalled)"), "月后约17—18日；旧制16日");
        assert_eq!(bare("季后（每年的时间表见 mappings/calendars/）"), "季后");
        assert_eq!(bare("法人单位（含分支机构，不含子公司）"), "法人单位（含分支机构，不含子公司）");
        assert_eq!(bare("不完整（凭回忆"), "不完整（凭回忆");
        let text = "月后约17—18日（凭回忆）；湖南旧制为月后16日12时前";
        assert_eq!((&*official(text, "330106"), &*official(text, "")), ("月后约17—18日", "月后约17—18日"));
        assert_eq!(official(text, "430100"), "月后约17—18日；湖南旧制为月后16日12时前");
    }
}
