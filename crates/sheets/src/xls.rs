/*!
Workbooks of the format before 2007 (.xls): a file of sectors (MS-CFB) with a stream of records (MS-XLS).

The parser that reads them lays every sheet out as a full rectangle, believes the sizes that a file says, and follows chains of sectors
wherever they go. So the file is looked through first: chains that end, cells that fit, texts that fit once each cell has its own. What is
left of its trust in files is caught.
*/

use std::{collections::BTreeMap, io::Cursor, thread};

use calamine::{Data, DataRef, Reader, Xls};
use model::Finding;
use survey::exam::Grid;

use super::{CELLS_MAX, COLUMNS_MAX, ROWS_MAX, Sheet, UNPACKED_MAX, shown, too_large};

/// Cells of the rectangles of all sheets: empty ones cost as much as others.
const AREA_MAX: u64 = 4_000_000;
/// What no chain of sectors goes on from.
const CHAIN_ENDS: u32 = 0xffff_fffa;

/// Why a file is not read.
#[derive(Debug, PartialEq, Eq)]
enum Unfit {
    /// It is damaged.
    Damaged(&'static str),
    /// It is a file of sectors with something else in it: a workbook behind a password is one too.
    Other,
    /// More than is read.
    Large(&'static str, u64),
}

/// Reads all sheets.
pub(super) fn read(place: &str, bytes: Vec<u8>) -> Result<Vec<Sheet>, Finding> {
    let refused =
        |reason: String| Finding::error("sheet-refused").at(place).with("reason", "sheet-broken").with("detail", reason);
    match fits(&bytes) {
        Ok(()) => {}
        Err(Unfit::Damaged(reason)) => return Err(refused(reason.to_owned())),
        Err(Unfit::Other) => return Err(Finding::error("sheet-format").at(place)),
        Err(Unfit::Large(what, limit)) => return Err(too_large(place, what, limit)),
    }
    // The parser indexes by what a record says of itself: where that is wrong, it ends, and nothing else does.
    let taken = thread::spawn(move || take(bytes)).join();
    let (sheets, cells) = taken.map_err(|_| refused("damaged".to_owned()))?.map_err(refused)?;
    if cells > CELLS_MAX {
        return Err(too_large(place, "cells", CELLS_MAX));
    }
    Ok(sheets)
}

fn take(bytes: Vec<u8>) -> Result<(Vec<Sheet>, usize), String> {
    let mut book = Xls::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let (mut sheets, mut cells) = (Vec::new(), 0);
    for name in book.sheet_names() {
        let range = book.worksheet_range(&name).map_err(|error| error.to_string())?;
        let said = book.worksheet_formula(&name).map_err(|error| error.to_string())?;
        let at = |start: Option<(u32, u32)>, row: usize, column: usize| {
            let (down, right) = start.unwrap_or_default();
            (down as usize + row, right as usize + column)
        };
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (row, column, value) in range.used_cells() {
            let text = text(value);
            if text.is_empty() {
                continue;
            }
            cells += 1;
            let (row, column) = at(range.start(), row, column);
            if rows.len() <= row {
                rows.resize(row + 1, Vec::new());
            }
            if rows[row].len() <= column {
                rows[row].resize(column + 1, String::new());
            }
            rows[row][column] = text;
        }
        let formulas: BTreeMap<(usize, usize), String> = said
            .used_cells()
            .filter(|(.., formula)| !formula.is_empty())
            .map(|(row, column, formula)| (at(said.start(), row, column), formula.clone()))
            .collect();
        sheets.push(Sheet { grid: Grid { name, rows }, formulas });
    }
    Ok((sheets, cells))
}

fn text(value: &Data) -> String {
    shown(&match value {
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::String(text) => DataRef::SharedString(text),
        Data::Bool(truth) => DataRef::Bool(*truth),
        Data::DateTime(date) => DataRef::DateTime(*date),
        Data::DateTimeIso(text) | Data::DurationIso(text) => DataRef::SharedString(text),
        Data::Error(error) => DataRef::Error(error.clone()),
        Data::Empty => DataRef::Empty,
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Whether a file can be given to the parser.
fn fits(bytes: &[u8]) -> Result<(), Unfit> {
    let found = stream(bytes).ok_or(Unfit::Damaged("OLE"))?;
    records(&found.ok_or(Unfit::Other)?)
}

/// The file of sectors, as far as it must be understood.
struct Sectors<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl Sectors<'_> {
    fn get(&self, id: u32) -> Option<&[u8]> {
        let from = (id as usize).checked_add(1)?.checked_mul(self.size)?;
        // The last one may be cut short.
        let to = from.checked_add(self.size)?.min(self.bytes.len());
        self.bytes.get(from..to).filter(|sector| !sector.is_empty())
    }

    fn chain(&self, first: u32, table: &[u32]) -> Option<Vec<u8>> {
        let mut whole = Vec::new();
        for id in chain(first, table)? {
            whole.extend_from_slice(self.get(id)?);
        }
        Some(whole)
    }
}

/// The sectors of a chain. One that comes back to itself, or leads out of the table, is none.
fn chain(first: u32, table: &[u32]) -> Option<Vec<u32>> {
    let (mut ids, mut next) = (Vec::new(), first);
    while next < CHAIN_ENDS {
        if ids.len() >= table.len() {
            return None;
        }
        ids.push(next);
        next = *table.get(next as usize)?;
    }
    Some(ids)
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).filter_map(|word| u32_at(word, 0)).collect()
}

/// The stream of the workbook. Every chain of the file is followed, as the parser may follow any.
fn stream(bytes: &[u8]) -> Option<Option<Vec<u8>>> {
    let size = match u16_at(bytes, 30)? {
        9 => 512,
        12 => 4096,
        _ => return None,
    };
    if u16_at(bytes, 32)? != 6 {
        return None;
    }
    let sectors = Sectors { bytes, size };
    let mut tables = words(bytes.get(76..512)?);
    let (mut next, mut more) = (u32_at(bytes, 68)?, 0);
    while next < CHAIN_ENDS {
        let sector = words(sectors.get(next)?);
        let (last, ids) = sector.split_last()?;
        tables.extend_from_slice(ids);
        next = *last;
        more += 1;
        if more > bytes.len() / size {
            return None;
        }
    }
    let mut table = Vec::new();
    for id in tables.into_iter().filter(|id| *id < CHAIN_ENDS) {
        table.extend(words(sectors.get(id)?));
        if table.len() > bytes.len() / 2 {
            return None;
        }
    }
    let folder = sectors.chain(u32_at(bytes, 48)?, &table)?;
    let root = folder.get(..128)?;
    let small = words(&match u32_at(bytes, 64)? {
        0 => Vec::new(),
        _ => sectors.chain(u32_at(bytes, 60)?, &table)?,
    });
    let smalls = if small.is_empty() { Vec::new() } else { sectors.chain(u32_at(root, 116)?, &table)? };
    let mut found = None;
    for entry in folder.chunks_exact(128) {
        let (kind, first, length) = (entry[66], u32_at(entry, 116)?, u32_at(entry, 120)? as usize);
        if kind != 2 || length == 0 {
            continue;
        }
        let mut whole = if length < 4096 {
            let part = |id: u32| smalls.get(id as usize * 64..(id as usize + 1) * 64);
            chain(first, &small)?.into_iter().map(part).collect::<Option<Vec<_>>>()?.concat()
        } else {
            sectors.chain(first, &table)?
        };
        if whole.len() < length {
            return None;
        }
        whole.truncate(length);
        let letters = usize::from(u16_at(entry, 64)?).checked_sub(2)?.min(64);
        let name: Vec<u16> = entry[..letters].chunks_exact(2).filter_map(|pair| u16_at(pair, 0)).collect();
        let name = String::from_utf16_lossy(&name).to_lowercase();
        // The parser takes Workbook before Book.
        if name == "workbook" || name == "book" && found.is_none() {
            found = Some(whole);
        }
    }
    Some(found)
}

/// Rows and columns that records of one sheet reach.
#[derive(Default)]
struct Area(Option<[u64; 4]>);

impl Area {
    fn reach(&mut self, row: u64, first: u64, last: u64) {
        let [top, left, bottom, right] = self.0.unwrap_or([row, first, row, last]);
        self.0 = Some([top.min(row), left.min(first), bottom.max(row), right.max(last)]);
    }

    fn size(&self) -> u64 {
        self.0.map_or(0, |[top, left, bottom, right]| (bottom - top + 1) * (right - left + 1))
    }
}

/// Looks through the records: how far cells reach, and how much their texts are once each cell has its own.
fn records(stream: &[u8]) -> Result<(), Unfit> {
    let cut = || Unfit::Damaged("BIFF");
    let (mut at, mut area, mut total) = (0, Area::default(), 0_u64);
    let (mut shared, mut lengths, mut texts): (Option<Vec<&[u8]>>, Vec<u64>, u64) = (None, Vec::new(), 0);
    while at + 4 <= stream.len() {
        let (id, length) = (u16_at(stream, at).ok_or_else(cut)?, u16_at(stream, at + 2).ok_or_else(cut)?);
        let data = stream.get(at + 4..at + 4 + usize::from(length)).ok_or_else(cut)?;
        at += 4 + data.len();
        let small = |from: usize| u16_at(data, from).map(u64::from).ok_or_else(cut);
        match (id, &mut shared) {
            // CONTINUE of the shared texts.
            (0x003c, Some(parts)) => {
                parts.push(data);
                continue;
            }
            (_, open @ Some(_)) => {
                lengths = open.take().and_then(|parts| shared_lengths(&parts)).ok_or_else(cut)?;
            }
            _ => {}
        }
        match id {
            // BOF: another sheet.
            0x0809 => {
                total += std::mem::take(&mut area).size();
            }
            0x00fc => shared = Some(vec![data]),
            // DIMENSIONS
            0x0200 => {
                let wide = |from: usize| u32_at(data, from).map(u64::from).ok_or_else(cut);
                let ([top, bottom], [left, right]) = if data.len() >= 14 {
                    ([wide(0)?, wide(4)?], [small(8)?, small(10)?])
                } else {
                    ([small(0)?, small(2)?], [small(4)?, small(6)?])
                };
                // Said of the first row and column, and of those after the last: an empty sheet says 0 and 0.
                if bottom < top || right < left {
                    return Err(cut());
                }
                // The parser may count columns from the first one, whatever is said.
                if (bottom - top + 1) * (right + 1) > AREA_MAX {
                    return Err(Unfit::Large("cells", AREA_MAX));
                }
            }
            // NUMBER, LABEL, RSTRING, BOOLERR, RK, LABELSST, FORMULA
            0x0203 | 0x0204 | 0x00d6 | 0x0205 | 0x027e | 0x00fd | 0x0006 => {
                area.reach(small(0)?, small(2)?, small(2)?);
                if id == 0x00fd {
                    let which = u32_at(data, 6).ok_or_else(cut)? as usize;
                    texts += lengths.get(which).ok_or_else(cut)?;
                }
            }
            // MULRK
            0x00bd => {
                let last = data.len().checked_sub(2).ok_or_else(cut)?;
                let (first, last) = (small(2)?, small(last)?);
                if last < first {
                    return Err(cut());
                }
                area.reach(small(0)?, first, last);
            }
            _ => {}
        }
        if let Some([_, _, bottom, right]) = area.0
            && (bottom as usize >= ROWS_MAX || right as usize >= COLUMNS_MAX)
        {
            return Err(Unfit::Large("columns", COLUMNS_MAX as u64));
        }
        if total + area.size() > AREA_MAX {
            return Err(Unfit::Large("cells", AREA_MAX));
        }
        if texts > UNPACKED_MAX {
            return Err(Unfit::Large("bytes", UNPACKED_MAX));
        }
    }
    Ok(())
}

/// Characters of each shared text, from its record and those that continue it. A text that is cut goes on after a byte that says how.
fn shared_lengths(parts: &[&[u8]]) -> Option<Vec<u64>> {
    let count = u32_at(parts.first()?, 4)?;
    let (mut part, mut at, mut lengths) = (0, 8, Vec::new());
    for _ in 0..count {
        // A text does not begin at the very end of a part.
        while at >= parts.get(part)?.len() {
            part += 1;
            at = 0;
        }
        let data = parts[part];
        let (letters, mut flags) = (u16_at(data, at)?, *data.get(at + 2)?);
        at += 3;
        let (mut after, mut left) = (0_usize, usize::from(letters));
        if flags & 8 != 0 {
            after += usize::from(u16_at(data, at)?) * 4;
            at += 2;
        }
        if flags & 4 != 0 {
            after += u32_at(data, at)? as usize;
            at += 4;
        }
        while left > 0 {
            let data = *parts.get(part)?;
            let width = if flags & 1 == 0 { 1 } else { 2 };
            let here = left.min(data.len().saturating_sub(at) / width);
            at += here * width;
            left -= here;
            if left > 0 {
                part += 1;
                flags = *parts.get(part)?.first()?;
                at = 1;
            }
        }
        while after > 0 {
            let here = after.min(parts.get(part)?.len().saturating_sub(at));
            at += here;
            after -= here;
            if after > 0 {
                part += 1;
                at = 0;
                parts.get(part)?;
            }
        }
        lengths.push(u64::from(letters) * 3);
    }
    Some(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = include_bytes!("../../../tests/data/sheets/report.xls");

    fn refused(bytes: Vec<u8>) -> String {
        read("x.xls", bytes).err().map_or_else(String::new, |finding| finding.code.to_string())
    }

    #[test]
    fn what_another_program_wrote_is_read() {
        let sheets = read("report.xls", FILE.to_vec()).ok().unwrap();
        let names: Vec<&str> = sheets.iter().map(|sheet| sheet.grid.name.as_str()).collect();
        assert_eq!(names, ["说明", "财务状况"]);
        let rows: Vec<String> = sheets[1].grid.rows.iter().map(|row| row.join("|")).collect();
        // As `make.py` beside the file wrote them.
        let expected = include_str!("../../../tests/data/sheets/report.txt");
        assert_eq!(rows, expected.lines().collect::<Vec<_>>());
        assert_eq!(sheets[1].formulas.values().collect::<Vec<_>>(), ["D6-D7"]);
    }

    #[test]
    fn no_damage_to_a_file_does_harm() {
        let words = |at: usize, value: u32| {
            let mut bytes = FILE.to_vec();
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            bytes
        };
        let fat = (u32_at(FILE, 76).unwrap() as usize + 1) * 512;
        let folder = u32_at(FILE, 48).unwrap() as usize;
        // A chain that comes back to itself has no end.
        assert_eq!(refused(words(fat + folder * 4, u32::try_from(folder).unwrap())), "sheet-refused");
        assert_eq!(refused(words(48, 7_000_000)), "sheet-refused");
        assert_eq!(refused(FILE[..600].to_vec()), "sheet-refused");
        // A workbook behind a password is a file of sectors without that stream.
        let name: Vec<u8> = "Workbook".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut locked = FILE.to_vec();
        let found = locked.windows(name.len()).position(|part| part == name).unwrap();
        locked[found] = b'X';
        assert_eq!(refused(locked), "sheet-format");
        // Sizes are believed by the parser, and so looked at before.
        let at = FILE.windows(4).position(|head| head == [0x00, 0x02, 0x0e, 0x00]).unwrap();
        assert_eq!(refused(words(at + 8, 65_536)), "", "one row of cells is no more than it was");
        assert_eq!(refused(words(at + 8, u32::MAX)), "sheet-too-large");
        assert_eq!(refused(words(at + 4, 70_000)), "sheet-refused");
        let cell = FILE.windows(4).position(|head| head == [0x7e, 0x02, 0x0a, 0x00]).unwrap();
        assert_eq!(refused(words(cell + 4, 0xffff_ffff)), "sheet-too-large");
        // Bytes of every kind anywhere: read or refused, and never more.
        let mut seed = 7_u64;
        for _ in 0..1500 {
            let mut bytes = FILE.to_vec();
            for _ in 0..4 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = usize::try_from(seed >> 33).unwrap() % bytes.len();
                bytes[at] = (seed >> 20) as u8;
            }
            let code = refused(bytes);
            assert!(["", "sheet-refused", "sheet-too-large", "sheet-format"].contains(&code.as_str()), "{code}");
        }
    }

    #[test]
    fn lengths_of_shared_texts_are_found_across_records() {
        // Two texts: 5 letters of one byte, the last two of two bytes in the next record; then one with a run of formats.
        let first = [&[2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0][..], b"abc"].concat();
        let second = [&[1, b'd', 0, b'e', 0, 2, 0, 8, 1, 0][..], b"xy", &[0, 0, 0, 0]].concat();
        assert_eq!(shared_lengths(&[&first, &second]), Some(vec![15, 6]));
        assert_eq!(shared_lengths(&[&first]), None);
    }
}
