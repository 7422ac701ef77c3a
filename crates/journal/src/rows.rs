/*! Rows of an entry file, found by the few columns that tell which they are, and read whole only where somebody looks at them. */

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use ahash::{AHashMap, AHashSet};
use arrow_array::{
    Array, Decimal128Array, RecordBatch, StringArray,
    cast::AsArray,
    types::{Decimal128Type, Int32Type},
};
use arrow_schema::{DataType, Schema};
use formula::{Measure, Name, Question, Side, What};
use model::Amount;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
        },
    },
    file::metadata::RowGroupMetaData,
};

use crate::{
    DIMENSIONS, Entry, SealError, Sides,
    columns::{ACCOUNT, AMOUNTS, TEXTS, VOUCHER},
    entries,
    figures::{PARTY, Standing, counts, dimension, passes},
    files,
    lines::{added, on},
};

/// Which lines of an entry file add to an answer.
pub(crate) struct Wanted<'a> {
    /// What is asked; its accounts are those of the tallies.
    pub question: &'a Question,
    /// Vouchers that are passed over.
    pub left_out: &'a HashSet<String>,
    /// Parties that count, where not all do.
    pub standing: Option<&'a Standing<'a>>,
}

impl Wanted<'_> {
    /// The columns that tell what a line of a wanted account adds.
    fn columns(&self) -> Vec<&'static str> {
        let [debit, credit, foreign, quantity] = AMOUNTS;
        let question = self.question;
        let mut columns = match (question.what, question.measure, question.side) {
            (What::Turnover, Measure::Money, Some(Side::Credit)) => vec![credit],
            (What::Turnover, Measure::Money, _) => vec![debit],
            (_, Measure::Money, _) => vec![debit, credit],
            (_, Measure::Foreign, _) => vec![debit, credit, foreign],
            (_, Measure::Quantity, _) => vec![debit, credit, quantity],
        };
        if question.what == What::Counter || !self.left_out.is_empty() {
            columns.push(TEXTS[VOUCHER]);
        }
        let filtered = |at: &usize| {
            self.standing.is_some() && *at == PARTY
                || question.filters.iter().any(|filter| filter.name == Name::Any || dimension(filter.name) == Some(*at))
        };
        columns.extend((0..DIMENSIONS.len()).filter(filtered).map(|at| DIMENSIONS[at]));
        columns
    }
}

/// The lines of one account that add to an answer: all of them counted and added, and some remembered.
pub(crate) struct Tally {
    skip: u64,
    most: u64,
    /// How many there are.
    pub count: u64,
    /// Their sum; `None` past the range of an amount.
    pub sum: Option<Amount>,
    /// Row and amount of those that somebody looks at, of the file that was tallied last.
    pub rows: Vec<(u64, Amount)>,
}

impl Tally {
    /// Remembers up to `most` lines after the first `skip`.
    pub(crate) fn new(skip: usize, most: usize) -> Tally {
        Tally { skip: skip as u64, most: most as u64, count: 0, sum: Some(Amount::ZERO), rows: Vec::new() }
    }

    fn add(&mut self, row: u64, amount: Amount) {
        if self.count >= self.skip && self.count - self.skip < self.most {
            self.rows.push((row, amount));
        }
        self.count += 1;
        self.sum = self.sum.and_then(|sum| sum.checked_add(amount));
    }
}

/// A row whose account somebody asked about.
struct Met {
    /// Its place in the row group.
    row: usize,
    /// Its account among the tallies.
    own: Option<usize>,
    /// Whether its account is one of the other side.
    counter: bool,
}

/// A voucher under way, where its other side decides.
#[derive(Default)]
struct Crossing {
    key: Vec<u8>,
    crosses: bool,
    waiting: Vec<(usize, u64, Amount)>,
}

impl Crossing {
    fn end(&mut self, take: &mut impl FnMut(usize, u64, Amount, &[u8])) {
        for (own, row, amount) in self.waiting.drain(..).filter(|_| self.crosses) {
            take(own, row, amount, &self.key);
        }
        self.crosses = false;
    }
}

