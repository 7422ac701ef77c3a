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

/// A unit as a sheet has it: what the sheet has no column for is nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    code: String,
    name: String,
    region: Option<String>,
    industry: Option<String>,
    channels: Option<BTreeMap<String, String>>,
}

impl Row {
    /// The code of its unit.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The unit that it makes of what was known: only columns that are there change anything.
    pub fn over(&self, known: Option<Unit>) -> Unit {
        let known = known.unwrap_or_default();
        Unit {
            code: self.code.clone(),
            name: self.name.clone(),
            region: self.region.clone().unwrap_or(known.region),
            industry: self.industry.clone().unwrap_or(known.industry),
            channels: self.channels.clone().unwrap_or(known.channels),
        }
    }
}

/// A form's code as forms have it: capitals, and none of the wide letters of a Chinese keyboard.
fn plain(text: &str) -> String {
    let one = |letter: char| match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        _ => letter,
    };
    text.trim().chars().map(one).collect::<String>().to_uppercase()
}

/// The rows of a sheet. `forms` are those that are known. Whatever is wrong with any row is told at once, and then nothing is taken.
pub fn units(path: &Path, forms: &BTreeSet<String>) -> Result<Vec<Row>, Failure> {
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
            findings.push(reason.finding(&code).at(&place));
            continue;
        }
        if !seen.insert(code.clone()) {
            findings.push(Finding::error("register-unit-doubled").at(&place).with("code", &code));
        }
        if text("name").is_empty() {
            findings.push(Finding::error("register-unit-nameless").at(&place).with("code", &code));
        }
        let there = |key: &str| at[key].map(|_| text(key));
        let channels = there("official").map(|official| {
            let named = official.split([' ', '\u{3000}', ',', ';', '、', '，', '；']).map(plain).filter(|form| !form.is_empty());
            let named: BTreeSet<String> = named.collect();
            for form in named.iter().filter(|form| !forms.contains(*form)) {
                let nearest = settings::nearest(form, forms.iter().map(String::as_str)).unwrap_or("—");
                let finding = Finding::error("register-form-unknown").at(&place).with("code", &code).with("form", form);
                findings.push(finding.with("nearest", nearest));
            }
            named.into_iter().map(|form| (form, "official".to_owned())).collect()
        });
        units.push(Row { code, name: text("name"), region: there("region"), industry: there("industry"), channels });
    }
    if findings.is_empty() { Ok(units) } else { Err(Failure::findings(findings)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "2026年名录\n统一社会信用代码,单位详细名称,行政区划代码,行业代码,直报表号\n\
                        91350100M000100Y43,示例机械有限公司,350100,3411,B203 B204-1\n,,,,\n";

    fn read(bytes: &[u8]) -> Result<Vec<Row>, Vec<String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let forms = ["B203", "B204-1", "E203"].map(str::to_owned).into();
        units(file.path(), &forms).map_err(|failure| failure.findings.iter().map(|finding| finding.code.to_string()).collect())
    }

    #[test]
    fn registers_are_read_in_the_encodings_of_the_portal() {
        let units = read(TEXT.as_bytes()).unwrap();
        let unit = units[0].over(None);
        assert_eq!((units.len(), unit.name.as_str(), unit.channel("B204-1")), (1, "示例机械有限公司", "official"));
        assert_eq!(unit.channel("E203"), "companion");
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
    fn a_column_that_is_not_there_changes_nothing() {
        let known = read(TEXT.as_bytes()).unwrap()[0].over(None);
        let bare = read("code,name\n91350100M000100Y43,新名称\n".as_bytes()).unwrap();
        assert_eq!(bare[0].over(Some(known.clone())), Unit { name: "新名称".to_owned(), ..known.clone() });
        // A cell that is there and empty says that it is empty.
        let blank = read("code,name,industry,official\n91350100M000100Y43,新名称,,\n".as_bytes()).unwrap()[0].over(Some(known));
        assert_eq!((blank.region.as_str(), blank.industry.as_str(), blank.channel("B203")), ("350100", "", "companion"));
    }

    #[test]
    fn forms_are_those_that_are_known() {
        let read = |cell: &str| read(format!("code,name,official\n91350100M000100Y43,甲,{cell}\n").as_bytes());
        let unit = read("b203；ｂ２０４－１").unwrap()[0].over(None);
        assert_eq!(unit.channels.into_keys().collect::<Vec<_>>(), ["B203", "B204-1"]);
        assert_eq!(read("B999;b203，X").unwrap_err(), ["register-form-unknown", "register-form-unknown"]);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let text =
            "code,name\n91330106MA2TZ0001L,甲\n9135,甲\n91350100M000100Y44,甲\n91350100M000100Y43,\n91350100M000100Y43,乙\n";
        let codes = read(text.as_bytes()).unwrap_err();
        assert_eq!(
            codes,
            [
                "credit-code-character",
                "credit-code-length",
                "credit-code-unfit",
                "register-unit-nameless",
                "register-unit-doubled"
            ]
        );
        assert_eq!(read("a,b\n".as_bytes()).unwrap_err(), ["register-heads-missing"]);
        assert_eq!(read(&[0xd0, 0xcf, 0x11, 0xe0]).unwrap_err(), ["sheet-refused"]);
    }
}
