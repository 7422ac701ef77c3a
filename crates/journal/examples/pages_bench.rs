/*!
From a figure down to its vouchers, on the ledger of `cargo xtask bench`: what each step of the way costs.

`pages_bench [LINES]` prints lines of `name microseconds`; `cargo xtask bench pages` builds and runs it. Nothing is judged here.
*/
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench that cannot start must fail, and reports on the terminal"
)]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hint::black_box,
    sync::Arc,
    time::Instant,
};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use formula::{Figures as _, Filter, Measure, Name, Question, Side, What};
use journal::{Book, Coverage, Evidence, Role, Sealer};
use model::{Level, Month, Period};

#[path = "../../../xtask/src/bench/data.rs"]
#[allow(dead_code, reason = "shared with the bench of pulls")]
mod data;

/// Entry lines where nobody says.
const LINES: u64 = 10_000_000;
/// Each figure is the middle one of so many runs.
const ROUNDS: usize = 5;
/// Lines of a page.
const SHOWN: usize = 50;
/// Rows of a batch, as a reader delivers them.
const BATCH: usize = 8192;
/// Accounts of the chart.
const ACCOUNTS: u64 = 300;
/// The account that four of ten lines are on.
const BUSY: &str = "1002";

const COLUMNS: [&str; 12] =
    ["month", "adjustment", "voucher", "number", "kind", "date", "line", "summary", "account", "debit", "credit", "party"];

type Row = [Option<String>; COLUMNS.len()];

fn rows(voucher: data::Voucher) -> Vec<Row> {
    let (month, number) = (voucher.month(), voucher.number());
    let row = |(at, line): (usize, data::Line)| {
        // Every other voucher goes over the bank but for its last line.
        let over_bank = voucher.id.is_multiple_of(2) && line.debit != 0;
        let account = if over_bank { BUSY.to_owned() } else { line.account };
        [
            Some(month.clone()),
            Some("0".to_owned()),
            Some(voucher.id.to_string()),
            Some(number.clone()),
            Some("记".to_owned()),
            Some(format!("{month}-{:02}", voucher.day)),
            Some((at + 1).to_string()),
            Some(line.summary),
            Some(account),
            Some(data::yuan(line.debit)),
            Some(data::yuan(line.credit)),
            line.party.filter(|_| !over_bank),
        ]
    };
    voucher.lines.into_iter().enumerate().map(row).collect()
}

fn push(sealer: &mut Sealer<'_>, rows: &mut Vec<Row>) {
    let column = |at: usize| Arc::new(rows.iter().map(|row| row[at].as_deref()).collect::<StringArray>()) as ArrayRef;
    let columns = COLUMNS.into_iter().enumerate().map(|(at, name)| (name, column(at), true));
    sealer.push(&RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap();
    rows.clear();
}

/// Prints the middle of some runs.
fn time<T>(name: &str, mut work: impl FnMut() -> T) {
    let mut runs: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            black_box(work());
            begun.elapsed().as_micros()
        })
        .collect();
    runs.sort_unstable();
    println!("{name} {}", runs[ROUNDS / 2]);
}