/// The vouchers of one account that add most to an answer, whichever sign they have.
pub(crate) struct Ranked {
    most: usize,
    /// How many there are.
    pub count: u64,
    /// The voucher under way: key, first row, sum, lines.
    open: Option<(Vec<u8>, u64, Amount, u64)>,
    /// Those with the largest sums: size, file, row of the first line, sum, lines.
    pub largest: Vec<(Amount, usize, u64, Amount, u64)>,
    /// Whether a sum does not fit.
    pub broken: bool,
}

impl Ranked {
    /// Remembers `most` vouchers.
    pub(crate) fn new(most: usize) -> Ranked {
        Ranked { most, count: 0, open: None, largest: Vec::new(), broken: false }
    }

    fn add(&mut self, file: usize, row: u64, amount: Amount, key: &[u8]) {
        match &mut self.open {
            Some((own, _, sum, lines)) if own == key => match sum.checked_add(amount) {
                Some(more) => (*sum, *lines) = (more, *lines + 1),
                None => self.broken = true,
            },
            _ => {
                self.end(file);
                self.open = Some((key.to_vec(), row, amount, 1));
            }
        }
    }

    /// The lines of a voucher follow each other: what comes next is another one.
    fn end(&mut self, file: usize) {
        let Some((_, row, sum, lines)) = self.open.take() else { return };
        self.count += 1;
        let size = if sum < Amount::ZERO { sum.checked_neg().unwrap_or(sum) } else { sum };
        if self.largest.len() >= self.most && self.largest.last().is_some_and(|(least, ..)| *least >= size) {
            return;
        }
        let at = self.largest.partition_point(|(known, ..)| *known >= size);
        self.largest.insert(at, (size, file, row, sum, lines));
        self.largest.truncate(self.most);
    }
}

/// An entry file whose rows are looked for.
pub(crate) struct Rows {
    path: PathBuf,
    file: File,
    plain: ArrowReaderMetadata,
    /// The same with accounts as keys of a dictionary: so they are in the file.
    keyed: ArrowReaderMetadata,
}

