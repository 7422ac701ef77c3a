//! Figures of a report and running totals as compact bytes: exact, and the same bytes for the same figures whatever the way they came about.

use std::collections::BTreeMap;

use model::Amount;

/// Figures of a report by the number of their column.
pub type Cells = BTreeMap<u32, Amount>;

/// How many units have a figure, and what it is of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Units.
    pub units: u64,
    /// Sum.
    pub sum: Amount,
}

/// Sums by the number of their column; those of nobody are not there.
pub type Sums = BTreeMap<u32, Sum>;

/// Whole units of the largest figure that is added up. A figure of twenty digits is a mistake of whoever wrote it; the report has it all the same, and no sum can
/// overflow by it.
const LARGEST: i128 = 1_000_000_000_000_000_000;

/// Whether a figure is one that can be added up.
pub fn fits(value: Amount) -> bool {
    Amount::from_whole(LARGEST).is_some_and(|most| value <= most && most.checked_neg().is_some_and(|least| value >= least))
}

fn put(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_amount(bytes: &mut Vec<u8>, value: Amount) {
    let (mut units, mut places) = (value.units(), 9_u8);
    while places > 0 && units % 10 == 0 {
        (units, places) = (units / 10, places - 1);
    }
    bytes.push(places);
    put(bytes, ((units << 1) ^ (units >> 127)) as u128);
}

/// Bytes that are read from their beginning.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u128> {
        let (mut number, mut shift) = (0_u128, 0);
        loop {
            let byte = self.byte()?;
            number |= u128::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
            shift += 7;
        }
    }

    fn amount(&mut self) -> Option<Amount> {
        let places = u32::from(self.byte()?);
        let number = self.number()?;
        let units = (number >> 1) as i128 ^ -((number & 1) as i128);
        units.checked_mul(10_i128.pow(9_u32.checked_sub(places)?)).map(Amount::from_units)
    }

    /// The number of the next column, after one that was read.
    fn slot(&mut self, last: u32) -> Option<u32> {
        last.checked_add(u32::try_from(self.number()?).ok()?)
    }
}

/// Figures as bytes.
pub fn pack(cells: &Cells) -> Vec<u8> {
    let (mut bytes, mut last) = (Vec::with_capacity(cells.len() * 6), 0);
    for (slot, value) in cells {
        put(&mut bytes, u128::from(slot - last));
        put_amount(&mut bytes, *value);
        last = *slot;
    }
    bytes
}

/// Bytes as figures; nothing where they are none.
pub fn unpack(bytes: &[u8]) -> Option<Cells> {
    let (mut reader, mut cells, mut last) = (Reader(bytes), Cells::new(), 0);
    while !reader.0.is_empty() {
        last = reader.slot(last)?;
        cells.insert(last, reader.amount()?);
    }
    Some(cells)
}

/// Sums as bytes.
pub fn pack_sums(sums: &Sums) -> Vec<u8> {
    let (mut bytes, mut last) = (Vec::with_capacity(sums.len() * 8), 0);
    for (slot, sum) in sums {
        put(&mut bytes, u128::from(slot - last));
        put(&mut bytes, u128::from(sum.units));
        put_amount(&mut bytes, sum.sum);
        last = *slot;
    }
    bytes
}

/// Bytes as sums, added to what is there; nothing where they are none.
pub fn add_sums(to: &mut Sums, bytes: &[u8]) -> Option<()> {
    let (mut reader, mut last) = (Reader(bytes), 0);
    while !reader.0.is_empty() {
        last = reader.slot(last)?;
        let units = u64::try_from(reader.number()?).ok()?;
        let sum = reader.amount()?;
        let known = to.entry(last).or_default();
        (known.units, known.sum) = (known.units.checked_add(units)?, known.sum.checked_add(sum)?);
    }
    Some(())
}

/// A report's figures come to a sum, or go from it.
pub fn count(sums: &mut Sums, cells: &Cells, comes: bool) -> Option<()> {
    for (slot, value) in cells {
        let known = sums.entry(*slot).or_default();
        if comes {
            (known.units, known.sum) = (known.units + 1, known.sum.checked_add(*value)?);
        } else {
            (known.units, known.sum) = (known.units.checked_sub(1)?, known.sum.checked_sub(*value)?);
        }
        if known.units == 0 {
            sums.remove(slot);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_back_as_they_were_and_in_few_bytes() {
        let texts = ["0", "-1", "1234567.8", "-0.000000001", "1000000000000000000", "-1000000000000000000", "0.5", "99999"];
        let cells: Cells = texts
            .iter()
            .zip([1_u32, 2, 3, 200, 201, 40_000, 40_001, 4_000_000_000])
            .map(|(t, s)| (s, t.parse().unwrap()))
            .collect();
        assert_eq!(unpack(&pack(&cells)), Some(cells.clone()));
        let usual: Cells = (1..=60).map(|slot| (slot, "1234567".parse().unwrap())).collect();
        assert!(pack(&usual).len() <= 60 * 6);
        let mut sums = Sums::new();
        for cells in [&cells, &usual] {
            count(&mut sums, cells, true).unwrap();
        }
        let mut read = Sums::new();
        add_sums(&mut read, &pack_sums(&sums)).unwrap();
        assert_eq!(read, sums);
        count(&mut sums, &usual, false).unwrap();
        count(&mut sums, &cells, false).unwrap();
        assert!(sums.is_empty());
        for broken in [&[0x80_u8][..], &[1], &[1, 10, 2], &[1, 0, 0xff]] {
            assert_eq!(unpack(broken), None);
        }
        assert!(!fits("1000000000000000001".parse().unwrap()) && fits("-1000000000000000000".parse().unwrap()));
    }
}
