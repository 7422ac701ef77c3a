//! What leaves the board: tables for spreadsheets and machines. The figures of a unit are read from its package, never from the board.

use std::path::Path;

use model::{Finding, Month};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, XlsxError};
use survey::{Printed, document::Draft};

use super::{Asked, Duties};
use crate::{
    failure::Failure,
    keys::keep,
    receive,
    store::{Store, Unit},
};

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// 工作簿 A workbook.
    Xlsx,
    /// CSV UTF-8 without BOM.
    Csv,
    /// 平台样式的 GBK CSV As the national platform writes it: GBK, units in rows.
    Gbk,
    /// SDMX-CSV SDMX-CSV 2.0; of reports alone.
    Sdmx,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// Name.
    pub name: String,
    /// Headings as people read them.
    pub columns: Vec<String>,
    /// Rows of texts.
    pub rows: Vec<Vec<String>>,
}

fn refused(reason: &impl std::fmt::Display) -> Failure {
    Failure::source(Finding::error("output-refused").with("reason", reason))
}

/// A text that no spreadsheet takes for a formula: an apostrophe keeps its first character from counting. Numbers stay numbers.
fn inert(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠') if text.parse::<model::Amount>().is_err() => {
            format!("'{text}")
        }
        _ => text.to_owned(),
    }
}

/// Whether a text is a decimal as amounts are written, and no word that happens to be a number.
fn is_plain(text: &str) -> bool {
    text.parse::<model::Amount>().is_ok()
}

/// Digits that a spreadsheet keeps of a number.
const DIGITS: usize = 15;

impl Sheet {
    /// As a file of a kind.
    pub fn bytes(&self, target: Target) -> Result<Vec<u8>, Failure> {
        match target {
            Target::Xlsx => self.workbook().map_err(|error| refused(&error)),
            Target::Gbk => {
                let text = String::from_utf8(self.csv()?).map_err(|error| refused(&error))?.replace('\n', "\r\n");
                // What GBK cannot say stands in GB18030, which every program that reads the one reads too.
                Ok(encoding_rs::GB18030.encode(&text).0.into_owned())
            }
            Target::Csv | Target::Sdmx => self.csv(),
        }
    }

    fn csv(&self) -> Result<Vec<u8>, Failure> {
        let mut sheet = csv::Writer::from_writer(Vec::new());
        sheet.write_record(&self.columns).map_err(|error| refused(&error))?;
        for row in &self.rows {
            sheet.write_record(row.iter().map(|text| inert(text))).map_err(|error| refused(&error))?;
        }
        sheet.into_inner().map_err(|error| refused(&error))
    }

    fn workbook(&self) -> Result<Vec<u8>, XlsxError> {
        let mut book = Workbook::new();
        // The same table is the same bytes, whenever it is written.
        book.set_properties(&DocProperties::new().set_creation_datetime(&ExcelDateTime::from_ymd(2000, 1, 1)?));
        let head = Format::new().set_bold();
        let sheet = book.add_worksheet();
        sheet.set_name(self.name.chars().filter(|c| !"[]:*?/\\".contains(*c)).take(31).collect::<String>())?;
        for (column, text) in self.columns.iter().enumerate() {
            sheet.write_string_with_format(0, u16::try_from(column).unwrap_or(u16::MAX), text, &head)?;
        }
        for (at, row) in self.rows.iter().enumerate() {
            let line = u32::try_from(at + 1).unwrap_or(u32::MAX);
            for (column, text) in row.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
                let place = u16::try_from(column).unwrap_or(u16::MAX);
                let digits = text.chars().filter(char::is_ascii_digit).count();
                // Codes begin with a zero, or are longer than a spreadsheet's numbers.
                let is_code = digits > DIGITS || text.starts_with('0') && !text.starts_with("0.") && digits > 1;
                // A spreadsheet's numbers are doubles. Nothing is computed with this one: fifteen digits come out as they went in.
                let number = if is_code { None } else { text.parse::<f64>().ok().filter(|_| is_plain(text)) };
                match number {
                    Some(number) => sheet.write_number(line, place, number)?,
                    None => sheet.write_string(line, place, text)?,
                };
            }
        }
        sheet.set_freeze_panes(1, 0)?;
        book.save_to_buffer()
    }
}

