/*! The register's sheet (名录库): CSV in UTF-8 or GB18030 (GBK), or XLSX. Bounded in bytes, rows and columns. */

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Cursor, Read, copy, sink},
    path::Path,
};

use calamine::{DataRef, Reader, Xlsx};
use encoding_rs::GB18030;
use model::{CreditCode, Finding};

use crate::{
    failure::{Failure, io},
    store::Unit,
};

/// Bytes of the largest file, and of a workbook once unpacked.
const BYTES_MAX: u64 = 64 << 20;
const UNPACKED_MAX: u64 = 512 << 20;
/// Rows and columns.
const ROWS_MAX: usize = 500_000;
const COLUMNS_MAX: usize = 200;

/// What heads a column, as registers and the portal call it.
const HEADS: &[(&str, &[&str])] = &[
    ("code", &["code", "统一社会信用代码", "信用代码", "社会信用代码"]),
    ("name", &["name", "单位详细名称", "单位名称", "名称"]),
    ("region", &["region", "行政区划代码", "区划代码", "行政区划"]),
    ("industry", &["industry", "行业代码", "行业"]),
    ("official", &["official", "直接报送表号", "直报表号"]),
];

fn refused(place: &str, reason: impl std::fmt::Display) -> Failure {
    Failure::config(Finding::error("sheet-refused").at(place).with("reason", reason))
}

fn too_large(place: &str, what: &str, limit: impl std::fmt::Display) -> Failure {
    Failure::config(Finding::error("sheet-too-large").at(place).with("what", what).with("limit", limit))
}

fn bounded(place: &str, rows: &[Vec<String>], row: &[String]) -> Result<(), Failure> {
    if rows.len() >= ROWS_MAX || row.len() > COLUMNS_MAX {
        return Err(too_large(place, "rows", ROWS_MAX));
    }
    Ok(())
}

fn delimited(place: &str, bytes: &[u8]) -> Result<Vec<Vec<String>>, Failure> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => GB18030
            .decode_without_bom_handling_and_without_replacement(bytes)
            .ok_or_else(|| Failure::config(Finding::error("sheet-encoding").at(place)))?,
    };
    let head = text.lines().next().unwrap_or_default();
    let delimiter = if head.contains('\t') { b'\t' } else { b',' };
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let row: Vec<String> = record.map_err(|error| refused(place, error))?.iter().map(str::to_owned).collect();
        bounded(place, &rows, &row)?;
        rows.push(row);
    }
    Ok(rows)
}

fn workbook(place: &str, bytes: Vec<u8>) -> Result<Vec<Vec<String>>, Failure> {
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).map_err(|error| refused(place, error))?;
    let mut left = UNPACKED_MAX;
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(|error| refused(place, error))?;
        // What it says of its size is not believed.
        let size = copy(&mut file.take(left + 1), &mut sink()).map_err(|error| refused(place, error))?;
        left = left.checked_sub(size).ok_or_else(|| too_large(place, "bytes", UNPACKED_MAX))?;
    }
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| refused(place, error))?;
    let Some(name) = book.sheet_names().into_iter().next() else { return Ok(Vec::new()) };
    let mut cells = book.worksheet_cells_reader(&name).map_err(|error| refused(place, error))?;
    let mut rows: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    while let Some(cell) = cells.next_cell().map_err(|error| refused(place, error))? {
        let (row, column) = cell.get_position();
        let text = match cell.get_value() {
            DataRef::String(text) => text.clone(),
            DataRef::SharedString(text) => (*text).to_owned(),
            DataRef::Int(number) => number.to_string(),
            // Codes that a spreadsheet took for numbers; digits it lost are found by the check character.
            DataRef::Float(number) => number.to_string(),
            _ => continue,
        };
        let column = column as usize;
        if rows.len() >= ROWS_MAX || column >= COLUMNS_MAX {
            return Err(too_large(place, "rows", ROWS_MAX));
        }
        let row = rows.entry(row).or_default();
        if row.len() <= column {
            row.resize(column + 1, String::new());
        }
        row[column] = text;
    }
    Ok(rows.into_values().collect())
}

