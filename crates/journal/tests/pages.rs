//! From an answer down to its lines: against a naive walk over the lines that the book was made of.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fs::File,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use formula::{Figures as _, Filter, Measure, Name, Question, Side, What};
use journal::{Book, Coverage, Entry, Evidence, Role, Sealed, Sealer};
use model::{Amount, Level, Month, Period};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    file::properties::{EnabledStatistics, WriterProperties},
};
use proptest::{option, prelude::*};

const ACCOUNTS: [&str; 5] = ["1002", "1122", "6001", "6401", "4103"];
const ROLES: [Role; 5] = [Role::BalanceSheet, Role::BalanceSheet, Role::ProfitAndLoss, Role::ProfitAndLoss, Role::Profit];
const PARTIES: [&str; 3] = ["甲 #C1", "乙 #C2", "C1"];
/// The first is sealed without its lines.
const PERIODS: [&str; 5] = ["2025-01", "2025-02", "2025-03", "2025-03+adj", "2025-04"];
const COLUMNS: [&str; 11] =
    ["month", "adjustment", "voucher", "line", "account", "party", "department", "debit", "credit", "quantity", "foreign_amount"];

#[derive(Clone, Debug)]
struct Line {
    period: Period,
    voucher: String,
    line: usize,
    account: &'static str,
    party: Option<&'static str>,
    department: Option<&'static str>,
    debit: i64,
    credit: i64,
    quantity: Option<i64>,
    foreign: Option<i64>,
}

/// Account, party, department, which side, how much, quantity, foreign.
type Drawn = (usize, Option<usize>, bool, bool, i64, Option<i64>, Option<i64>);

fn drawn() -> impl Strategy<Value = Drawn> {
    let small = || option::of(-5_i64..6);
    (0..ACCOUNTS.len(), option::of(0..PARTIES.len()), any::<bool>(), any::<bool>(), -20_i64..100, small(), small())
}

/// Period, whether it closes profit and loss, and lines.
fn vouchers() -> impl Strategy<Value = Vec<(usize, bool, Vec<Drawn>)>> {
    prop::collection::vec((0..PERIODS.len(), prop::bool::weighted(0.2), prop::collection::vec(drawn(), 1..5)), 1..40)
}

fn lines(mut vouchers: Vec<(usize, bool, Vec<Drawn>)>) -> Vec<Line> {
    vouchers.sort_by_key(|voucher| voucher.0);
    let mut lines = Vec::new();
    for (key, (period, closes, drawn)) in vouchers.into_iter().enumerate() {
        let (mut balance, count) = (0, drawn.len());
        let mut put = |at, account: usize, drawn: &Drawn, debit: i64, credit: i64| {
            lines.push(Line {
                period: PERIODS[period].parse().unwrap(),
                voucher: format!("V{key}"),
                line: at,
                account: ACCOUNTS[account],
                party: drawn.1.map(|party| PARTIES[party]),
                department: drawn.2.then_some("C1"),
                debit,
                credit,
                quantity: drawn.5,
                foreign: drawn.6,
            });
        };
        for (at, own) in drawn.iter().enumerate() {
            let account = if closes { 2 + own.0 % 2 } else { own.0 };
            let (debit, credit) = if own.3 { (own.4, 0) } else { (0, own.4) };
            balance += debit - credit;
            put(at, account, own, debit, credit);
        }
        put(count, if closes { 4 } else { drawn[0].0 }, &drawn[0], 0, balance);
    }
    lines
}

