/*! The register (名录库), from a sheet in any of the formats that are read. */

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use model::{CreditCode, Finding};
use sheets::SheetError;

use crate::{failure::Failure, store::Unit};

/// What heads a column, as registers and the portal call it.
const HEADS: &[(&str, &[&str])] = &[
    ("code", &["code", "统一社会信用代码", "信用代码", "社会信用代码"]),
    ("name", &["name", "单位详细名称", "单位名称", "名称"]),
    ("region", &["region", "行政区划代码", "区划代码", "行政区划"]),
    ("industry", &["industry", "行业代码", "行业"]),
    ("official", &["official", "直接报送表号", "直报表号"]),
];

impl From<SheetError> for Failure {
    fn from(error: SheetError) -> Failure {
        Failure::config(match error {
            SheetError::Io { path, source } => Finding::io(&path, &source),
            SheetError::Refused(finding) => finding,
        })
    }
}

/// The units of a sheet. Whatever is wrong with any row is told at once, and then nothing is taken.
pub fn units(path: &Path) -> Result<Vec<Unit>, Failure> {
    let place = path.display().to_string();
    let rows = sheets::read(path)?.into_iter().next().map(|sheet| sheet.grid.rows).unwrap_or_default();
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
        assert_eq!(read(&[0xd0, 0xcf, 0x11, 0xe0]).unwrap_err(), ["sheet-refused"]);
    }
}
