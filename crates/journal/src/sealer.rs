/*! From entry lines to sealed periods, in one pass and with memory bounded by one voucher, one row group and the cube. */

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use ahash::{AHashMap, AHashSet, RandomState};
use arrow_array::{Array, ArrayRef, Decimal128Array, RecordBatch, StringArray, cast::AsArray, new_null_array};
use arrow_schema::DataType;
use model::{Amount, Finding, Period};
use parquet::arrow::ArrowWriter;

use crate::{
    Digest, SealError,
    columns::{ACCOUNT, AMOUNTS, CLOSING, DECIMAL, NUMBER, TEXTS, VOUCHER, schema},
    cube::{self, Builder, Cell, DIMENSIONS, Sides, Sums},
    files::{self, Digesting},
    merkle,
};

/// What an account is to the closing of profit and loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Neither of the others.
    BalanceSheet,
    /// 损益类: emptied when profit and loss is closed.
    ProfitAndLoss,
    /// 本年利润 or 利润分配: where profit and loss is closed to.
    Profit,
    /// Profit and loss to the ERP, and something else to a person: a closing may empty it with the rest, and it makes none by itself.
    Either,
    /// Equity, or what may be, that the standard has no account for: it is where profit and loss is closed to, if the ERP says that a
    /// voucher closes.
    Equity,
}

/// Findings named one by one; the rest is counted.
const NAMED_FINDINGS: usize = 200;

/// A closing voucher (损益结转凭证), as `balances --without-closing` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosingVoucher {
    /// The ERP's own key.
    pub voucher: String,
    /// The number people see; the key where the ERP gives none.
    pub number: String,
}

/// A period that is ready to be sealed: its files are written under names of their own and not yet part of the journal.
#[derive(Debug)]
pub struct Pending {
    /// Which period.
    pub period: Period,
    /// Merkle root over its vouchers: the identity of the snapshot.
    pub root: Digest,
    /// Digest of the entry file, absent when only balances are kept.
    pub file: Option<Digest>,
    /// Digest of the cube file.
    pub cube_file: Digest,
    /// Entry lines.
    pub rows: u64,
    /// Vouchers.
    pub vouchers: u64,
    /// Control total: debit.
    pub debit: Amount,
    /// Control total: credit.
    pub credit: Amount,
    /// Closing vouchers among them.
    pub closing: Vec<ClosingVoucher>,
    /// Vouchers that may be closings and count as turnover, each with the finding that says why.
    pub unclear: Vec<(ClosingVoucher, &'static str)>,
    /// Its balance cube, added up over all dimensions: the cube itself is in its file.
    pub turnover: Vec<Cell>,
    folder: PathBuf,
    cube: PathBuf,
    entries: Option<PathBuf>,
}

impl Pending {
    /// Its entry file under the name it has until it is kept.
    pub fn entries(&self) -> Option<&Path> {
        self.entries.as_deref()
    }

    /// Gives the files their lasting names, which hold the identity. Writing the row that names them comes after.
    pub fn keep(&self) -> Result<(), SealError> {
        if let Some(entries) = &self.entries {
            let path = entries_path(&self.folder, self.period, self.root);
            fs::rename(entries, &path).map_err(files::io(&path))?;
        }
        let path = cube_path(&self.folder, self.period, self.root);
        fs::rename(&self.cube, &path).map_err(files::io(&path))?;
        // The names themselves must outlive a power failure.
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(files::io(&self.folder))
    }
}

/// Path of the entry file of a sealed period.
pub fn entries_path(folder: &Path, period: Period, root: Digest) -> PathBuf {
    folder.join(format!("{period}-{}.parquet", &root.to_string()[..32]))
}

/// Path of the cube of a sealed period.
pub fn cube_path(folder: &Path, period: Period, root: Digest) -> PathBuf {
    folder.join(format!("{period}-{}.cube.parquet", &root.to_string()[..32]))
}

/// The voucher under way.
#[derive(Default)]
struct Voucher {
    key: String,
    number: String,
    lines: Vec<Vec<u8>>,
    used: usize,
    cells: Vec<(Vec<u8>, Sums)>,
    debit: Amount,
    credit: Amount,
    roles: [bool; 5],
    /// Whether profit and loss is moved towards debit, and towards credit.
    loss_sides: [bool; 2],
    marked: bool,
    overflow: bool,
}

impl Voucher {
    fn begin(&mut self, key: &str, number: &str) {
        self.key.clear();
        self.key.push_str(key);
        self.number.clear();
        self.number.push_str(number);
        self.used = 0;
        (self.debit, self.credit) = (Amount::ZERO, Amount::ZERO);
        (self.roles, self.loss_sides, self.marked, self.overflow) = ([false; 5], [false; 2], false, false);
    }