fn batch(lines: &[Line]) -> RecordBatch {
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    let row = |line: &Line| {
        let text = |text: Option<&str>| text.map(str::to_owned);
        [
            Some(line.period.month.to_string()),
            Some(u8::from(line.period.adjustment).to_string()),
            Some(line.voucher.clone()),
            Some(line.line.to_string()),
            text(Some(line.account)),
            text(line.party),
            text(line.department),
            number(Some(line.debit)),
            number(Some(line.credit)),
            number(line.quantity),
            number(line.foreign),
        ]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    let arrays =
        (0..COLUMNS.len()).map(|at| Arc::new(rows.iter().map(|row| row[at].clone()).collect::<StringArray>()) as ArrayRef);
    RecordBatch::try_from_iter_with_nullable(COLUMNS.into_iter().zip(arrays).map(|(name, array)| (name, array, true))).unwrap()
}

struct Kept {
    _folder: tempfile::TempDir,
    book: Book,
    closing: BTreeMap<Period, HashSet<String>>,
    files: BTreeMap<Period, PathBuf>,
}

fn keep(lines: &[Line], from: &str) -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let roles: HashMap<String, Role> = ACCOUNTS.map(str::to_owned).into_iter().zip(ROLES).collect();
    let mut sealer = Sealer::new(folder.path(), &roles, Some(from.parse().unwrap()));
    sealer.push(&batch(lines)).unwrap();
    let (pending, findings) = sealer.finish(&PERIODS.map(|period| period.parse().unwrap())).unwrap();
    assert!(findings.iter().all(|finding| finding.level < Level::Error), "{findings:?}");
    let (mut cubes, mut closing) = (BTreeMap::new(), BTreeMap::new());
    let (mut entries, mut files) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
    for sealed in pending {
        sealed.keep().unwrap();
        let cube = journal::cube_path(folder.path(), sealed.period, sealed.root);
        cubes.insert(sealed.period, journal::read_cube(&cube).unwrap());
        closing.insert(sealed.period, sealed.closing.iter().map(|voucher| voucher.voucher.clone()).collect());
        if let Some(digest) = sealed.file {
            let path = journal::entries_path(folder.path(), sealed.period, sealed.root);
            files.insert(sealed.period, path.clone());
            entries.entry(sealed.period).or_default().push(Evidence::new(path, digest));
        }
    }
    let month = |text: &str| text.parse::<Month>().unwrap();
    let coverage = Coverage { balances_from: month("2025-01"), turnover_from: month("2025-01"), to: month("2025-04") };
    Kept { _folder: folder, book: Book::new(coverage, cubes, entries), closing, files }
}

impl Kept {
    fn entries(&self, period: Period) -> Vec<Entry> {
        let mut entries = Vec::new();
        journal::read_entries(&self.files[&period], |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        })
        .unwrap();
        entries
    }
}

fn questions() -> impl Strategy<Value = (Question, bool)> {
    let what = prop::sample::select(vec![
        What::Opening,
        What::Closing,
        What::Turnover,
        What::Net,
        What::Movement,
        What::Counter,
        What::Counter,
    ]);
    let measure = prop::sample::select(vec![Measure::Money, Measure::Money, Measure::Quantity, Measure::Foreign]);
    let side = || option::of(prop::sample::select(vec![Side::Debit, Side::Credit]));
    let accounts = || prop::sample::subsequence(ACCOUNTS.to_vec(), 1..ACCOUNTS.len());
    let name = prop::sample::select(vec![Name::Any, Name::Party, Name::Department]);
    let filters = prop::collection::vec((name, prop::sample::select(vec!["C1", "乙", "甲 #C1"])), 0..2);
    let months = (1_u8..5, 1_u8..5);
    (what, measure, (side(), side()), (accounts(), accounts()), filters, months, any::<bool>()).prop_map(
        |(what, measure, (side, detail), (accounts, counter), filters, (one, other), adjustments)| {
            let balance = matches!(what, What::Opening | What::Closing);
            let owned = |accounts: Vec<&str>| accounts.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let question = Question {
                what,
                measure,
                accounts: owned(accounts),
                counter: if what == What::Counter { owned(counter) } else { Vec::new() },
                from: Month::new(2025, one.min(other)).unwrap(),
                to: Month::new(2025, one.max(other)).unwrap(),
                side: if what == What::Counter { side.or(Some(Side::Debit)) } else { side },
                detail: detail.filter(|_| balance),
                filters: filters.into_iter().map(|(name, value)| Filter { name, value: value.to_owned() }).collect(),
            };
            (question, adjustments)
        },
    )
}

