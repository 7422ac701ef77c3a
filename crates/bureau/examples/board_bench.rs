/*!
The board of a province: 100,000 units × 24 months × 2 forms, made up, and how long each question takes.

`board_bench [UNITS] [MONTHS]` prints lines of `name value unit`. Rows are written straight into the board's file, as the feed would have left them; the questions are the functions that
commands and pages ask. The slowest and the middle of several turns are told, the file in the system's cache.
*/
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that cannot start must fail, and reports on the terminal"
)]

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use bureau::{
    board::{self, Around, Asked, Board, By, Cells, Duties, Sums, sql},
    config::Config,
    store::Store,
};
use model::{Amount, Month};
use rusqlite::{Connection, params};

/// Forms, and columns of rows that each has.
const FORMS: [(&str, &[&str], &[&str]); 2] = [
    (
        "B203",
        &[
            "201", "202", "205", "206", "213", "217", "301", "307", "309", "312", "313", "331", "317", "319", "320", "333",
            "321", "322", "332", "330", "323", "325", "326", "327", "328", "401", "402", "601",
        ],
        &["cumulative", "prior_year"],
    ),
    ("B204-1", &["01", "03", "04", "05"], &["this_month", "cumulative", "prior_year_month", "prior_year"]),
];
const TURNS: usize = 7;

/// A number that looks like chance and is the same in every run.
fn chance(seed: u64) -> u64 {
    let mut hash = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xcbf2_9ce4_8422_2325;
    hash ^= hash >> 29;
    hash.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

struct Made {
    units: usize,
    months: Vec<Month>,
}

impl Made {
    fn region(at: usize) -> String {
        // A hundred counties of fifteen towns.
        format!("35{:02}{:02}{:03}000", at % 10 + 1, at / 10 % 10 + 21, at / 100 % 15 + 1)
    }

    fn industry(at: usize) -> String {
        format!("{}{:02}", 13 + at % 30, at / 30 % 10 + 11)
    }

    fn write(&self, connection: &mut Connection) {
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        connection.pragma_update(None, "cache_size", -400_000).unwrap();
        let transaction = connection.transaction().unwrap();
        for at in 0..self.units {
            let row = params![format!("91350100M{at:09}"), format!("示例{at}有限公司"), Made::region(at), Made::industry(at)];
            transaction.prepare_cached(sql::PUT_UNIT).unwrap().execute(row).unwrap();
        }
        let mut slots = BTreeMap::new();
        for (form, codes, columns) in FORMS {
            for code in codes {
                for column in columns {
                    let row = params![form, code, column, format!("指标{code}"), "千元", ""];
                    transaction.prepare_cached(sql::PUT_SLOT).unwrap().execute(row).unwrap();
                    slots.insert((form, *code, *column), u32::try_from(transaction.last_insert_rowid()).unwrap());
                }
            }
        }
        let mut totals: BTreeMap<(usize, usize, String, String), (i64, Sums)> = BTreeMap::new();
        for at in 0..self.units {
            for (number, (form, codes, columns)) in FORMS.iter().enumerate() {
                for (turn, month) in self.months.iter().enumerate() {
                    let size = 1000 + chance(at as u64) % 1_000_000;
                    let mut cells = Cells::new();
                    for (row, code) in codes.iter().enumerate() {
                        for column in *columns {
                            let value = size * (turn as u64 + 1) / (row as u64 + 1) + chance((at * 31 + turn) as u64) % 1000;
                            cells.insert(slots[&(*form, *code, *column)], Amount::from_whole(i128::from(value)).unwrap());
                        }
                    }
                    let row = params![at as i64 + 1, form, board::number(*month), "2025", vec![7_u8; 32], board::pack(&cells)];
                    transaction.prepare_cached(sql::PUT_FIGURE).unwrap().execute(row).unwrap();
                    let group = (number, turn, Made::region(at)[..6].to_owned(), Made::industry(at)[..2].to_owned());
                    let (units, sums) = totals.entry(group).or_default();
                    *units += 1;
                    board::count(sums, &cells, true).unwrap();
                }
            }
        }
        for (form, ..) in FORMS {
            for (turn, month) in self.months.iter().enumerate() {
                for at in 0..self.units {
                    let dice = chance((at * 97 + turn * 13) as u64) % 1000;
                    if dice < 20 {
                        continue;
                    }
                    let odd = |of: std::ops::Range<u64>| i64::from(of.contains(&dice));
                    let first =
                        1_740_000_000_i64 + i64::try_from(turn).unwrap() * 2_600_000 + i64::try_from(dice).unwrap() * 2000;
                    let row = params![
                        form,
                        board::number(*month),
                        at as i64 + 1,
                        1,
                        first,
                        first,
                        0,
                        1,
                        odd(30..60) * 2 + odd(100..900),
                        odd(60..70),
                        odd(65..90),
                        odd(90..110),
                        odd(60..80),
                        odd(110..140) * 3,
                        odd(110..140) * 250,
                        odd(140..142)
                    ];
                    transaction.prepare_cached(sql::PUT_STATE).unwrap().execute(row).unwrap();
                }
            }
        }
        for ((number, turn, region, trade), (units, sums)) in totals {
            let row = params![FORMS[number].0, board::number(self.months[turn]), region, trade, units, board::pack_sums(&sums)];
            transaction.prepare_cached(sql::PUT_TOTAL).unwrap().execute(row).unwrap();
        }
        transaction.prepare_cached(sql::PUT_MARK).unwrap().execute(params!["unit", self.units as i64]).unwrap();
        transaction.commit().unwrap();
    }
}

/// Asks several times; the middle and the slowest turn.
fn ask<T>(name: &str, mut question: impl FnMut() -> T) {
    let mut took: Vec<Duration> = (0..TURNS)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(question());
            begun.elapsed()
        })
        .collect();
    let first = took[0];
    took.sort();
    println!(
        "{name} {} ms (first {} ms, slowest {} ms)",
        took[TURNS / 2].as_millis(),
        first.as_millis(),
        took[TURNS - 1].as_millis()
    );
}