/// Writes a file.
pub fn save(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if path.exists() {
        std::fs::remove_file(path).map_err(|error| Failure::source(Finding::io(path, &error)))?;
    }
    keep(path, bytes, 0o644)
}

/// The newest reports of a form and month, as they stand in their packages: of each unit its register's row and its document.
pub fn reports(store: &Store, asked: &Asked, month: Month) -> Result<Vec<(Unit, Draft)>, Failure> {
    let mut found = Vec::new();
    for unit in store
        .read(Unit::all)?
        .into_iter()
        .filter(|unit| unit.region.starts_with(&asked.area) && unit.industry.starts_with(&asked.trade))
    {
        let drafts = receive::arrived(store, &unit.code, month, &|form| form == asked.form)?;
        found.extend(drafts.into_iter().map(|draft| (unit.clone(), draft)));
    }
    Ok(found)
}

/// The reports of a form and month as the platform exports them: units in rows, `indicator;column` beside each other.
pub fn wide(duties: &Duties, asked: &Asked, month: Month, reports: &[(Unit, Draft)]) -> Sheet {
    let form = duties.form(&asked.form);
    let heading = |column: Printed| match column {
        Printed::ThisMonth => "本年-本月",
        Printed::ThisQuarter => "本年-本季",
        Printed::Cumulative => "本年-1—本月",
        Printed::Closing => "期末",
        Printed::Opening => "年初",
        Printed::PriorYearMonth => "上年-本月",
        Printed::PriorYear => "上年-1—本月",
        Printed::Value => "",
    };
    let mut columns: Vec<(String, Printed, String)> = Vec::new();
    for row in form.iter().flat_map(|form| &form.rows) {
        for column in survey::exam::COLUMNS {
            let has =
                |draft: &Draft| draft.cells.iter().any(|cell| cell.id == row.key() && cell.columns.get(column.name()).is_some());
            if reports.iter().any(|(_, draft)| has(draft)) {
                columns.push((row.key().to_owned(), column, format!("{};{}", row.name, heading(column))));
            }
        }
    }
    let fixed = ["统一社会信用代码", "单位详细名称", "行政区划代码", "行业代码", "表号", "报告期"];
    let rows = reports.iter().map(|(unit, draft)| {
        let mut row = vec![
            unit.code.clone(),
            unit.name.clone(),
            unit.region.clone(),
            unit.industry.clone(),
            draft.form.clone(),
            month.to_string(),
        ];
        for (code, column, _) in &columns {
            let cell = draft.cells.iter().find(|cell| cell.id == *code);
            let value = cell.and_then(|cell| cell.columns.get(column.name())).and_then(|column| column.value.clone());
            row.push(value.unwrap_or_default());
        }
        row
    });
    Sheet {
        name: format!("{} {month}", asked.form),
        columns: fixed.iter().map(|text| (*text).to_owned()).chain(columns.iter().map(|(.., heading)| heading.clone())).collect(),
        rows: rows.collect(),
    }
}

/// The reports of a form and month as a file of a kind.
pub fn exported(
    store: &Store,
    duties: &Duties,
    asked: &Asked,
    month: Month,
    target: Target,
) -> Result<(Vec<u8>, usize), Failure> {
    let reports = reports(store, asked, month)?;
    let bytes = match target {
        Target::Sdmx => survey::sdmx::csv(&reports.iter().map(|(_, draft)| draft.clone()).collect::<Vec<_>>()).into_bytes(),
        target => wide(duties, asked, month, &reports).bytes(target)?,
    };
    Ok((bytes, reports.len()))
}
