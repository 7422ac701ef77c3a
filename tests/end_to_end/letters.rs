//! Messages of the bureau: a query that is answered, a report that is returned, corrected and accepted, with the real receiver.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::delivery::{Bureau, SUBMIT, background, sign_month, signed, state};

#[test]
fn what_the_bureau_writes_reaches_the_enterprise_and_is_answered() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = signed(&bureau);
    site.ok(&SUBMIT);
    assert_eq!(state(&site), "delivered");
    let about = |text: &'static str| {
        [crate::packages::UNIT, "--form", "B203", "--edition", "2025", "--period", "2025-06", "--text", text, "--as", "李科"]
    };
    bureau.ok(&[&["query", "--subject", "301"], &about("请核实营业收入")[..]].concat());
    bureau.ok(&[&["return"], &about("营业成本漏报")[..]].concat());

    // `run` fetches by itself.
    let mut run = background(&site, &["run"]);
    let begun = Instant::now();
    while state(&site) != "returned" {
        assert!(begun.elapsed() < Duration::from_secs(60), "not returned");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(Command::new("kill").arg(run.id().to_string()).status().unwrap().success());
    run.wait().unwrap();
    let status = || {
        let out = site.run(&["status", "--date", "2025-07-10", "--format", "csv"]);
        let rows = crate::csv(&String::from_utf8(out.stdout).unwrap());
        let june = rows.into_iter().find(|row| row["period"] == "2025-06").unwrap();
        ([june["state"].clone(), june["when"].clone()], String::from_utf8(out.stderr).unwrap())
    };
    let (now, said) = status();
    assert_eq!(now, ["returned", "due"]);
    assert!(said.contains("[message-open] B203, 2025-06") && said.contains("请核实营业收入") && said.contains("李科"), "{said}");
    assert!(said.contains("[report-returned] B203, 2025-06") && said.contains("营业成本漏报"), "{said}");

    // A person answers; the same answer again is the same message, and only queries are answered.
    site.refused(&["message", "answer", "1", "--text", "已核实，无误"], 2, &["person-missing"]);
    site.refused(&["message", "answer", "2", "--text", "好", "--as", "wu"], 2, &["message-unasked"]);
    site.ok(&["message", "answer", "1", "--text", "已核实，无误", "--as", "wu"]);
    site.ok(&["message", "answer", "1", "--text", "已核实，无误", "--as", "wu"]);
    let kinds = |rows: crate::Rows| rows.iter().map(|row| row["kind"].clone()).collect::<Vec<_>>();
    let listed = crate::csv(&site.ok(&["message", "list", "--format", "csv"]));
    assert_eq!(kinds(listed), ["query", "return", "answer"]);
    let said = bureau.json(&["messages"]);
    assert_eq!(
        (said[2]["kind"].as_str(), said[2]["reply_to"].as_str(), said[2]["text"].as_str()),
        (Some("answer"), Some("1"), Some("已核实，无误"))
    );
    assert!(said.get(3).is_none(), "{said}");
    assert!(!status().1.contains("message-open"));
    assert!(site.ok(&["log", "show", "--format", "csv"]).contains("message-answer"));

    // What was returned cannot be accepted; what corrects it can, and the enterprise hears of it.
    site.ok(&["return", "--form", "B203", "--period", "2025-06", "--as", "zhoumin", "--reason", "统计局退回，重新核对"]);
    sign_month(&site, "2025-06");
    site.ok(&SUBMIT);
    assert_eq!(state(&site), "delivered");
    bureau.ok(&[&["accept"], &about("受理")[..]].concat());
    site.ok(&["message", "list", "--fetch"]);
    assert_eq!(state(&site), "accepted");
    let (now, said) = status();
    assert_eq!(now, ["accepted", "done"]);
    assert!(!said.contains("report-returned"), "{said}");
    site.ok(&["log", "verify"]);
    bureau.kill();
    bureau.ok(&["log", "verify"]);
}