impl Rows {
    pub(crate) fn open(path: &Path) -> Result<Rows, SealError> {
        let file = File::open(path).map_err(files::io(path))?;
        let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(files::parquet(path))?;
        let fields = plain.schema().fields().iter().map(|field| {
            let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            if field.name() == TEXTS[ACCOUNT] { Arc::new(field.as_ref().clone().with_data_type(keys)) } else { field.clone() }
        });
        let schema = Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), plain.schema().metadata().clone()));
        let options = ArrowReaderOptions::new().with_schema(schema);
        let keyed = ArrowReaderMetadata::try_new(plain.metadata().clone(), options).map_err(files::parquet(path))?;
        Ok(Rows { path: path.to_owned(), file, plain, keyed })
    }

    fn groups(&self) -> &[RowGroupMetaData] {
        self.plain.metadata().row_groups()
    }

    fn damaged(&self, reason: &str) -> SealError {
        SealError::Damaged { path: self.path.clone(), reason: reason.to_owned() }
    }

    /// Columns of one row group; all where none is named. Of some rows only where they are given, in ascending order.
    fn batches(
        &self,
        group: usize,
        columns: Option<&[&str]>,
        rows: Option<impl Iterator<Item = usize>>,
    ) -> Result<ParquetRecordBatchReader, SealError> {
        let file = self.file.try_clone().map_err(files::io(&self.path))?;
        let metadata = if columns.is_some() { &self.keyed } else { &self.plain };
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone()).with_row_groups(vec![group]);
        if let Some(names) = columns {
            let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
            builder = builder.with_projection(mask);
        }
        let whole = self.groups().get(group).and_then(|group| usize::try_from(group.num_rows()).ok()).unwrap_or(0);
        if let Some(rows) = rows {
            let ranges = rows.map(|row| row..row + 1);
            builder = builder.with_row_selection(RowSelection::from_consecutive_ranges(ranges, whole));
        }
        builder.with_batch_size(BATCH_ROWS).build().map_err(files::parquet(&self.path))
    }

    /// The rows of a row group whose accounts are asked about.
    fn met(&self, group: usize, own: &AHashMap<&str, usize>, counter: &AHashSet<&str>) -> Result<Vec<Met>, SealError> {
        let (mut met, mut row) = (Vec::new(), 0);
        for batch in self.batches(group, Some(&[TEXTS[ACCOUNT]]), None::<std::iter::Empty<usize>>)? {
            let batch = batch.map_err(files::damaged(&self.path))?;
            let accounts = batch.column_by_name(TEXTS[ACCOUNT]).and_then(|array| array.as_dictionary_opt::<Int32Type>());
            let names = accounts.and_then(|accounts| accounts.values().as_string_opt::<i32>());
            let Some((accounts, names)) = accounts.zip(names) else { return Err(self.damaged("a column is missing")) };
            // What each account is is looked up once, not for each row.
            let known: Vec<(Option<usize>, bool)> = names
                .iter()
                .map(|name| name.map_or((None, false), |name| (own.get(name).copied(), counter.contains(name))))
                .collect();
            for key in accounts.keys().values() {
                let known = usize::try_from(*key).ok().and_then(|key| known.get(key));
                if let Some((own, counter)) = known.filter(|(own, counter)| own.is_some() || *counter) {
                    met.push(Met { row, own: *own, counter: *counter });
                }
                row += 1;
            }
        }
        Ok(met)
    }

    /// Counts and adds the lines that add to an answer, account by account.
    pub(crate) fn tally(&self, wanted: &Wanted<'_>, tallies: &mut BTreeMap<String, Tally>) -> Result<(), SealError> {
        let (names, mut tallies): (Vec<&str>, Vec<&mut Tally>) =
            tallies.iter_mut().map(|(name, tally)| (name.as_str(), tally)).unzip();
        self.each(wanted, (&names, false), |own, row, amount, _| tallies[own].add(row, amount))
    }

    /// Adds up the lines of each voucher; `file` tells this file from others of the period.
    pub(crate) fn rank(
        &self,
        wanted: &Wanted<'_>,
        file: usize,
        accounts: &mut BTreeMap<String, Ranked>,
    ) -> Result<(), SealError> {
        let (names, mut all): (Vec<&str>, Vec<&mut Ranked>) =
            accounts.iter_mut().map(|(name, ranked)| (name.as_str(), ranked)).unzip();
        self.each(wanted, (&names, true), |own, row, amount, key| all[own].add(file, row, amount, key))?;
        all.iter_mut().for_each(|ranked| ranked.end(file));
        Ok(())
    }

    /// Gives `take` each line that adds to an answer: its account among `names`, its row, what it adds, and where `keys` are asked for the key
    /// of its voucher.
    fn each(
        &self,
        wanted: &Wanted<'_>,
        (names, keys): (&[&str], bool),
        mut take: impl FnMut(usize, u64, Amount, &[u8]),
    ) -> Result<(), SealError> {
        if names.is_empty() {
            return Ok(());
        }
        let own: AHashMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
        let question = wanted.question;
        let crossing = question.what == What::Counter;
        let counter = question.counter.iter().map(String::as_str).filter(|_| crossing).collect();
        let other_side = question.side != Some(Side::Credit);
        let mut columns = wanted.columns();
        if keys && !columns.contains(&TEXTS[VOUCHER]) {
            columns.push(TEXTS[VOUCHER]);
        }
        let too_large = || self.damaged("an amount is too large");
        let mut voucher = Crossing::default();
        let mut first = 0;
        for (group, facts) in self.groups().iter().enumerate() {
            let met = self.met(group, &own, &counter)?;
            if !met.is_empty() {
                let mut next = met.iter();
                for batch in self.batches(group, Some(&columns), Some(met.iter().map(|met| met.row)))? {
                    let batch = batch.map_err(files::damaged(&self.path))?;
                    let arrays = Arrays::of(&batch, &columns).ok_or_else(|| self.damaged("a column is missing"))?;
                    for at in 0..batch.num_rows() {
                        let met = next.next().ok_or_else(|| self.damaged("its rows are not those of its groups"))?;
                        let key = arrays.voucher.map_or("", |voucher| voucher.value(at));
                        let money = arrays.money(at);
                        if crossing {
                            if voucher.key != key.as_bytes() {
                                voucher.end(&mut take);
                                voucher.key.clear();
                                voucher.key.extend_from_slice(key.as_bytes());
                            }
                            voucher.crosses |= met.counter && !on(money, other_side).is_zero();
                        }
                        let Some(own) = met.own else { continue };
                        let sides = arrays.sides(at, question.measure, money).ok_or_else(too_large)?;
                        let amount = added(question, sides).ok_or_else(too_large)?;
                        if amount.is_zero() || !arrays.passes(at, wanted, names[own]) || wanted.left_out.contains(key) {
                            continue;
                        }
                        let row = first + met.row as u64;
                        if crossing { voucher.waiting.push((own, row, amount)) } else { take(own, row, amount, key.as_bytes()) }
                    }
                }
                if next.next().is_some() {
                    return Err(self.damaged("its rows are not those of its groups"));
                }
            }
            first += u64::try_from(facts.num_rows()).unwrap_or(0);
        }
        voucher.end(&mut take);
        Ok(())
    }

    /// The lines in these rows, which are in ascending order. Row groups without any are not read.
    pub(crate) fn lines(&self, rows: &[u64]) -> Result<Vec<Entry>, SealError> {
        let mut lines = Vec::with_capacity(rows.len());
        let (mut first, mut left) = (0_u64, rows);
        for (group, facts) in self.groups().iter().enumerate() {
            let end = first + u64::try_from(facts.num_rows()).unwrap_or(0);
            let (own, rest) = left.split_at(left.partition_point(|row| *row < end));
            if !own.is_empty() {
                let own = own.iter().filter_map(|row| usize::try_from(row - first).ok());
                for batch in self.batches(group, None, Some(own))? {
                    let batch = batch.map_err(files::damaged(&self.path))?;
                    let _: ControlFlow<()> = entries::each(&self.path, &batch, |entry| {
                        lines.push(entry);
                        ControlFlow::Continue(())
                    })?;
                }
            }
            (first, left) = (end, rest);
        }
        if lines.len() == rows.len() { Ok(lines) } else { Err(self.damaged("its rows are not those of its groups")) }
    }

    /// Whether a row group may have lines of a voucher: by its smallest and largest keys, which an older file does not say.
    fn may_hold(group: &RowGroupMetaData, key: &[u8]) -> bool {
        let column = group.columns().iter().find(|column| column.column_path().string() == TEXTS[VOUCHER]);
        let Some(facts) = column.and_then(|column| column.statistics()) else { return true };
        facts.min_bytes_opt().is_none_or(|least| least <= key) && facts.max_bytes_opt().is_none_or(|most| key <= most)
    }
}