fn main() {
    let lines = std::env::args().nth(1).map_or(LINES, |text| text.parse().expect("a number of lines"));
    let folder = tempfile::tempdir().unwrap();
    let accounts: Vec<(String, String, &str)> = (0..ACCOUNTS).map(data::account).collect();
    let role = |class: &str| if class == "profit_and_loss" { Role::ProfitAndLoss } else { Role::BalanceSheet };
    let roles: HashMap<String, Role> = accounts.iter().map(|(code, _, class)| (code.clone(), role(class))).collect();
    let mut sealer = Sealer::new(folder.path(), &roles, None);
    let mut waiting = Vec::new();
    let mut total = 0;
    for voucher in data::vouchers(lines) {
        waiting.extend(rows(voucher));
        if waiting.len() >= BATCH {
            total += waiting.len();
            push(&mut sealer, &mut waiting);
        }
    }
    total += waiting.len();
    push(&mut sealer, &mut waiting);
    let (pending, findings) = sealer.finish(&[]).unwrap();
    assert!(findings.iter().all(|finding| finding.level < Level::Error), "{findings:?}");
    eprintln!("{total} lines in {} periods", pending.len());
    let (mut cubes, mut evidence, mut files) = (Vec::new(), BTreeMap::<_, Vec<_>>::new(), Vec::new());
    for sealed in &pending {
        sealed.keep().unwrap();
        cubes.push((sealed.period, journal::cube_path(folder.path(), sealed.period, sealed.root)));
        let path = journal::entries_path(folder.path(), sealed.period, sealed.root);
        let digest = sealed.file.unwrap();
        evidence.entry(sealed.period).or_default().push(Evidence::new(path.clone(), digest));
        files.push((path, digest));
    }
    let load = || cubes.iter().map(|(period, path)| (*period, journal::read_cube(path).unwrap())).collect::<Vec<_>>();
    time("cubes-read", load);
    let month = |at: u64| data::month(at).parse::<Month>().unwrap();
    let coverage = Coverage { balances_from: month(0), turnover_from: month(0), to: month(data::MONTHS - 1) };
    let book = Book::new(coverage, load(), evidence);
    let seen = book.seen(false);
    let last: Period = month(data::MONTHS - 1).into();
    let codes: Vec<String> = accounts.into_iter().map(|(code, ..)| code).collect();
    let ask = |what, accounts: &[&str]| Question {
        what,
        measure: Measure::Money,
        accounts: accounts.iter().map(|account| (*account).to_owned()).collect(),
        counter: Vec::new(),
        from: month(0),
        to: month(data::MONTHS - 1),
        side: None,
        detail: None,
        filters: Vec::new(),
    };
    let all: Vec<&str> = codes.iter().map(String::as_str).collect();
    let (none, no_closing) = (HashSet::new(), BTreeMap::new());

    let size = std::fs::metadata(&files.last().unwrap().0).unwrap().len();
    eprintln!("the last month's file: {} KiB", size >> 10);
    time("digest-of-a-month", || journal::sound(&files.last().unwrap().0, files.last().unwrap().1).unwrap());

    let closing = ask(What::Closing, &all);
    time("by-period-300-accounts", || seen.by_period(&closing, &no_closing).unwrap());
    let debtors: Vec<&str> = all.iter().copied().filter(|code| code.starts_with("1122")).collect();
    let detail = Question { detail: Some(Side::Debit), ..ask(What::Closing, &debtors) };
    time("by-period-debtors-by-party", || seen.by_period(&detail, &no_closing).unwrap());

    let net = ask(What::Net, &all);
    let page = |question: &Question, account: &str, skip| {
        let page = seen.page(question, account, last, &none, skip, SHOWN).unwrap();
        assert!(page.count > 0, "{account}");
        page
    };
    let whole = page(&net, BUSY, 0).count;
    eprintln!("lines of the busiest account in the last month: {whole}; of another: {}", page(&net, "1122", 0).count);
    time("page-busiest-first", || page(&net, BUSY, 0));
    time("page-busiest-last", || page(&net, BUSY, usize::try_from(whole).unwrap() - SHOWN));
    let turnover = ask(What::Turnover, &all);
    time("page-busiest-turnover", || page(&turnover, BUSY, 0));
    time("page-other-first", || page(&net, "1122", 0));
    let value = page(&net, "1122", 0).lines[0].0.text("party").unwrap().to_owned();
    let party = Question { filters: vec![Filter { name: Name::Party, value }], ..ask(What::Net, &all) };
    time("page-one-party-scattered", || page(&party, "1122", 0));
    // Which parties stand on a side is another matter with another number of lines.
    time("page-debtors-by-party", || seen.page(&detail, "1122", last, &none, 0, SHOWN).unwrap());
    let scattered = seen.page(&net, "1122", last, &none, 0, usize::MAX).unwrap();
    eprintln!("all lines of that account: {}", scattered.lines.len());
    time("page-other-all-lines", || seen.page(&net, "1122", last, &none, 0, usize::MAX).unwrap());
    let some: HashSet<String> = ["1".to_owned()].into();
    time("page-busiest-without-closing", || seen.page(&ask(What::Movement, &all), BUSY, last, &some, 0, SHOWN).unwrap());
    time("pages-300-accounts-10-lines", || seen.pages(&net, last, &none, |_| (0, 10)).unwrap());

    let counter = Question { counter: vec!["1122".to_owned()], side: Some(Side::Debit), ..ask(What::Counter, &[BUSY]) };
    time("page-counter", || page(&counter, BUSY, 0));
    let begun = Instant::now();
    black_box(seen.by_period(&counter, &no_closing).unwrap());
    println!("by-period-counter-once {}", begun.elapsed().as_micros());
    time("by-period-counter-again", || seen.by_period(&counter, &no_closing).unwrap());
    let parts = seen.ask(&counter).unwrap();
    assert_eq!(parts.len(), 1);

    let path = &files.last().unwrap().0;
    let mut keys = Vec::new();
    journal::read_entries(path, |entry| {
        keys.push(entry.voucher().to_owned());
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    let key = &keys[keys.len() / 2];
    time("voucher-by-key", || {
        let lines = journal::voucher(path, key).unwrap();
        assert!(!lines.is_empty());
        lines
    });
    time("voucher-not-there", || journal::voucher(path, "0").unwrap());
    let begun = Instant::now();
    let mut walked = 0_u64;
    seen.lines(&Question { from: last.month, ..ask(What::Net, &[BUSY]) }, &no_closing, |_, _| walked += 1).unwrap();
    println!("for-comparison-lines-of-one-month {}", begun.elapsed().as_micros());
    assert_eq!(walked, whole);
}
