/*! kill -9 of the receiver at random moments of receiving: every package is received exactly once, every receipt stays, the log holds. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use common::{Bureau, Order, UNIT, month_ago, receipt};

/// How often the receiver is killed; `TAIZHANG_KILLS` says another number. With the kills of agent and receiver in `tests/end_to_end/kills.rs`
/// that is two hundred of each run of all tests.
const KILLS: u64 = 100;

/// Sends without waiting for anything but curl itself; nothing where no answer came.
fn send(bureau: &Bureau, file: &str) -> Option<(u16, Vec<u8>)> {
    let answer = format!("{file}.answer");
    let child = Command::new("curl")
        .args(["--silent", "--max-time", "20", "--write-out", "%{http_code}", "--output", &answer, "--cacert"])
        .arg(bureau.authority())
        .args(["--key", &format!("{UNIT}.key"), "--cert", &format!("{UNIT}.pem")])
        .args(["--header", "Content-Type: application/vnd.etsi.asic-e+zip", "--data-binary", &format!("@{file}")])
        .arg(format!("{}/v1/packages", bureau.url()))
        .current_dir(bureau.folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.wait_with_output().unwrap();
    let status = out.status.success().then(|| String::from_utf8(out.stdout).unwrap().parse().unwrap())?;
    Some((status, std::fs::read(bureau.path(&answer)).unwrap()))
}

#[test]
fn a_killed_receiver_loses_and_doubles_nothing() {
    let kills = std::env::var("TAIZHANG_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(if common::on_server() {
        KILLS / 4
    } else {
        KILLS
    });
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    // Two senders at once, each with its own chain of months.
    let packages: Vec<String> = (0..2 * kills)
        .map(|at| {
            let period = month_ago(u16::try_from(at / 2 % 12).unwrap() + 1);
            let order = Order { trial: at % 2 == 0, figure: i64::try_from(at).unwrap(), period, ..Order::default() };
            let file = format!("p{at}.asice");
            common::write(&bureau.path(&file), &site.bytes(&order));
            file
        })
        .collect();
    let mut random = u64::from(std::process::id()) | 1;
    let mut receipts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut lost = 0;
    for pair in packages.chunks(2) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let moment = Duration::from_micros(random % 60_000);
        let answers: Vec<Option<(u16, Vec<u8>)>> = std::thread::scope(|scope| {
            let shared = &bureau;
            let senders: Vec<_> = pair.iter().map(|file| scope.spawn(move || send(shared, file))).collect();
            let begun = Instant::now();
            while begun.elapsed() < moment {
                std::thread::sleep(Duration::from_micros(200));
            }
            shared.kill_now();
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        bureau.kill();
        bureau.serve();
        for (file, answer) in pair.iter().zip(answers) {
            // What the agent does: it asks again until it has its receipt.
            let (status, bytes) = answer.unwrap_or_else(|| {
                lost += 1;
                send(&bureau, file).expect("the receiver is there again")
            });
            assert!(matches!(status, 200 | 201 | 422), "{file}: {status}");
            receipts.insert(file.clone(), bytes);
        }
    }
    for (file, first) in &receipts {
        let (_, again) = send(&bureau, file).unwrap();
        let (first, again) = (receipt(first), receipt(&again));
        assert_eq!(first.receipt, again.receipt, "{file}: a receipt that was given stays the receipt");
    }
    let taken = receipts.values().filter(|bytes| receipt(bytes).receipt.verdict == seal::Verdict::Received).count();
    let reports = bureau.json(&["reports"]);
    assert_eq!(reports.len(), taken, "each once");
    let payloads: std::collections::BTreeSet<&str> = reports.iter().map(|report| report["payload"].as_str().unwrap()).collect();
    assert_eq!(payloads.len(), taken);
    assert!(taken >= 20 && lost * 10 > kills, "{taken} were taken, {lost} answers of {kills} kills were lost");
    bureau.run(&["log", "verify"]);
}