/// The lines of one voucher of an entry file, by the ERP's own key; none where it is not there.
pub fn voucher(path: &Path, key: &str) -> Result<Vec<Entry>, SealError> {
    let file = Rows::open(path)?;
    let (mut rows, mut first) = (Vec::new(), 0);
    for (group, facts) in file.groups().iter().enumerate() {
        let end = first + u64::try_from(facts.num_rows()).unwrap_or(0);
        if Rows::may_hold(facts, key.as_bytes()) {
            let mut row = first;
            for batch in file.batches(group, Some(&[TEXTS[VOUCHER]]), None::<std::iter::Empty<usize>>)? {
                let batch = batch.map_err(files::damaged(path))?;
                let keys = batch.column_by_name(TEXTS[VOUCHER]).and_then(|array| array.as_string_opt::<i32>());
                let keys = keys.ok_or_else(|| file.damaged("a column is missing"))?;
                rows.extend((row..).zip(keys).filter(|(_, own)| *own == Some(key)).map(|(row, _)| row));
                row += batch.num_rows() as u64;
            }
        }
        // The lines of a voucher follow each other.
        if rows.last().is_some_and(|last| last + 1 < end) {
            break;
        }
        first = end;
    }
    file.lines(&rows)
}

/// Lines of a voucher that are read where somebody asks for many vouchers at once.
const VOUCHER_LINES: usize = 200;