fn main() {
    let mut args = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let (units, months) = (args.next().unwrap_or(100_000), args.next().unwrap_or(24));
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse("bureau.toml", "[bureau]\ncode = \"350000\"\nname = \"bench\"\n", folder.path()).unwrap();
    let store = Store::open(&config).unwrap();
    let board = Board::open(&config.state).unwrap();
    let begun = Instant::now();
    let from: Month = "2025-01".parse().unwrap();
    let made = Made { units, months: (0..months).map(|at| from.plus(i32::try_from(at).unwrap()).unwrap()).collect() };
    made.write(&mut Connection::open(config.state.join("board.sqlite")).unwrap());
    println!("made {units} units, {months} months, {} forms: {} s", FORMS.len(), begun.elapsed().as_secs());
    let bytes = fs::metadata(config.state.join("board.sqlite")).unwrap().len();
    println!("board {} MiB, {} bytes a report", bytes >> 20, bytes / (units * months * FORMS.len()) as u64);
    let duties = Duties::read(&store, folder.path()).unwrap();
    let month = *made.months.last().unwrap();
    let asked = |area: &str, trade: &str| Asked { form: "B203".to_owned(), area: area.to_owned(), trade: trade.to_owned() };
    let county = Made::region(7)[..6].to_owned();
    ask("register", || board.register().unwrap().units().len());
    ask("progress_all", || board::progress(&board, &duties, &asked("", ""), month).unwrap());
    ask("progress_county", || board::progress(&board, &duties, &asked(&county, ""), month).unwrap());
    let around = Around { today: "2026-12-01".parse().unwrap(), back: 31, ahead: 3, period: None };
    ask("late_all", || board::late(&board, &duties, &asked("", ""), &around).unwrap());
    ask("late_county", || board::late(&board, &duties, &asked(&county, ""), &around).unwrap());
    ask("queue_all", || board::queue(&board, &duties, &asked("", ""), month, 100).unwrap());
    ask("queue_county", || board::queue(&board, &duties, &asked(&county, ""), month, 100).unwrap());
    ask("totals_area", || board::totals(&board, &asked("", ""), month, By::Area).unwrap());
    ask("totals_trade", || board::totals(&board, &asked("", ""), month, By::Trade).unwrap());
    ask("totals_towns_of_county", || board::totals(&board, &asked(&county, ""), month, By::Area).unwrap());
    ask("compare_months", || board::compare(&board, &asked("", ""), "301", Some(("B204-1", "01")), [from, month]).unwrap());
    ask("unit", || board::months(&board, "91350100M000000007").unwrap());
}
