//! Clocks that differ, and a receiver whose log is not the one of which receipts are kept.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use crate::{
    Site,
    delivery::{Bureau, SUBMIT, another_time, enrolled, receipts, sign_month, signed, state},
};

const SIGN: [&str; 5] = ["sign", "--form", "B203", "--period", "2025-06"];

fn by_clock(site: &Site, by: &str, args: &[&str]) -> Output {
    let mut command = another_time(Path::new(env!("CARGO_BIN_EXE_taizhang")), by);
    command.current_dir(site.folder.path()).args(["--lang", "en"]).args(args);
    command.env("TAIZHANG_TEST_PASSWORD", crate::PASSWORD).output().unwrap()
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn signatures_by_a_wrong_clock_are_told_refused_and_made_anew_one_by_one() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    // A person who has no certificate yet is told so, wherever it is asked for.
    fs::rename(site.path("wu.crt"), site.path("away.crt")).unwrap();
    assert!(said(&site.run(&["check"])).contains("warning[person-not-enrolled]"));
    fs::rename(site.path("away.crt"), site.path("wu.crt")).unwrap();
    let of = ["--form", "B203", "--period", "2025-06"];
    site.ok(&["build", "--period", "2025-06"]);
    site.explains("B203", "2025-06", "wu");
    site.ok(&[&["review"][..], &of, &["--as", "wu"]].concat());
    site.ok(&[&["approve"][..], &of, &["--as", "zhoumin"]].concat());
    let digest = crate::csv(&site.ok(&[&SIGN[..], &["--format", "csv"]].concat()))[0]["digest"].clone();
    let roles = [("preparer", "wu"), ("statistician", "zhoumin"), ("head", "zhoumin")];
    let sign = |(role, person)| [&SIGN[..], &["--role", role, "--as", person, "--digest", &digest]].concat();
    for role in roles {
        let out = by_clock(&site, "+1h", &sign(role));
        assert!(out.status.success() && said(&out).contains("warning[bureau-clock-differs]"), "{}", said(&out));
    }
    let refused = site.refused(&SUBMIT, 1, &["signature-time (preparer), signature-time (statistician), signature-time (head)"]);
    // The clock is right by now, and nothing else is said of it.
    assert!(!refused.contains("bureau-clock-differs"), "{refused}");
    assert!(said(&by_clock(&site, "+1h", &SUBMIT)).contains("bureau-clock-differs"));
    assert!(said(&site.run(&["status"])).contains("signature-time (head)"));
    // Once more is the same receipt, and one row of it.
    assert_eq!(crate::csv(&site.ok(&["receipt", "list", "--format", "csv"])).len(), 1);
    // Whoever signs first sets the others' aside; each signs anew, and nobody has to approve again.
    let out = site.run(&sign(roles[1]));
    let told = said(&out);
    assert!(out.status.success() && told.matches("warning[signature-set-aside]").count() == 2, "{told}");
    for role in [roles[0], roles[2]] {
        let out = site.run(&sign(role));
        assert!(out.status.success() && !said(&out).contains("signature-set-aside"), "{}", said(&out));
    }
    site.ok(&SUBMIT);
    assert_eq!(state(&site), "delivered");
    // A receiver that is behind: what was signed by the right clock has not been signed yet.
    site.ok(&["ledger", "adjust", "B203:601", "--period", "2025-06", "--amount", "42", "--reason", "花名册人数", "--as", "wu"]);
    sign_month(&site, "2025-06");
    bureau.kill();
    bureau.serve_at("-1h");
    // Its machine's certificate is younger than that, so TLS turns it away and the package waits; what the clocks have to do with it is said.
    site.refused(&SUBMIT, 3, &["bureau-unreachable", "bureau-clock-differs", "package-queued"]);
    bureau.kill();
    bureau.serve();
    site.ok(&SUBMIT);
    bureau.ok(&["log", "verify"]);
    site.ok(&["log", "verify"]);
}

fn file(bureau: &Bureau) -> PathBuf {
    bureau.folder.path().join("bureau-state/bureau.sqlite")
}

fn settled(bureau: &Bureau) -> Vec<u8> {
    let connection = rusqlite::Connection::open(file(bureau)).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    fs::read(file(bureau)).unwrap()
}

#[test]
fn a_receiver_that_was_cut_off_contradicts_a_receipt_until_a_person_says_that_it_began_anew() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = signed(&bureau);
    let restart = ["receipt", "restart", "--reason", "县局王科长电话：换了磁盘", "--as", "wu"];
    site.refused(&restart, 1, &["receipt-log-unseen"]);
    let before = settled(&bureau);
    site.ok(&SUBMIT);
    let extends = |site: &Site| said(&site.run(&["log", "verify"])).contains("[receipt-log-extends]");
    assert!(extends(&site));
    bureau.kill();
    let out = site.run(&["log", "verify"]);
    assert!(out.status.success() && said(&out).contains("[receipt-log-away]"), "{}", said(&out));
    // The backup of before: the receiver sees nothing of it, and whoever has the receipt does.
    for ending in ["sqlite-wal", "sqlite-shm"] {
        let _ = fs::remove_file(file(&bureau).with_extension(ending));
    }
    fs::write(file(&bureau), before).unwrap();
    bureau.serve();
    bureau.ok(&["log", "verify"]);
    let receipt = receipts(&site).remove(0);
    let found = bureau.run(&["log", "verify", "--checkpoint", receipt.to_str().unwrap()]);
    assert!(found.status.code() == Some(1) && said(&found).contains("bureau-log-cut"), "{}", said(&found));
    site.refused(&["log", "verify"], 1, &["receipt-log-cut"]);
    // Another month's receipt, as long a history with another end, is not believed, and its package waits.
    sign_month(&site, "2025-05");
    let submit = ["submit", "--period", "2025-05", "--as", "wu"];
    site.refused(&submit, 1, &["receipt-log-differs", "package-queued", "receipt restart"]);
    assert_eq!(receipts(&site).len(), 1);
    // A person records what the bureau says; what contradicts stays there to be seen.
    assert!(said(&site.run(&restart)).contains("receipt-log-restarted"));
    site.ok(&submit);
    let out = site.run(&["log", "verify"]);
    let told = said(&out);
    assert!(
        out.status.success() && told.contains("warning[receipt-log-differs]") && told.contains("[receipt-log-extends]"),
        "{told}"
    );
}