/// The first lines of vouchers of an entry file, by the ERP's own keys, in one reading.
pub fn vouchers(path: &Path, keys: &HashSet<String>) -> Result<BTreeMap<String, Vec<Entry>>, SealError> {
    let file = Rows::open(path)?;
    let (mut rows, mut first, mut found): (Vec<u64>, u64, BTreeMap<&str, usize>) = Default::default();
    for (group, facts) in file.groups().iter().enumerate() {
        if keys.iter().any(|key| Rows::may_hold(facts, key.as_bytes())) {
            let mut row = first;
            for batch in file.batches(group, Some(&[TEXTS[VOUCHER]]), None::<std::iter::Empty<usize>>)? {
                let batch = batch.map_err(files::damaged(path))?;
                let own = batch.column_by_name(TEXTS[VOUCHER]).and_then(|array| array.as_string_opt::<i32>());
                let own = own.ok_or_else(|| file.damaged("a column is missing"))?;
                for (row, own) in (row..).zip(own) {
                    let Some(key) = own.and_then(|own| keys.get(own)) else { continue };
                    let lines = found.entry(key.as_str()).or_default();
                    *lines += 1;
                    if *lines <= VOUCHER_LINES {
                        rows.push(row);
                    }
                }
                row += batch.num_rows() as u64;
            }
        }
        first += u64::try_from(facts.num_rows()).unwrap_or(0);
    }
    let mut vouchers: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in file.lines(&rows)? {
        vouchers.entry(entry.voucher().to_owned()).or_default().push(entry);
    }
    Ok(vouchers)
}

/// Rows that are decoded at once: a row group.
const BATCH_ROWS: usize = 32 << 10;

/// The columns of a batch that tell what a line adds; absent where nobody asked for them.
struct Arrays<'b> {
    voucher: Option<&'b StringArray>,
    amounts: [Option<&'b Decimal128Array>; AMOUNTS.len()],
    dimensions: [Option<&'b StringArray>; DIMENSIONS.len()],
}

impl<'b> Arrays<'b> {
    /// `None` where one that was asked for is missing.
    fn of(batch: &'b RecordBatch, columns: &[&str]) -> Option<Arrays<'b>> {
        let text = |name: &str| batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>());
        let arrays = Arrays {
            voucher: text(TEXTS[VOUCHER]),
            amounts: AMOUNTS.map(|name| batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<Decimal128Type>())),
            dimensions: DIMENSIONS.map(text),
        };
        let found = usize::from(arrays.voucher.is_some())
            + arrays.amounts.iter().flatten().count()
            + arrays.dimensions.iter().flatten().count();
        (found == columns.len()).then_some(arrays)
    }

    fn amount(&self, column: usize, row: usize) -> Amount {
        let array = self.amounts[column].filter(|array| array.is_valid(row));
        array.map_or(Amount::ZERO, |array| Amount::from_units(array.value(row)))
    }

    fn money(&self, row: usize) -> Sides {
        Sides { debit: self.amount(0, row), credit: self.amount(1, row) }
    }

    /// The sides of what is measured; `None` past the range of an amount.
    fn sides(&self, row: usize, measure: Measure, money: Sides) -> Option<Sides> {
        match measure {
            Measure::Money => Some(money),
            Measure::Foreign => Sides::of(self.amount(2, row), money.debit, money.credit),
            Measure::Quantity => Sides::of(self.amount(3, row), money.debit, money.credit),
        }
    }

    fn passes(&self, row: usize, wanted: &Wanted<'_>, account: &str) -> bool {
        if wanted.question.filters.is_empty() && wanted.standing.is_none() {
            return true;
        }
        let value = |array: Option<&'b StringArray>| array.filter(|array| array.is_valid(row)).map(|array| array.value(row));
        let dimensions = self.dimensions.map(value);
        wanted.question.filters.iter().all(|filter| passes(filter, &dimensions))
            && counts(wanted.standing, account, dimensions[PARTY])
    }
}
