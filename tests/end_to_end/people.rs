//! Acts of people: handing in and approving by two of them, adjusting beside the computed value, locking, events, handover.

use std::fs;

use model::Amount;
use serde_json::Value;

use crate::Site;

const CONFIG: &str = r#"
[unit]
name = "杭州西溪精密机械有限公司"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1

[[form]]
code = "B203"

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer", "statistician"]

[[person]]
id = "zhoumin"
name = "周敏"
roles = ["statistician"]

[[person]]
id = "li"
name = "李强"
roles = ["contributor"]
"#;

const P: [&str; 4] = ["--form", "B203", "--period", "2025-06"];

fn cell(site: &Site, id: &str) -> Value {
    let text = site.ok(&["draft", "export", P[0], P[1], P[2], P[3], "--to", "json"]);
    let draft: Value = serde_json::from_str(&text).unwrap();
    draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == id).unwrap().clone()
}

#[test]
fn two_people_hand_in_and_approve_what_was_shown() {
    let site = Site::tryton(CONFIG);
    let act = |verb: &str, person: &str| {
        [&[verb], &P[..], &["--as", person, "--format", "csv"]].concat().iter().map(|s| s.to_string()).collect::<Vec<_>>()
    };
    let args = |words: &[String]| words.to_vec();
    let run = |words: Vec<String>, code: i32, said: &[&str]| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        site.refused(&words, code, said)
    };
    site.ok(&["build", "--period", "2025-06"]);
    run([&["review"], &P[..]].concat().iter().map(|s| s.to_string()).collect(), 2, &["person-missing"]);
    run(act("review", "zhoumim"), 2, &["person-unknown", "nearest is zhoumin"]);
    run(act("approve", "zhoumin"), 1, &["draft-state-unfit"]);
    run(act("review", "zhoumin"), 1, &["role-unfit"]);
    let words = args(&act("review", "wu"));
    let rows = crate::csv(&site.ok(&words.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(rows[0]["state"], "in_review");
    // The digest is the one that another tool computes over what was exported and kept.
    let digest = rows[0]["digest"].clone();
    run(act("approve", "wu"), 1, &["approver-is-preparer", "吴静"]);
    run(act("approve", "li"), 1, &["role-unfit", "李强"]);
    run([act("approve", "zhoumin"), vec!["--digest".into(), "00".into()]].concat(), 1, &["draft-digest-differs", &digest]);
    let words = [act("approve", "zhoumin"), vec!["--digest".into(), digest.clone()]].concat();
    let rows = crate::csv(&site.ok(&words.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!((rows[0]["state"].as_str(), &rows[0]["digest"]), ("approved", &digest));
    // Building again what did not change leaves it approved; the log names who did what.
    site.ok(&["build", "--period", "2025-06"]);
    let list = crate::csv(&site.ok(&["draft", "list", "--format", "csv"]));
    assert_eq!(list[0]["state"], "approved");
    let log = crate::csv(&site.ok(&["log", "show", "--format", "csv"]));
    let who: Vec<(&str, &str)> = log.iter().map(|row| (row["what"].as_str(), row["who"].as_str())).collect();
    assert_eq!(who[who.len() - 2..], [("review", "wu"), ("approve", "zhoumin")]);
    // What changes is a new version that nobody has approved.
    site.ok(&[
        "ledger",
        "adjust",
        "B203:601",
        "--period",
        "2025-06",
        "--amount",
        "42",
        "--reason",
        "人事花名册平均人数",
        "--as",
        "wu",
    ]);
    assert_eq!(crate::csv(&site.ok(&["draft", "list", "--format", "csv"]))[0]["state"], "built");
}

#[test]
fn adjustments_stand_beside_the_computed_value_and_locks_hold() {
    let site = Site::tryton(CONFIG);
    site.ok(&["build", "--period", "2025-06"]);
    let before = cell(&site, "301");
    let computed: Amount = before["columns"]["cumulative"]["value"].as_str().unwrap().parse().unwrap();
    fs::write(site.path("contract.txt"), "合同").unwrap();
    let adjust = |amount: &str, extra: &[&str]| {
        let words = [
            "ledger",
            "adjust",
            "B203:301",
            "--period",
            "2025-06",
            "--amount",
            amount,
            "--as",
            "wu",
            "--reason",
            "补记未开票收入",
        ];
        [&words[..], extra].concat().iter().map(|s| s.to_string()).collect::<Vec<_>>()
    };
    let words = adjust("-3", &["--evidence", "contract.txt"]);
    site.ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let after = cell(&site, "301");
    assert_eq!(after["columns"], before["columns"], "the computed value stays");
    let adjustment = &after["adjustment"];
    let three = Amount::from_whole(3).unwrap();
    assert_eq!(adjustment["reported"].as_str().unwrap().parse(), Ok(computed.checked_sub(three).unwrap()));
    assert_eq!((adjustment["by"].as_str(), adjustment["reason"].as_str()), (Some("wu"), Some("补记未开票收入")));
    // The evidence is kept under the digest that sha256sum gives.
    let sum = std::process::Command::new("sha256sum").arg(site.path("contract.txt")).output().unwrap();
    let digest = String::from_utf8(sum.stdout).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_eq!(adjustment["evidence"][0]["sha256"], digest.as_str());
    assert_eq!(fs::read(site.path(&format!("taizhang-state/evidence/{digest}"))).unwrap(), "合同".as_bytes());
    let ledger = crate::csv(&site.ok(&["ledger", "show", "--format", "csv"]));
    let row = ledger.iter().find(|row| row["code"] == "301").unwrap();
    assert_eq!((row["adjustment"].as_str(), row["adjustment_reason"].as_str()), ("-3", "补记未开票收入"));
    assert_eq!(row["reported"], adjustment["reported"].as_str().unwrap());
    // A reason that says nothing is refused, and a locked month is left alone.
    site.refused(&["ledger", "unlock", "--period", "2025-06", "--reason", "改", "--as", "zhoumin"], 2, &["reason-too-short"]);
    site.ok(&["ledger", "lock", "--period", "2025-06", "--as", "zhoumin"]);
    site.refused(&["build", "--period", "2025-06"], 1, &["period-locked", "zhoumin"]);
    let words = adjust("1", &[]);
    site.refused(&words.iter().map(String::as_str).collect::<Vec<_>>(), 1, &["period-locked"]);
    assert_eq!(cell(&site, "301"), after);
    site.ok(&["ledger", "unlock", "--period", "2025-06", "--reason", "更正六月收入", "--as", "zhoumin"]);
    // An adjustment that is taken back leaves the computed value alone, and its versions stay.
    site.ok(&[
        "ledger",
        "adjust",
        "B203:301",
        "--period",
        "2025-06",
        "--withdraw",
        "--reason",
        "发票已到，撤回调整",
        "--as",
        "wu",
    ]);
    assert_eq!(cell(&site, "301").get("adjustment"), None);
    let versions = crate::csv(&site.ok(&["ledger", "versions", "B203:301", "--period", "2025-06", "--format", "csv"]));
    assert_eq!(versions.len(), 3);
    site.ok(&["ledger", "event", "--period", "2025-06", "--kind", "capacity", "--text", "二号生产线投产", "--as", "wu"]);
    let events = crate::csv(&site.ok(&["ledger", "event", "--format", "csv"]));
    assert_eq!(
        (events[0]["kind"].as_str(), events[0]["text"].as_str(), events[0]["by"].as_str()),
        ("capacity", "二号生产线投产", "wu")
    );
    site.ok(&["ledger", "handover", "--to", "zhoumin", "--note", "移交六月台账与凭证", "--as", "wu"]);
    let handed = crate::csv(&site.ok(&["ledger", "handover", "--format", "csv"]));
    assert_eq!((handed[0]["handed_from"].as_str(), handed[0]["open"].as_str()), ("wu", "1"));
    let listed = site.ok(&["ledger", "disposal", "--at", "2036-01", "--format", "csv"]);
    assert!(listed.contains("2025-06") && listed.contains("seal"), "{listed}");
    assert!(site.ok(&["log", "verify"]).is_empty());
}
