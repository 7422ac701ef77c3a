/*!
Sheets that people made, read: XLSX and XLS workbooks, and CSV in UTF-8, GB18030 (GBK) or UTF-16.

Bounded before anything is taken apart: bytes of the file, bytes once unpacked, rows, columns and cells. A cell far out of the way costs
nothing, as cells are read one by one and never spread out. Numbers are texts with at most fifteen digits, as the spreadsheet shows them.
What a sheet says is for others to know: here are rows of texts.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod xls;

use std::{
    collections::BTreeMap,
    fmt::LowerExp,
    fs,
    io::{self, Cursor, Read, copy, sink},
    path::{Path, PathBuf},
};

use calamine::{DataRef, Reader, Xlsx};
use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};
use model::Finding;
use survey::exam::Grid;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What is in it is refused.
    #[error("{}: {}", .0.place, .0.code)]
    Refused(Finding),
}

impl From<Finding> for SheetError {
    fn from(finding: Finding) -> SheetError {
        SheetError::Refused(finding)
    }
}

/// Bytes of the largest file.
pub const BYTES_MAX: u64 = 32 << 20;
/// Bytes of a workbook once unpacked.
const UNPACKED_MAX: u64 = 512 << 20;
/// Rows of the longest sheet.
const ROWS_MAX: usize = 100_000;
/// Columns of the widest.
const COLUMNS_MAX: usize = 1_000;
/// Cells of all sheets.
const CELLS_MAX: usize = 1_000_000;

/// A sheet with the formulas of its cells.
pub struct Sheet {
    /// What a person sees.
    pub grid: Grid,
    /// Formulas by row and column, from 0, without the sign before them.
    pub formulas: BTreeMap<(usize, usize), String>,
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Vec<Sheet>, SheetError> {
    let name = path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    taken_apart(&path.display().to_string(), name, bytes(path)?)
}

/// Reads a file that was received; its name is a word about it.
pub fn received(file: &str, bytes: Vec<u8>) -> Result<Vec<Sheet>, SheetError> {
    if bytes.len() as u64 > BYTES_MAX {
        return Err(too_large(file, "bytes", BYTES_MAX).into());
    }
    taken_apart(file, file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned(), bytes)
}

fn taken_apart(place: &str, name: String, bytes: Vec<u8>) -> Result<Vec<Sheet>, SheetError> {
    if bytes.starts_with(b"PK") {
        return Ok(workbook(place, bytes)?);
    }
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        // The format before 2007.
        return Ok(xls::read(place, bytes)?);
    }
    let grid = delimited(place, name, &text(place, &bytes)?)?;
    Ok(vec![Sheet { grid, formulas: BTreeMap::new() }])
}

/// The bytes of a file that is not too large.
pub fn bytes(path: &Path) -> Result<Vec<u8>, SheetError> {
    let failed = |source: io::Error| SheetError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(failed)?.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(too_large(&path.display().to_string(), "bytes", BYTES_MAX).into());
    }
    Ok(bytes)
}

fn too_large(place: &str, what: &str, limit: impl std::fmt::Display) -> Finding {
    Finding::error("sheet-too-large").at(place).with("what", what).with("limit", limit)
}

/// Text in UTF-8, in UTF-16 where a mark says so, and else in GB18030, of which GBK and GB2312 are parts.
pub fn text(place: &str, bytes: &[u8]) -> Result<String, Finding> {
    let decoded = |encoding: &'static encoding_rs::Encoding, bytes: &[u8]| {
        encoding.decode_without_bom_handling_and_without_replacement(bytes).map(std::borrow::Cow::into_owned)
    };
    let text = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(str::to_owned),
        [0xff, 0xfe, rest @ ..] => decoded(UTF_16LE, rest),
        [0xfe, 0xff, rest @ ..] => decoded(UTF_16BE, rest),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned).or_else(|| decoded(GB18030, bytes)),
    };
    let unreadable = || Finding::error("sheet-encoding").at(place);
    text.filter(|text| !text.contains('\0')).ok_or_else(unreadable)
}

fn delimited(place: &str, name: String, text: &str) -> Result<Grid, Finding> {
    let head: String = text.lines().take(20).collect();
    // The portal's headings hold semicolons, so they divide only where nothing else does.
    let delimiter = if head.contains('\t') {
        b'\t'
    } else if head.contains(',') || !head.contains(';') {
        b','
    } else {
        b';'
    };
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let (mut rows, mut cells) = (Vec::new(), 0);
    for record in reader.records() {
        let refused =
            |error: csv::Error| Finding::error("sheet-refused").at(place).with("reason", "sheet-broken").with("detail", error);
        let record = record.map_err(refused)?;
        cells += record.len();
        // A row stands where its line is in the file: a text may hold line ends, and empty lines are passed over before a record begins.
        let line = record.position().map_or(0, |at| {
            let rest = usize::try_from(at.byte()).ok().and_then(|from| text.as_bytes().get(from..)).unwrap_or_default();
            let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
            usize::try_from(at.line()).unwrap_or(usize::MAX).saturating_add(ends)
        });
        let row = line.saturating_sub(1).max(rows.len());
        if row >= ROWS_MAX || record.len() > COLUMNS_MAX || cells > CELLS_MAX {
            return Err(too_large(place, "rows", ROWS_MAX));
        }
        rows.resize(row, Vec::new());
        rows.push(record.iter().map(str::to_owned).collect());
    }
    Ok(Grid { name, rows })
}

fn workbook(place: &str, bytes: Vec<u8>) -> Result<Vec<Sheet>, Finding> {
    let refused =
        |reason: String| Finding::error("sheet-refused").at(place).with("reason", "sheet-broken").with("detail", reason);
    unpacked(place, &bytes)?;
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| refused(error.to_string()))?;
    let mut sheets = Vec::new();
    let mut cells = 0;
    for name in book.sheet_names() {
        // A sheet that is a chart has no cells.
        let Ok(mut reader) = book.worksheet_cells_reader(&name) else { continue };
        let (mut rows, mut formulas): (BTreeMap<usize, BTreeMap<usize, String>>, _) = (BTreeMap::new(), BTreeMap::new());
        while let Some(cell) = reader.next_cell_with_formula().map_err(|error| refused(error.to_string()))? {
            let (row, column) = (cell.pos.0 as usize, cell.pos.1 as usize);
            let text = shown(&cell.value);
            if text.is_empty() && cell.formula.is_none() {
                continue;
            }
            cells += 1;
            if row >= ROWS_MAX || column >= COLUMNS_MAX || cells > CELLS_MAX {
                return Err(too_large(&format!("{place}, {name}"), "cells", CELLS_MAX));
            }
            if let Some(formula) = cell.formula {
                formulas.insert((row, column), formula);
            }
            rows.entry(row).or_default().insert(column, text);
        }
        let mut grid = Grid { name, rows: Vec::new() };
        for (row, cells) in rows {
            grid.rows.resize(row, Vec::new());
            let mut texts = vec![String::new(); cells.last_key_value().map_or(0, |(column, _)| column + 1)];
            for (column, text) in cells {
                texts[column] = text;
            }
            grid.rows.push(texts);
        }
        sheets.push(Sheet { grid, formulas });
    }
    Ok(sheets)
}

/// Counts what a packed file holds, whatever it says of itself.
fn unpacked(place: &str, bytes: &[u8]) -> Result<(), Finding> {
    let refused =
        |reason: String| Finding::error("sheet-refused").at(place).with("reason", "sheet-broken").with("detail", reason);
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| refused(error.to_string()))?;
    let mut left = UNPACKED_MAX;
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(|error| refused(error.to_string()))?;
        let size = copy(&mut file.take(left + 1), &mut sink()).map_err(|error| refused(error.to_string()))?;
        left = left.checked_sub(size).ok_or_else(|| too_large(place, "bytes", UNPACKED_MAX))?;
    }
    Ok(())
}

/// A cell as a spreadsheet shows it, numbers without their format.
fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => decimal(*number),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(truth) => if *truth { "TRUE" } else { "FALSE" }.to_owned(),
        DataRef::DateTime(date) => {
            let (year, month, day, ..) = date.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        DataRef::DateTimeIso(text) => text.chars().take(10).collect(),
        DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

/// Fifteen digits, which is what a spreadsheet keeps: what its own arithmetic leaves behind them is noise.
fn decimal(number: impl LowerExp) -> String {
    let text = format!("{number:.14e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let Ok(exponent) = exponent.parse::<i32>() else { return text };
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let digits = digits.replace('.', "");
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return "0".to_owned();
    }
    let point = exponent + 1;
    let length = i32::try_from(digits.len()).unwrap_or(0);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    if point <= 0 {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else if point >= length {
        format!("{sign}{digits}{}", zeros(point - length))
    } else {
        let (whole, part) = digits.split_at(usize::try_from(point).unwrap_or(0));
        format!("{sign}{whole}.{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_a_spreadsheet_shows_them() {
        for (number, expected) in [
            (0.1 + 0.2, "0.3"),
            (1_788_144.76, "1788144.76"),
            (-12.5, "-12.5"),
            (0.0, "0"),
            (1e15, "1000000000000000"),
            (0.000_001, "0.000001"),
            (1234.0, "1234"),
        ] {
            assert_eq!(decimal(number), expected);
        }
    }

    #[test]
    fn texts_of_the_portal_and_of_spreadsheets_are_decoded() {
        let read = |bytes: &[u8]| text("x", bytes).map_err(|finding| finding.code.to_string());
        assert_eq!(read("指标".as_bytes()).unwrap(), "指标");
        assert_eq!(read(b"\xef\xbb\xbfa").unwrap(), "a");
        assert_eq!(read(&[0xd6, 0xb8, 0xb1, 0xea]).unwrap(), "指标");
        // 㐀 is in GB18030 and not in GBK.
        assert_eq!(read(&[0x81, 0x39, 0xee, 0x39]).unwrap(), "㐀");
        assert_eq!(read(&[0xff, 0xfe, 0x07, 0x63]).unwrap(), "指");
        assert_eq!(read(&[0xff, 0xff, 0xff]).unwrap_err(), "sheet-encoding");
    }

    #[test]
    fn rows_stand_where_their_lines_are() {
        for (text, expected) in [
            ("a\n\nb\n", vec![0, 2]),
            ("\r\na\r\n\r\n\r\nb", vec![1, 4]),
            ("\"a\nx\"\nb\n", vec![0, 2]),
            ("a\r\nb\r\n\"c\r\n\r\n\"\r\nd\r\n", vec![0, 1, 2, 5]),
        ] {
            let grid = delimited("x", String::new(), text).unwrap();
            let filled = |(at, row): (usize, &Vec<String>)| (!row.is_empty()).then_some(at);
            assert_eq!(grid.rows.iter().enumerate().filter_map(filled).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    #[test]
    fn too_much_is_refused_before_it_is_taken_apart() {
        let refused = |path: &Path| match read(path).err().unwrap() {
            SheetError::Refused(finding) => finding.code.to_string(),
            SheetError::Io { source, .. } => panic!("{source}"),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        fs::write(&path, "1\n".repeat(ROWS_MAX + 1)).unwrap();
        assert_eq!(refused(&path), "sheet-too-large");
        fs::write(&path, vec![b'1'; BYTES_MAX as usize + 1]).unwrap();
        assert_eq!(refused(&path), "sheet-too-large");
        fs::write(&path, b"PK\x03\x04 no archive").unwrap();
        assert_eq!(refused(&path), "sheet-refused");
        fs::write(&path, [0xd0, 0xcf, 0x11, 0xe0]).unwrap();
        assert_eq!(refused(&path), "sheet-refused");
        // One cell in the last row of the last column is one cell, and not seventeen thousand million.
        let mut book = rust_xlsxwriter::Workbook::new();
        book.add_worksheet().write_number(1_048_575, 16_383, 1).unwrap();
        book.save(&path).unwrap();
        assert_eq!(refused(&path), "sheet-too-large");
    }
}
