/*! What a clerk of the bureau does and sees: registers, verifies, refuses, decides. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::{fs, process::Command};

use common::{Bureau, Order, Site, UNIT, now, period, reasons, receipt};
use seal::{Digest, Limits, Role, Scan};

fn said(bureau: &Bureau, args: &[&str]) -> String {
    let out = bureau.output(args);
    String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap()
}

/// A file of the package in the bureau's folder.
fn file(bureau: &Bureau, site: &Site, name: &str, order: &Order) -> Digest {
    let package = site.package(order);
    fs::write(bureau.path(name), package.write(Limits::default()).unwrap()).unwrap();
    package.digest()
}

#[test]
fn a_sheet_without_a_column_keeps_what_the_unit_had() {
    let bureau = Bureau::new();
    let unit = || bureau.json(&["unit", "list"]).into_iter().find(|row| row["unit"] == UNIT).unwrap();
    fs::write(bureau.path("names.csv"), format!("code,name\n{UNIT},新名称\n")).unwrap();
    bureau.run(&["unit", "import", "names.csv"]);
    let row = unit();
    let columns = ["unit_name", "region", "industry", "official"].map(|name| row[name].as_str().unwrap().to_owned());
    assert_eq!(columns, ["新名称", "350100", "3411", "B203"]);
    fs::write(bureau.path("forms.csv"), format!("code,name,official\n{UNIT},新名称,B2O3\n")).unwrap();
    let (exit, told) = bureau.fails(&["unit", "import", "forms.csv"]);
    assert!(exit == 1 && told.contains("register-form-unknown") && told.contains("最接近的是 B203"), "{told}");
    assert_eq!(unit(), row);
    let (_, told) = {
        fs::write(bureau.path("odd.csv"), "code,name\n91330106MA2TZ0001L,甲\n").unwrap();
        bureau.fails(&["unit", "import", "odd.csv"])
    };
    assert!(told.contains("第 13 位的“Z”") || told.contains("第 12 位的“Z”"), "{told}");
    let table = said(&bureau, &["unit", "list"]);
    assert!(table.starts_with("统一社会信用代码"), "{table}");
}

#[test]
fn refusals_are_seen_and_receipts_say_what_they_are() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    let digest = file(&bureau, &site, "p.asice", &Order::default());
    bureau.run(&["import", "p.asice"]);
    let told = said(&bureau, &["verify", "p.asice.receipt.asice"]);
    assert!(told.contains("receipt-valid") && told.contains("收下") && told.contains(&digest.to_string()), "{told}");
    let stray = Order { form: "E204-1", channel: "companion", ..Order::default() };
    let refused = file(&bureau, &site, "q.asice", &stray);
    bureau.fails(&["import", "q.asice"]);
    let out = bureau.output(&["verify", "q.asice.receipt.asice"]);
    let told = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.success(), "the receipt holds: {told}");
    assert!(told.contains("没有收") && told.contains("package-filing-missing") && told.contains(&refused.to_string()), "{told}");
    assert_eq!(bureau.submit(UNIT, b"garbage", &[]).0, 422);

    let rows = bureau.json(&["refusals"]);
    let column = |name: &str| rows.iter().map(|row| row[name].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(column("reasons"), ["package-filing-missing identity.json", "container-unknown"]);
    assert_eq!(column("payload"), [refused.to_string(), Digest::of(b"garbage").to_string()]);
    assert_eq!(column("unit"), [UNIT, UNIT]);
    bureau.run(&["refusals", "--to", "refused"]);
    assert_eq!(fs::read_dir(bureau.path("refused")).unwrap().count(), 2);

    let events: Vec<String> = bureau.json(&["log", "list"]).iter().map(|row| row["event"].as_str().unwrap().to_owned()).collect();
    for event in ["unit", "enrolment", "enrolled", "certificate", "received", "refused"] {
        assert!(events.iter().any(|known| known == event), "{event}: {events:?}");
    }
    let list = said(&bureau, &["log", "list", "--unit", UNIT]);
    assert!(list.contains("没有收") && list.contains("发出证书"), "{list}");
}

#[test]
fn a_receipt_that_is_in_the_way_hides_nothing() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    // The first one is refused: a role is missing.
    let first = Order { roles: vec![Role::Preparer], ..Order::default() };
    file(&bureau, &site, "m.asice", &first);
    bureau.fails(&["import", "m.asice"]);
    let before = fs::read(bureau.path("m.asice.receipt.asice")).unwrap();
    file(&bureau, &site, "m.asice", &Order::default());
    let told = said(&bureau, &["import", "m.asice"]);
    assert!(told.contains("package-received") && told.contains("m.asice.receipt-2.asice"), "{told}");
    assert_eq!(fs::read(bureau.path("m.asice.receipt.asice")).unwrap(), before);
    assert_eq!(reasons(&fs::read(bureau.path("m.asice.receipt-2.asice")).unwrap()), [""; 0]);
    // No place to write it to: what became of the package is told all the same.
    file(&bureau, &site, "n.asice", &Order { trial: true, ..Order::default() });
    let (_, told) = bureau.fails(&["import", "n.asice", "--receipt", "no/such/folder/r.asice"]);
    assert!(told.contains("package-received") && told.contains("receipt-unwritten"), "{told}");
    assert_eq!(bureau.json(&["reports"]).len(), 2);
}

#[test]
fn a_file_that_is_too_large_is_refused_under_its_own_digest() {
    let mut bureau = Bureau::new();
    bureau.serve();
    bureau.unit(UNIT);
    let large = fs::File::create(bureau.path("large.asice")).unwrap();
    large.set_len(70_000_000).unwrap();
    let (exit, told) = bureau.fails(&["import", "large.asice"]);
    assert!(exit == 1 && told.contains("container-too-large") && told.contains("70000000"), "{told}");
    let out = Command::new("sha256sum").arg(bureau.path("large.asice")).output().unwrap();
    let digest = String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap().to_owned();
    let read = receipt(&fs::read(bureau.path("large.asice.receipt.asice")).unwrap()).receipt;
    assert_eq!([read.payload.to_string(), read.package.to_string()], [digest.clone(), digest]);
    // Over both protocols the answer is a status.
    let (key, certificate) = (format!("{UNIT}.key"), format!("{UNIT}.pem"));
    let kind = "Content-Type: application/vnd.etsi.asic-e+zip";
    let sent = ["--key", &key, "--cert", &certificate, "--header", kind, "--data-binary", "@large.asice"];
    for protocol in ["--http1.1", "--http2"] {
        assert_eq!(bureau.curl("/v1/packages", &[&[protocol][..], &sent].concat()).0, 413, "{protocol}");
    }
}

#[test]
fn a_paper_signature_is_named_as_one() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    let order = Order { roles: vec![Role::Preparer, Role::StatisticsHead], ..Order::default() };
    let mut package = site.package(&order);
    let page = [&b"%PDF-1.7\n"[..], &[b' '; 2000], b"\n%%EOF\n"].concat();
    let scan = Scan { kind: "pdf".to_owned(), bytes: page };
    package.sign_on_paper(&site.preparer.identity(), Role::UnitHead, scan, now()).unwrap();
    fs::write(bureau.path("p.asice"), package.write(Limits::default()).unwrap()).unwrap();
    let told = said(&bureau, &["verify", "p.asice"]);
    assert!(told.contains("单位负责人（纸上签字，证明人 王五）") && told.contains("填表人 王五"), "{told}");
}

#[test]
fn what_was_returned_is_not_accepted_until_it_is_corrected() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    let first = file(&bureau, &site, "p.asice", &Order::default());
    bureau.run(&["import", "p.asice"]);
    let period = period();
    // A month is read as people write it.
    let month = period.replace('-', "年") + "月";
    let letter = |verb: &'static str, period: &str| {
        let args = [verb, UNIT, "--form", "B203", "--edition", "2025", "--period", period, "--text", "请核实"];
        args.map(str::to_owned).to_vec()
    };
    let run = |args: Vec<String>| said(&bureau, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(run(letter("return", &month)).contains("message-written"));
    assert!(run(letter("accept", &period)).contains("report-decided"));
    assert!(run(letter("return", &period)).contains("report-decided"));
    let second = Order { figure: 200, supersedes: Some(first.to_string()), ..Order::default() };
    file(&bureau, &site, "q.asice", &second);
    bureau.run(&["import", "q.asice"]);
    assert!(run(letter("accept", &period)).contains("message-written"));
    assert!(run(letter("accept", &period)).contains("report-decided"));
    // What was accepted can still be returned.
    assert!(run(letter("return", &period)).contains("message-written"));
    let mut odd = letter("query", &period);
    odd.extend(["--subject".to_owned(), "999999".to_owned()]);
    assert!(run(odd).contains("message-subject-unknown"));
    let mut good = letter("query", &period);
    good.extend(["--subject".to_owned(), "301".to_owned()]);
    assert!(run(good).contains("message-written"));
}

#[test]
fn what_is_typed_wrongly_is_told_in_chinese_or_read_as_meant() {
    let bureau = Bureau::new();
    let (exit, told) = bureau.fails(&["enroll", UNIT, "--hours", "0"]);
    assert!(exit == 2 && told.starts_with("错误：参数 --hours"), "{told}");
    let (_, told) = bureau.fails(&["query", UNIT]);
    assert!(told.starts_with("错误：缺少参数"), "{told}");
    let (_, told) = bureau.fails(&["--lang", "en", "query", UNIT]);
    assert!(told.starts_with("error:"), "{told}");
    bureau.run(&["reports", "--period", "2026-2"]);
    let (_, told) = bureau.fails(&["reports", "--period", "2026-13"]);
    assert!(told.contains("月份写成 YYYY-MM"), "{told}");
    let (exit, told) = bureau.fails(&["-c", "x/bureau.toml", "init", "--code", "35", "--name", "甲", "--host", "localhost"]);
    assert!(exit == 2 && told.contains("bureau-code-unknown") && !bureau.path("x/bureau.toml").exists(), "{told}");
}

#[test]
fn serving_tells_each_event_on_a_line() {
    use std::io::{BufRead, BufReader};
    let mut bureau = Bureau::new();
    let mut child = bureau.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut child = child.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let address = lines.by_ref().find(|line| line.starts_with("https://")).unwrap();
    bureau.adopt(child, address);
    let site = bureau.unit(UNIT);
    let bytes = site.bytes(&Order { figure: 123_456_789, ..Order::default() });
    assert_eq!(bureau.submit(UNIT, &bytes, &[]).0, 201);
    assert_eq!(bureau.submit(UNIT, b"garbage", &[]).0, 422);
    assert_eq!(bureau.curl("/v1/messages", &[]).0, 401);
    bureau.kill();
    let told: Vec<String> = lines.collect();
    let count = |word: &str| told.iter().filter(|line| line.contains(word)).count();
    assert_eq!([count("发出证书"), count("收下"), count("没有收"), count("没有办理")], [3, 1, 1, 1], "{told:#?}");
    assert!(told.iter().any(|line| line.contains("收下") && line.contains("B203") && line.contains(UNIT)), "{told:#?}");
    assert_eq!(count("123456789"), 0, "no figures");
}