/// What a line adds, by the rules of the reference and without the code under test; `None` where it is not of the answer at all.
fn adds(line: &Line, voucher: &[&Line], question: &Question, adjustments: bool, closing: bool) -> Option<i64> {
    let (month, adjusts) = (line.period.month, line.period.adjustment);
    let within = match question.what {
        What::Opening => month < question.from,
        What::Closing => month < question.to || month == question.to && (adjustments || !adjusts),
        _ => question.from <= month && month <= question.to && (adjustments || !adjusts),
    };
    let without_closing = match question.what {
        What::Movement => true,
        What::Opening | What::Counter => false,
        What::Closing => adjusts && month == question.to,
        What::Turnover | What::Net => adjusts,
    };
    let is = |own: Option<&str>, value: &str| own.is_some_and(|own| own == value || own.split(" #").any(|part| part == value));
    let passes = |filter: &Filter| match filter.name {
        Name::Party => is(line.party, &filter.value),
        Name::Department => is(line.department, &filter.value),
        _ => is(line.party, &filter.value) || is(line.department, &filter.value),
    };
    let crosses = question.what != What::Counter
        || voucher.iter().any(|other| {
            let across = if question.side == Some(Side::Credit) { other.debit } else { other.credit };
            across != 0 && question.counter.iter().any(|account| account == other.account)
        });
    if !within || without_closing && closing || !crosses || !question.filters.iter().all(passes) {
        return None;
    }
    let sides = |value: i64| match (line.debit != 0, line.credit != 0) {
        (true, false) => (value, 0),
        (false, true) => (0, -value),
        _ => (value.max(0), (-value).max(0)),
    };
    let (debit, credit) = match question.measure {
        Measure::Money => (line.debit, line.credit),
        Measure::Quantity => sides(line.quantity.unwrap_or(0)),
        Measure::Foreign => sides(line.foreign.unwrap_or(0)),
    };
    Some(match (question.what, question.side) {
        (What::Turnover | What::Counter, Some(Side::Credit)) => credit,
        (What::Turnover | What::Counter, _) => debit,
        _ => debit - credit,
    })
}

fn yuan(whole: i64) -> Amount {
    Amount::from_whole(whole.into()).unwrap()
}

/// By account and period: the lines of an answer, as their places among the lines of the period.
type Expected = BTreeMap<(String, Period), Vec<(usize, i64)>>;

fn expected(lines: &[Line], kept: &Kept, question: &Question, adjustments: bool) -> Expected {
    let mut found = BTreeMap::<_, Vec<(Period, usize, i64)>>::new();
    let mut places: HashMap<Period, usize> = HashMap::new();
    let mut vouchers: HashMap<&str, Vec<&Line>> = HashMap::new();
    lines.iter().for_each(|line| vouchers.entry(&line.voucher).or_default().push(line));
    for line in lines {
        let place = places.entry(line.period).or_default();
        let closing = kept.closing[&line.period].contains(&line.voucher);
        if question.accounts.iter().any(|account| account == line.account)
            && let Some(amount) = adds(line, &vouchers[line.voucher.as_str()], question, adjustments, closing)
        {
            found.entry((line.account.to_owned(), line.party)).or_default().push((line.period, *place, amount));
        }
        *place += 1;
    }
    let mut expected = Expected::new();
    for ((account, _), own) in found {
        let sum: i64 = own.iter().map(|(.., amount)| amount).sum();
        let counts = question.detail.is_none_or(|side| if side == Side::Credit { sum < 0 } else { sum > 0 });
        for (period, place, amount) in own.into_iter().filter(|_| counts) {
            expected.entry((account.clone(), period)).or_default().push((place, amount));
        }
    }
    expected.values_mut().for_each(|lines| lines.sort_unstable());
    expected
}

