/*! `taizhang balances`: a trial balance straight from the source. */

use std::{collections::BTreeMap, env, io::Write, path::Path, process::Command, time::Duration};

use arrow_array::{Array, RecordBatch, cast::AsArray};
use journal::{Balances, Class};
use model::Period;
use reader::{Request, Source};

use crate::{
    Stop,
    config::{self, Extract},
};

/// A statement may take this long.
const READ_LIMIT: Duration = Duration::from_secs(600);

/// Writes the trial balance of `period` as CSV: account, name, opening, debit, credit, closing.
pub fn run(path: &Path, id: &str, period: Period, output: impl Write) -> Result<(), Stop> {
    let (book, pack, values) = config::load(path, id)?;
    let request = |extract: &Extract| {
        let (query, parameters) = extract.bind(&values);
        Request { source: book.source.clone(), query, parameters, timeout_s: READ_LIMIT.as_secs() }
    };
    let mut names = BTreeMap::new();
    let mut chart = Vec::new();
    each_row(id, &request(&pack.extract.accounts), ["account", "name", "class"], |[account, name, class]| {
        let class = match class {
            "profit_and_loss" => Class::ProfitAndLoss,
            "balance_sheet" => Class::BalanceSheet,
            other => return Err(Stop::config(format!("account {account}: the pack gives an unknown class {other:?}"))),
        };
        names.insert(account.to_owned(), name.to_owned());
        chart.push((account.to_owned(), class));
        Ok(())
    })?;
    let mut balances = Balances::new(book.fiscal_year_starts, chart).map_err(Stop::config)?;
    let columns = ["voucher", "account", "month", "adjustment", "debit", "credit"];
    each_row(id, &request(&pack.extract.entries), columns, |[voucher, account, month, adjustment, debit, credit]| {
        let at = |error: &dyn std::fmt::Display| Stop::finding(format!("voucher {voucher}, account {account}: {error}"));
        let period = Period { month: month.parse().map_err(|e| at(&e))?, adjustment: adjustment == "1" };
        let amounts = (debit.parse().map_err(|e| at(&e))?, credit.parse().map_err(|e| at(&e))?);
        balances.add(voucher, account, period, amounts.0, amounts.1).map_err(Stop::finding)
    })?;
    let mut sheet = csv::Writer::from_writer(output);
    let write = |e: csv::Error| Stop::source(format!("the result could not be written: {e}"));
    sheet.write_record(["account", "name", "opening", "debit", "credit", "closing"]).map_err(write)?;
    for row in balances.trial(period).map_err(Stop::finding)? {
        let name = names.get(&row.account).map_or("", String::as_str);
        let [opening, debit, credit, closing] = [row.opening, row.debit, row.credit, row.closing].map(|a| a.fixed(2));
        sheet.write_record([&row.account, name, &opening, &debit, &credit, &closing]).map_err(write)?;
    }
    sheet.flush().map_err(|e| Stop::source(format!("the result could not be written: {e}")))
}

/// Runs the built-in reader and gives `take` the named columns of every row; the first error of `take` is the result.
fn each_row<const N: usize>(
    book: &str,
    request: &Request,
    columns: [&str; N],
    mut take: impl FnMut([&str; N]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut command = Command::new(env::current_exe().map_err(Stop::source)?);
    command.arg("reader");
    // Debian registers its drivers without a path: the built-in driver manager finds them only through the loader.
    if let Source::Odbc(_) = request.source {
        let own = env::var("LD_LIBRARY_PATH").unwrap_or_default();
        let paths = [own, format!("/usr/lib/{}-linux-gnu/odbc", env::consts::ARCH)].join(":");
        command.env("LD_LIBRARY_PATH", paths.trim_start_matches(':'));
    }
    let mut result = Ok(());
    let mut row = 0_u64;
    reader::read(command, request, READ_LIMIT, |batch| {
        if result.is_ok() {
            result = rows(&batch, columns, &mut row, &mut take);
        }
    })
    .map_err(|e| Stop::source(format!("book {book}: {e}")))?;
    result
}

fn rows<const N: usize>(
    batch: &RecordBatch,
    columns: [&str; N],
    row: &mut u64,
    take: &mut impl FnMut([&str; N]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut arrays = Vec::with_capacity(N);
    for name in columns {
        let array = batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>());
        arrays.push(array.ok_or_else(|| Stop::config(format!("the pack's query has no column {name:?}")))?);
    }
    for at in 0..batch.num_rows() {
        *row += 1;
        let mut values = [""; N];
        for (value, (array, name)) in values.iter_mut().zip(arrays.iter().zip(columns)) {
            if array.is_null(at) {
                return Err(Stop::finding(format!("column {name}, row {row}: NULL where a value is needed")));
            }
            *value = array.value(at);
        }
        take(values)?;
    }
    Ok(())
}