/// The rows of a file's first sheet.
fn rows(path: &Path) -> Result<Vec<Vec<String>>, Failure> {
    let place = path.display().to_string();
    let failed = |error: std::io::Error| Failure::config(io(path, &error));
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(too_large(&place, "bytes", BYTES_MAX));
    }
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(Failure::config(Finding::error("sheet-format").at(place)));
    }
    if bytes.starts_with(b"PK") { workbook(&place, bytes) } else { delimited(&place, &bytes) }
}

/// The units of a sheet. Whatever is wrong with any row is told at once, and then nothing is taken.
pub fn units(path: &Path) -> Result<Vec<Unit>, Failure> {
    let place = path.display().to_string();
    let rows = rows(path)?;
    let is_head = |text: &str, names: &[&str]| names.iter().any(|name| text.trim().eq_ignore_ascii_case(name));
    let column = |row: &[String], names: &[&str]| row.iter().position(|text| is_head(text, names));
    // Titles may stand above the heads.
    let head = rows.iter().position(|row| column(row, HEADS[0].1).is_some() && column(row, HEADS[1].1).is_some());
    let Some(head) = head else {
        let wanted = HEADS.iter().map(|(_, names)| names[1]).collect::<Vec<_>>().join("、");
        return Err(Failure::config(Finding::error("register-heads-missing").at(place).with("wanted", wanted)));
    };
    let at: BTreeMap<&str, Option<usize>> = HEADS.iter().map(|(key, names)| (*key, column(&rows[head], names))).collect();
    let (mut units, mut findings, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (number, row) in rows.iter().enumerate().skip(head + 1) {
        let text = |key: &str| at[key].and_then(|column| row.get(column)).map_or("", |text| text.trim()).to_owned();
        if row.iter().all(|text| text.trim().is_empty()) {
            continue;
        }
        let place = format!("{place}:{}", number + 1);
        let code = text("code").to_uppercase();
        if let Err(reason) = code.parse::<CreditCode>() {
            findings.push(Finding::error("register-code-unfit").at(&place).with("code", &code).with("reason", reason));
            continue;
        }
        if !seen.insert(code.clone()) {
            findings.push(Finding::error("register-unit-doubled").at(&place).with("code", &code));
        }
        if text("name").is_empty() {
            findings.push(Finding::error("register-unit-nameless").at(&place).with("code", &code));
        }
        let official = text("official");
        let forms = official.split([' ', ',', ';', '、', '，', '；']).filter(|form| !form.is_empty());
        let channels = forms.map(|form| (form.to_owned(), "official".to_owned())).collect();
        units.push(Unit { code, name: text("name"), region: text("region"), industry: text("industry"), channels });
    }
    if findings.is_empty() { Ok(units) } else { Err(Failure::findings(findings)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "2026年名录\n统一社会信用代码,单位详细名称,行政区划代码,行业代码,直报表号\n\
                        91350100M000100Y43,示例机械有限公司,350100,3411,B203 B204-1\n,,,,\n";

    fn read(bytes: &[u8]) -> Result<Vec<Unit>, Vec<String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        units(file.path()).map_err(|failure| failure.findings.iter().map(|finding| finding.code.to_string()).collect())
    }

    #[test]
    fn registers_are_read_in_the_encodings_of_the_portal() {
        let units = read(TEXT.as_bytes()).unwrap();
        assert_eq!((units.len(), units[0].name.as_str(), units[0].channel("B204-1")), (1, "示例机械有限公司", "official"));
        assert_eq!(units[0].channel("E203"), "companion");
        let (gbk, _, _) = encoding_rs::GBK.encode(TEXT);
        assert_eq!(read(&gbk).unwrap(), units);
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        for (row, line) in TEXT.lines().enumerate() {
            for (column, cell) in line.split(',').enumerate() {
                sheet.write_string(row as u32, column as u16, cell).unwrap();
            }
        }
        assert_eq!(read(&book.save_to_buffer().unwrap()).unwrap(), units);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let text = "code,name\n91350100M000100Y44,甲\n91350100M000100Y43,\n91350100M000100Y43,乙\n";
        let codes = read(text.as_bytes()).unwrap_err();
        assert_eq!(codes, ["register-code-unfit", "register-unit-nameless", "register-unit-doubled"]);
        assert_eq!(read("a,b\n".as_bytes()).unwrap_err(), ["register-heads-missing"]);
        assert_eq!(read(&[0xd0, 0xcf, 0x11, 0xe0]).unwrap_err(), ["sheet-format"]);
    }
}