fn holds(lines: &[Line], kept: &Kept, question: &Question, adjustments: bool) -> Result<(), TestCaseError> {
    let seen = kept.book.seen(adjustments);
    let answer = seen.ask(question);
    let by_period = seen.by_period(question, &kept.closing);
    if let Err(gap) = &answer {
        prop_assert_eq!(by_period, Err(gap.clone()));
        return Ok(());
    }
    let expected = expected(lines, kept, question, adjustments);
    let by_period = by_period.unwrap();

    // By period: the same as the naive walk, and its sums are the parts of the answer.
    let mut naive: BTreeMap<String, Vec<(Period, Amount)>> = BTreeMap::new();
    for ((account, period), lines) in expected.iter().rev() {
        // A counter question knows only of lines that add something.
        if question.what != What::Counter || lines.iter().any(|(_, amount)| *amount != 0) {
            naive.entry(account.clone()).or_default().push((*period, yuan(lines.iter().map(|(_, amount)| amount).sum())));
        }
    }
    prop_assert_eq!(&by_period, &naive);
    let sum =
        |amounts: &[(Period, Amount)]| amounts.iter().try_fold(Amount::ZERO, |sum, (_, add)| sum.checked_add(*add)).unwrap();
    let parts: BTreeMap<String, Amount> = answer.unwrap().into_iter().map(|part| (part.account, part.amount)).collect();
    prop_assert_eq!(&parts, &by_period.iter().map(|(account, periods)| (account.clone(), sum(periods))).collect());

    // What `lines` gives adds up to the same.
    let mut walked: BTreeMap<(String, Period), Amount> = BTreeMap::new();
    seen.lines(question, &kept.closing, |period, sealed| {
        let (account, amount) = match sealed {
            Sealed::Entry(entry, amount) => (entry.account().to_owned(), amount),
            Sealed::Opening(account, amount) => (account.to_owned(), amount),
        };
        let sum = walked.entry((account, period)).or_default();
        *sum = sum.checked_add(amount).unwrap();
    })
    .unwrap();
    for (account, periods) in &by_period {
        for (period, amount) in periods {
            prop_assert_eq!(walked.get(&(account.clone(), *period)).copied().unwrap_or_default(), *amount);
        }
    }

    // Page by page, each line is there once and in its place.
    for period in PERIODS.map(|period| period.parse::<Period>().unwrap()) {
        let closing = &kept.closing[&period];
        let entries = kept.files.contains_key(&period).then(|| kept.entries(period));
        for account in ACCOUNTS {
            let own = expected.get(&(account.to_owned(), period));
            let page = |skip, most| seen.page(question, account, period, closing, skip, most).unwrap();
            let Some(entries) = &entries else {
                let opening = own.map(|lines| yuan(lines.iter().map(|(_, amount)| amount).sum()));
                let page = page(0, 10);
                prop_assert_eq!((page.lines, page.count, page.opening), (Vec::new(), 0, opening));
                prop_assert_eq!(page.sum, opening.unwrap_or_default());
                continue;
            };
            let own: Vec<(Entry, Amount)> = own
                .into_iter()
                .flatten()
                .filter(|(_, amount)| *amount != 0)
                .map(|(place, amount)| (entries[*place].clone(), yuan(*amount)))
                .collect();
            let total = yuan(0);
            let total = own.iter().try_fold(total, |sum, (_, add)| sum.checked_add(*add)).unwrap();
            for (skip, most) in [(0, 1), (1, 2), (0, usize::MAX), (own.len(), 5)] {
                let page = page(skip, most);
                prop_assert_eq!((page.count, page.sum, page.opening), (own.len() as u64, total, None));
                let shown: Vec<_> = own.iter().skip(skip).take(most).cloned().collect();
                prop_assert_eq!(page.lines, shown);
            }
            // Voucher by voucher, the largest first.
            let mut sums: BTreeMap<&str, (Amount, u64)> = BTreeMap::new();
            for (entry, amount) in &own {
                let (sum, lines) = sums.entry(entry.voucher()).or_default();
                (*sum, *lines) = (sum.checked_add(*amount).unwrap(), *lines + 1);
            }
            let mut sizes: Vec<i128> = sums.values().map(|(sum, _)| sum.units().abs()).collect();
            sizes.sort_unstable_by_key(|size| -size);
            let found = seen.largest(question, period, closing, 2).unwrap().remove(account).unwrap_or_default();
            prop_assert_eq!(found.1, sums.len() as u64);
            prop_assert_eq!(
                found.0.iter().map(|added| added.amount.units().abs()).collect::<Vec<_>>(),
                &sizes[..sizes.len().min(2)]
            );
            for added in &found.0 {
                prop_assert_eq!(sums[added.first.voucher()], (added.amount, added.lines));
                prop_assert_eq!(added.first.account(), account);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn periods_and_pages_are_those_of_a_naive_walk(
        vouchers in vouchers(),
        questions in prop::collection::vec(questions(), 12),
    ) {
        let lines = lines(vouchers);
        let kept = keep(&lines, "2025-02");
        for (question, adjustments) in questions {
            holds(&lines, &kept, &question, adjustments)?;
        }
    }
}

/// A month of three row groups, whose vouchers of three lines do not end where groups do.
fn large() -> Vec<Line> {
    let voucher = |key: usize| {
        let line = move |at: usize| Line {
            period: "2025-02".parse().unwrap(),
            voucher: format!("{key:06}"),
            line: at,
            account: if at == 2 {
                "6001"
            } else if key.is_multiple_of(1000) {
                "1122"
            } else {
                "1002"
            },
            party: key.is_multiple_of(7).then_some(PARTIES[0]),
            department: None,
            debit: if at == 0 { 1 + (key % 50) as i64 } else { 0 },
            credit: if at == 2 { 1 + (key % 50) as i64 } else { 0 },
            quantity: None,
            foreign: None,
        };
        (0..3).map(line)
    };
    (1..25_000).flat_map(voucher).collect()
}

/// The same rows as an earlier version wrote them: without statistics, and here in groups of another size.
fn as_before(path: &Path) -> PathBuf {
    let old = path.with_extension("old");
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let properties = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None);
    let properties = properties.set_max_row_group_row_count(Some(10_000)).build();
    let mut writer = ArrowWriter::try_new(File::create(&old).unwrap(), reader.schema().clone(), Some(properties)).unwrap();
    reader.build().unwrap().for_each(|batch| writer.write(&batch.unwrap()).unwrap());
    writer.close().unwrap();
    old
}

#[test]
fn vouchers_and_pages_are_found_across_row_groups() {
    let lines = large();
    let kept = keep(&lines, "2025-01");
    let period: Period = "2025-02".parse().unwrap();
    let entries = kept.entries(period);
    let path = &kept.files[&period];
    let groups = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().metadata().clone();
    let ends: BTreeSet<usize> = groups.row_groups().iter().map(|group| usize::try_from(group.num_rows()).unwrap()).collect();
    assert_eq!((groups.num_row_groups(), ends.last()), (3, Some(&32_768)));
    let statistics =
        |group: usize| groups.row_group(group).columns().iter().filter(|column| column.statistics().is_some()).count();
    assert_eq!([0, 1, 2].map(statistics), [1; 3], "of the voucher's key alone");

    // The voucher of row 32,767 goes on in the second group.
    let across = entries[32_767].voucher().to_owned();
    let old = as_before(path);
    for key in ["000001", &across, "024999", "012345"] {
        let naive: Vec<Entry> = entries.iter().filter(|entry| entry.voucher() == key).cloned().collect();
        assert_eq!(naive.len(), 3);
        assert_eq!(journal::voucher(path, key).unwrap(), naive);
        assert_eq!(journal::voucher(&old, key).unwrap(), naive);
    }
    assert_eq!(journal::voucher(path, "025000").unwrap(), []);
    assert_eq!(journal::voucher(&old, "").unwrap(), []);

    let month = period.month;
    let question = |what, account: &str, counter: &[&str], side| Question {
        what,
        measure: Measure::Money,
        accounts: vec![account.to_owned()],
        counter: counter.iter().map(|account| (*account).to_owned()).collect(),
        from: month,
        to: month,
        side: Some(side),
        detail: None,
        filters: Vec::new(),
    };
    let seen = kept.book.seen(false);
    let none = HashSet::new();
    for (question, all) in [
        (question(What::Turnover, "1002", &[], Side::Debit), 24_975),
        (question(What::Counter, "1002", &["6001"], Side::Debit), 24_975),
        (question(What::Counter, "6001", &["1122"], Side::Credit), 24),
        (question(What::Counter, "1002", &["1122"], Side::Debit), 0),
    ] {
        let own: Vec<(&Entry, Amount)> = {
            let naive = expected(&lines, &kept, &question, false);
            let own = naive.values().flatten().filter(|(_, amount)| *amount != 0);
            own.map(|(place, amount)| (&entries[*place], yuan(*amount))).collect()
        };
        assert_eq!(own.len(), all);
        let account = question.accounts[0].clone();
        for (skip, most) in [(0, 50), (10_900, 50), (24_970, 50), (20, 1)] {
            let page = seen.page(&question, &account, period, &none, skip, most).unwrap();
            let shown: Vec<_> = page.lines.iter().map(|(entry, amount)| (entry, *amount)).collect();
            assert_eq!(shown, own.iter().copied().skip(skip).take(most).collect::<Vec<_>>());
            let sum = own.iter().try_fold(Amount::ZERO, |sum, (_, amount)| sum.checked_add(*amount)).unwrap();
            assert_eq!((page.count, page.sum), (all as u64, sum));
        }
    }
}
