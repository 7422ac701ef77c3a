/*! Sealing on a book made by hand: identity, findings, closing vouchers, differences. */
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::{collections::HashMap, fs, ops::ControlFlow, path::Path, process::Command, sync::Arc};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use journal::{Change, Pending, Role, Sealer, cube_path, diff, entries_path, read_cube, read_entries, read_turnover, root_of};
use model::Finding;

const COLUMNS: [&str; 8] = ["month", "adjustment", "voucher", "number", "account", "summary", "debit", "credit"];
type Line = [&'static str; 8];

fn batch(lines: &[Line]) -> RecordBatch {
    let arrays = (0..COLUMNS.len()).map(|at| {
        let values: StringArray = lines.iter().map(|line| Some(line[at]).filter(|text| *text != "∅")).collect();
        Arc::new(values) as ArrayRef
    });
    RecordBatch::try_from_iter_with_nullable(COLUMNS.into_iter().zip(arrays).map(|(name, array)| (name, array, true))).unwrap()
}

fn roles() -> HashMap<String, Role> {
    let roles =
        [("1002", Role::BalanceSheet), ("4103", Role::Profit), ("6001", Role::ProfitAndLoss), ("6401", Role::ProfitAndLoss)];
    roles.map(|(account, role)| (account.to_owned(), role)).into()
}

fn seal(folder: &Path, batches: &[&[Line]]) -> (Vec<Pending>, Vec<Finding>) {
    let roles = roles();
    let mut sealer = Sealer::new(folder, &roles, None);
    for lines in batches {
        sealer.push(&batch(lines)).unwrap();
    }
    sealer.finish(&[]).unwrap()
}

const SALE: [Line; 2] =
    [["2025-01", "0", "7", "记-1", "1002", "收款", "113.00", "0"], ["2025-01", "0", "7", "记-1", "6001", "∅", "0", "113"]];

#[test]
fn the_identity_is_what_the_specification_says() {
    let folder = tempfile::tempdir().unwrap();
    let (pending, findings) = seal(folder.path(), &[&SALE]);
    assert_eq!(findings, []);
    // docs/specs/snapshot.md, followed by another tool.
    let script = r#"
import hashlib, struct
t = lambda s: b'\xff\xff\xff\xff' if s is None else struct.pack('>I', len(s.encode())) + s.encode()
a = lambda n: b'\x00' if n is None else b'\x01' + (n * 10**9).to_bytes(16, 'big', signed=True)
def line(account, summary, debit, credit):
    texts = ['7', account, '记-1', None, None, None, summary] + [None] * 8
    return b''.join(map(t, texts)) + a(debit) + a(credit) + a(None) + a(None)
lines = sorted([line('1002', '收款', 113, 0), line('6001', None, 0, 113)])
print(hashlib.sha256(b'\x00' + t('2025-01') + struct.pack('>I', 2) + b''.join(lines)).hexdigest())
"#;
    let out = Command::new("python3").args(["-c", script]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(pending[0].root.to_string(), String::from_utf8(out.stdout).unwrap().trim());
    pending[0].keep().unwrap();
    let path = entries_path(folder.path(), pending[0].period, pending[0].root);
    assert_eq!(
        root_of(&path, pending[0].period).unwrap(),
        pending[0].root,
        "read back, the file has the identity it was sealed with"
    );
    let proven = journal::prove(&path, pending[0].period, "7").unwrap().unwrap();
    assert_eq!((proven.lines.len(), proven.root, proven.path.root(proven.root)), (2, pending[0].root, Some(pending[0].root)));
    assert_eq!(journal::prove(&path, pending[0].period, "8").unwrap(), None);
    assert_eq!(Some(journal::file_digest(&path).unwrap()), pending[0].file);
    let mut read = Vec::new();
    let take = |entry: journal::Entry| {
        read.push((entry.number().to_owned(), entry.text("summary").map(str::to_owned), entry.debit().fixed(2)));
        ControlFlow::Continue(())
    };
    read_entries(&path, take).unwrap();
    assert_eq!(read[0], ("记-1".to_owned(), Some("收款".to_owned()), "113.00".to_owned()));
    let cube = cube_path(folder.path(), pending[0].period, pending[0].root);
    assert_eq!(read_turnover(&cube).unwrap(), pending[0].turnover);
    // No line of this sale has a dimension: added up over all of them it is the same.
    assert_eq!(read_cube(&cube).unwrap(), pending[0].turnover);
}

#[test]
fn batches_and_delivery_order_change_neither_identity_nor_bytes_of_the_cube() {
    let [one, two] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (whole, _) = seal(one.path(), &[&SALE]);
    let (pieces, _) = seal(two.path(), &[&SALE[1..], &SALE[..1]]);
    assert_eq!((whole[0].root, &whole[0].turnover), (pieces[0].root, &pieces[0].turnover));
    [&whole[0], &pieces[0]].into_iter().for_each(|pending| pending.keep().unwrap());
    let cube = |folder: &Path| fs::read(cube_path(folder, whole[0].period, whole[0].root)).unwrap();
    assert_eq!(cube(one.path()), cube(two.path()));
}

#[test]
fn all_findings_come_at_once_and_name_their_vouchers() {
    let folder = tempfile::tempdir().unwrap();
    let lines: [Line; 6] = [
        ["2025-01", "0", "7", "记-1", "1002", "", "100", "0"],
        ["2025-01", "0", "7", "记-1", "6001", "", "0", "99.99"],
        ["2025-01", "0", "8", "记-2", "9999", "", "1", "1"],
        ["2025-01", "0", "9", "记-3", "1002", "", "1e3", "∅"],
        ["2025-01", "0", "7", "记-1", "1002", "", "0", "0"],
        ["2025-1", "0", "10", "记-4", "1002", "", "0", "0"],
    ];
    let (_, findings) = seal(folder.path(), &[&lines]);
    let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
    for expected in [
        "voucher-unbalanced at 2025-01, 记-1, debit 100.00, credit 99.99",
        "account-unknown at 2025-01, 记-2, account 9999",
        "amount-unreadable at 2025-01, 9, column debit, account 1002",
        "amount-unreadable at 2025-01, 9, column credit, account 1002, reason NULL",
        "voucher-scattered at 2025-01, 7",
        "month-unreadable, text 2025-1",
    ] {
        assert!(found.iter().any(|finding| finding.starts_with(expected)), "{expected}: {found:#?}");
    }
}

#[test]
fn closing_vouchers_are_told_by_what_they_do() {
    let folder = tempfile::tempdir().unwrap();
    let lines: [Line; 7] = [
        // Named 结转, and ordinary turnover: cost of sales out of stock.
        ["2025-01", "0", "1", "转-1", "6401", "结转销售成本", "60", "0"],
        ["2025-01", "0", "1", "转-1", "1002", "结转销售成本", "0", "60"],
        // Not named so, and closing: made by hand in the middle of the year.
        ["2025-01", "0", "2", "记-2", "6001", "调整", "113", "0"],
        ["2025-01", "0", "2", "记-2", "6401", "调整", "0", "60"],
        ["2025-01", "0", "2", "记-2", "4103", "调整", "0", "53"],
        // Profit handed out in cash touches no profit and loss.
        ["2025-01", "0", "3", "记-3", "4103", "结转", "10", "0"],
        ["2025-01", "0", "3", "记-3", "1002", "结转", "0", "10"],
    ];
    let (pending, findings) = seal(folder.path(), &[&lines]);
    assert_eq!(findings, []);
    let closing: Vec<&str> = pending[0].closing.iter().map(|voucher| voucher.number.as_str()).collect();
    assert_eq!(closing, ["记-2"]);
    let marked: Vec<(&str, bool)> = pending[0].turnover.iter().map(|cell| (&*cell.account, cell.closing)).collect();
    assert_eq!(marked, [("1002", false), ("4103", false), ("6401", false), ("4103", true), ("6001", true), ("6401", true)]);
}

#[test]
fn differences_are_matched_by_content() {
    let [old, new] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let kept = |folder: &Path, lines: &[Line]| {
        let (pending, findings) = seal(folder, &[lines]);
        assert_eq!(findings, []);
        pending[0].keep().unwrap();
        (entries_path(folder, pending[0].period, pending[0].root), pending[0].period)
    };
    let pair = |voucher: &'static str, number: &'static str, summary: &'static str, amount: &'static str| -> [Line; 2] {
        [
            ["2025-01", "0", voucher, number, "1002", summary, amount, "0"],
            ["2025-01", "0", voucher, number, "6001", summary, "0", amount],
        ]
    };
    let before =
        [pair("1", "记-1", "a", "10"), pair("2", "记-2", "b", "20"), pair("3", "记-3", "c", "30"), pair("4", "记-4", "d", "40")];
    // One inserted at the front: the others move up a number. One amount changes. One is gone.
    let after =
        [pair("0", "记-1", "new", "5"), pair("1", "记-2", "a", "10"), pair("2", "记-3", "b", "20"), pair("3", "记-4", "c", "31")];
    let (old, period) = kept(old.path(), before.as_flattened());
    let (new, _) = kept(new.path(), after.as_flattened());
    let changes = diff(Some(&old), Some(&new), period).unwrap();
    let words: Vec<String> = changes
        .iter()
        .map(|change| match change {
            Change::Renumbered(pairs) => format!("renumbered {pairs:?}"),
            Change::Changed { number, lines } => {
                let lines = lines.iter().map(|l| format!("{}{}", if l.added { "+" } else { "-" }, l.entry.debit()));
                format!("changed {number} {}", lines.collect::<Vec<_>>().join(" "))
            }
            Change::Added { number, lines } => format!("added {number} {}", lines.len()),
            Change::Removed { number, lines } => format!("removed {number} {}", lines.len()),
        })
        .collect();
    assert_eq!(
        words,
        [r#"renumbered [("记-1", "记-2"), ("记-2", "记-3")]"#, "changed 记-4 -30 -0 +31 +0", "added 记-1 2", "removed 记-4 2"]
    );
    assert_eq!(diff(Some(&new), Some(&new), period).unwrap(), []);
    assert_eq!(diff(None, Some(&old), period).unwrap().len(), 4);
}