    /// Closing is told by what a voucher does: it moves profit and loss to profit and touches nothing else. An ERP's own mark counts
    /// only together with that movement, as marks and summaries are also put on ordinary transfers.
    fn closes(&self) -> bool {
        let [other, loss, profit, _, equity] = self.roles;
        loss && (profit && !other && !equity || self.marked && (profit || equity))
    }

    /// Whether it does to some equity what a closing does to profit, moving revenue and expense at once, and nobody said that this equity
    /// is profit. It counts as turnover.
    fn may_close_elsewhere(&self) -> bool {
        let [other, _, profit, _, equity] = self.roles;
        self.loss_sides == [true; 2] && equity && !profit && !other && !self.marked
    }

    /// Whether it may hold a closing among other things. It counts as turnover, and a person should know.
    fn may_close(&self) -> bool {
        let [other, loss, profit, _, equity] = self.roles;
        loss && profit && (other || equity) && !self.marked
    }
}

/// The period under way.
struct Under {
    period: Period,
    /// The period as a text.
    name: String,
    writer: Option<(PathBuf, ArrowWriter<Digesting<File>>)>,
    cube: Builder,
    leaves: Vec<Digest>,
    seen: AHashSet<u64>,
    rows: u64,
    debit: Amount,
    credit: Amount,
    closing: Vec<ClosingVoucher>,
    unclear: Vec<(ClosingVoucher, &'static str)>,
}

/// Seals entry lines that arrive in order of their periods and vouchers.
pub struct Sealer<'a> {
    folder: PathBuf,
    roles: AHashMap<&'a str, Role>,
    from: Option<Period>,
    under: Option<Under>,
    voucher: Voucher,
    done: Vec<Pending>,
    findings: Vec<Finding>,
    more: u64,
    state: RandomState,
}

impl<'a> Sealer<'a> {
    /// Writes into `folder`, which must be there. Periods before `from` keep their balances and no entry lines. `roles` names every
    /// account of the chart.
    pub fn new(folder: &Path, roles: &'a HashMap<String, Role>, from: Option<Period>) -> Sealer<'a> {
        Sealer {
            folder: folder.to_owned(),
            roles: roles.iter().map(|(account, role)| (account.as_str(), *role)).collect(),
            from,
            under: None,
            voucher: Voucher::default(),
            done: Vec::new(),
            findings: Vec::new(),
            more: 0,
            state: RandomState::new(),
        }
    }

    /// Takes a batch of text columns, named as in [`TEXTS`] and [`AMOUNTS`] and with `month` and `adjustment`.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<(), SealError> {
        let texts = TEXTS.map(|name| batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>()));
        let need = |name: &'static str| {
            let column = batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>());
            column.ok_or(SealError::NoColumn { column: name })
        };
        let (months, adjustments) = (need("month")?, need("adjustment")?);
        let (vouchers, accounts) = (need("voucher")?, need("account")?);
        let [debit, credit] = [need("debit")?, need("credit")?];
        let optional = |name: &str| batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>());
        let sources = [Some(debit), Some(credit), optional("foreign_amount"), optional("quantity")];
        let rows = batch.num_rows();
        let mut units: [Vec<Option<i128>>; 4] = [const { Vec::new() }; 4];
        for (at, source) in sources.iter().enumerate() {
            units[at].reserve(rows);
            for row in 0..rows {
                let text = source.filter(|array| array.is_valid(row)).map(|array| array.value(row));
                let value = match text.map(str::parse::<Amount>) {
                    None if at > 1 => None,
                    Some(Ok(amount)) if amount.units().unsigned_abs() < 10_u128.pow(38) => Some(amount.units()),
                    wrong => {
                        let reason = wrong.and_then(Result::err).map_or_else(|| "NULL".to_owned(), |error| error.to_string());
                        let [month, voucher] = [months, vouchers].map(|array| given(array, row));
                        let finding = Finding::error("amount-unreadable").at(place(month, voucher)).with("column", AMOUNTS[at]);
                        self.report(finding.with("account", given(accounts, row)).with("reason", reason));
                        Some(0)
                    }
                };
                units[at].push(value);
            }
        }
        // Runs of rows of one period go to its file together.
        let mut start = 0;
        while start < rows {
            let mut end = start + 1;
            let of = |row: usize| (given(months, row), given(adjustments, row));
            while end < rows && of(end) == of(start) {
                end += 1;
            }
            self.turn_to(of(start))?;
            self.run(&texts, &units, start..end)?;
            start = end;
        }
        Ok(())
    }

    /// Ends the last period. `expected` periods without entries are sealed as empty ones. All findings come at once; where one is an
    /// error, nothing may be kept.
    pub fn finish(mut self, expected: &[Period]) -> Result<(Vec<Pending>, Vec<Finding>), SealError> {
        self.close()?;
        for period in expected {
            if self.done.iter().all(|pending| pending.period != *period) {
                self.begin(*period)?;
                self.close()?;
            }
        }
        if self.more > 0 {
            self.findings.push(Finding::error("more-findings").with("count", self.more));
        }
        Ok((self.done, self.findings))
    }

    fn report(&mut self, finding: Finding) {
        if self.findings.len() < NAMED_FINDINGS { self.findings.push(finding) } else { self.more += 1 }
    }

    /// Makes the period of `(month, adjustment)` the one under way.
    fn turn_to(&mut self, (month, adjustment): (&str, &str)) -> Result<(), SealError> {
        let period = match month.parse() {
            Ok(month) => Period { month, adjustment: adjustment == "1" },
            Err(_) => {
                self.report(Finding::error("month-unreadable").with("text", month));
                // Its rows are still checked, under the period they arrived in.
                self.under.as_ref().map_or(Period { month: model::Month::FIRST, adjustment: false }, |under| under.period)
            }
        };
        if self.under.as_ref().is_some_and(|under| under.period == period) {
            return Ok(());
        }
        self.close()?;
        if self.done.last().is_some_and(|last| last.period >= period) {
            self.report(Finding::error("entries-unsorted").at(period.to_string()));
        }
        self.begin(period)
    }

    fn begin(&mut self, period: Period) -> Result<(), SealError> {
        let writer = if self.from.is_none_or(|from| period >= from) {
            let path = self.folder.join(format!("{period}.entries.new"));
            let file = File::create(&path).map_err(files::io(&path))?;
            let properties = files::properties(vec![("format", "1".to_owned()), ("period", period.to_string())]);
            let writer = ArrowWriter::try_new(Digesting::new(file), schema(), Some(properties)).map_err(files::parquet(&path))?;
            Some((path, writer))
        } else {
            None
        };
        let (debit, credit) = (Amount::ZERO, Amount::ZERO);
        let (leaves, closing, unclear) = (Vec::new(), Vec::new(), Vec::new());
        self.under = Some(Under {
            period,
            name: period.to_string(),
            writer,
            cube: Builder::default(),
            leaves,
            seen: AHashSet::new(),
            rows: 0,
            debit,
            credit,
            closing,
            unclear,
        });
        Ok(())
    }

    /// Rows `range` of a batch, all of the period under way.
    fn run(
        &mut self,
        texts: &[Option<&StringArray>; TEXTS.len()],
        units: &[Vec<Option<i128>>; 4],
        range: std::ops::Range<usize>,
    ) -> Result<(), SealError> {
        let Some(mut under) = self.under.take() else { return Ok(()) };
        if let Some((path, writer)) = &mut under.writer {
            let mut arrays: Vec<ArrayRef> = Vec::with_capacity(TEXTS.len() + AMOUNTS.len());
            for (at, column) in texts.iter().enumerate() {
                arrays.push(match column {
                    // A missing account or voucher is a finding below; the file is thrown away then, but its schema must hold.
                    Some(array) if at <= ACCOUNT && array.null_count() > 0 => {
                        Arc::new(range.clone().map(|row| Some(given(array, row))).collect::<StringArray>())
                    }
                    Some(array) => Arc::new(array.slice(range.start, range.len())),
                    None => new_null_array(&DataType::Utf8, range.len()),
                });
            }
            for values in units {
                arrays.push(Arc::new(Decimal128Array::from(values[range.clone()].to_vec()).with_data_type(DECIMAL)));
            }
            let batch = RecordBatch::try_new(schema(), arrays).map_err(files::damaged(path))?;
            writer.write(&batch).map_err(files::parquet(path))?;
        }
        for row in range {
            let text = |at: usize| texts[at].filter(|array| array.is_valid(row)).map(|array| array.value(row));
            let (key, account) = (text(VOUCHER).unwrap_or_default(), text(ACCOUNT).unwrap_or_default());
            if key != self.voucher.key || under.rows == 0 {
                self.end_voucher(&mut under);
                self.voucher.begin(key, text(NUMBER).unwrap_or(key));
                if !under.seen.insert(self.state.hash_one(key)) {
                    self.report(Finding::error("voucher-scattered").at(place(under.period, key)));
                }
            }
            under.rows += 1;
            let role = self.roles.get(account).copied();
            match role {
                // A line of nothing moves nothing.
                Some(role) => self.voucher.roles[role as usize] |= [0, 1].iter().any(|at: &usize| units[*at][row] != Some(0)),
                None => {
                    let number = self.voucher.number.clone();
                    self.report(
                        Finding::error("account-unknown")
                            .at(place(under.period, &number))
                            .with("account", if account.is_empty() { "NULL" } else { account }),
                    );
                }
            }
            self.voucher.marked |= text(CLOSING) == Some("1");
            let [debit, credit, foreign, quantity] = [0, 1, 2, 3].map(|at: usize| units[at][row]);
            let amount = |units: Option<i128>| Amount::from_units(units.unwrap_or(0));
            let (own_debit, own_credit) = (amount(debit), amount(credit));
            let sides = |value| Sides::of(amount(value), own_debit, own_credit);
            let voucher = &mut self.voucher;
            if role == Some(Role::ProfitAndLoss) && own_debit != own_credit {
                voucher.loss_sides[usize::from(own_debit < own_credit)] = true;
            }
            let (foreign, quantity) = match sides(foreign).zip(sides(quantity)) {
                Some(both) => both,
                None => {
                    voucher.overflow = true;
                    Default::default()
                }
            };
            let sums = Sums { debit: own_debit, credit: own_credit, foreign, quantity, lines: 1 };
            match voucher.debit.checked_add(sums.debit).zip(voucher.credit.checked_add(sums.credit)) {
                Some(both) => (voucher.debit, voucher.credit) = both,
                None => voucher.overflow = true,
            }
            if voucher.used == voucher.lines.len() {
                voucher.lines.push(Vec::with_capacity(256));
                voucher.cells.push((Vec::with_capacity(64), Sums::default()));
            }
            let line = &mut voucher.lines[voucher.used];
            line.clear();
            for at in 0..TEXTS.len() {
                merkle::put_text(line, text(at));
            }
            for value in [0, 1, 2, 3].map(|at: usize| units[at][row]) {
                merkle::put_amount(line, value);
            }
            let cell = &mut voucher.cells[voucher.used];
            cell.1 = sums;
            cube::key(&mut cell.0, false, account, DIMENSION_TEXTS.iter().map(|at| text(*at)));
            voucher.used += 1;
        }
        self.under = Some(under);
        Ok(())
    }

    fn end_voucher(&mut self, under: &mut Under) {
        let voucher = &mut self.voucher;
        if voucher.used == 0 {
            return;
        }
        let mut overflow = voucher.overflow;
        let closing = voucher.closes();
        for (key, sums) in &mut voucher.cells[..voucher.used] {
            key[0] = u8::from(closing);
            overflow |= !under.cube.add(key, *sums);
        }
        match under.debit.checked_add(voucher.debit).zip(under.credit.checked_add(voucher.credit)) {
            Some(both) => (under.debit, under.credit) = both,
            None => overflow = true,
        }
        under.leaves.push(merkle::leaf(&under.name, &mut voucher.lines[..voucher.used]));
        if closing {
            under.closing.push(ClosingVoucher { voucher: voucher.key.clone(), number: voucher.number.clone() });
        }
        voucher.used = 0;
        let (unclear, elsewhere) = (voucher.may_close(), voucher.may_close_elsewhere());
        let (debit, credit) = (voucher.debit, voucher.credit);
        let named = ClosingVoucher { voucher: self.voucher.key.clone(), number: self.voucher.number.clone() };
        if unclear {
            self.report(Finding::warning("closing-unclear").at(place(under.period, &named.number)));
            under.unclear.push((named, "closing-unclear"));
        } else if elsewhere {
            self.report(Finding::warning("closing-account-unknown").at(place(under.period, &named.number)));
            under.unclear.push((named, "closing-account-unknown"));
        }
        if overflow {
            let place = place(under.period, &self.voucher.number);
            self.report(Finding::error("amount-too-large").at(place));
        } else if debit != credit {
            let finding = Finding::error("voucher-unbalanced").at(place(under.period, &self.voucher.number));
            self.report(finding.with("debit", debit.fixed(2)).with("credit", credit.fixed(2)));
        }
    }

    fn close(&mut self) -> Result<(), SealError> {
        let Some(mut under) = self.under.take() else { return Ok(()) };
        self.end_voucher(&mut under);
        let Under { period, writer, cube: builder, leaves, rows, debit, credit, closing, unclear, .. } = under;
        let vouchers = leaves.len() as u64;
        let root = merkle::root(leaves);
        let mut file = None;
        let mut entries = None;
        if let Some((path, mut writer)) = writer {
            // Not `into_inner`: it turns the system's word about a full disk into a sentence.
            writer.finish().map_err(files::parquet(&path))?;
            writer.inner().inner().sync_all().map_err(files::io(&path))?;
            (file, entries) = (Some(writer.inner().digest()), Some(path));
        }
        let cells = builder.finish();
        let cube = self.folder.join(format!("{period}.cube.new"));
        let cube_file = cube::write(&cube, &cells)?;
        let folder = self.folder.clone();
        let turnover = cube::over_dimensions(cells).unwrap_or_else(|| {
            self.report(Finding::error("amount-too-large").at(period.to_string()));
            Vec::new()
        });
        self.done.push(Pending {
            period,
            root,
            file,
            cube_file,
            rows,
            vouchers,
            debit,
            credit,
            closing,
            unclear,
            turnover,
            folder,
            cube,
            entries,
        });
        Ok(())
    }
}

/// Where the [`DIMENSIONS`] are among the [`TEXTS`].
const DIMENSION_TEXTS: [usize; DIMENSIONS.len()] = [7, 9, 10, 11, 12, 13];

fn given(array: &StringArray, row: usize) -> &str {
    if array.is_valid(row) { array.value(row) } else { "" }
}

fn place(period: impl std::fmt::Display, voucher: &str) -> String {
    format!("{period}, {voucher}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_the_texts_of_their_names() {
        assert_eq!(DIMENSION_TEXTS.map(|at| TEXTS[at]), DIMENSIONS);
        assert_eq!([VOUCHER, ACCOUNT, NUMBER, CLOSING].map(|at| TEXTS[at]), ["voucher", "account", "number", "closing"]);
    }
}
