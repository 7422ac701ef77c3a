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
    // Whoever looks at the form sees what is reported, and what was computed.
    let reported = computed.checked_sub(Amount::from_whole(3).unwrap()).unwrap();
    let shown = site.ok(&["draft", "show", P[0], P[1], P[2], P[3]]);
    assert!(shown.contains(&format!("{reported} (computed {computed})")), "{shown}");
    let rows = crate::csv(&site.ok(&["draft", "export", P[0], P[1], P[2], P[3], "--to", "csv"]));
    let row = rows.iter().find(|row| row["code"] == "301").unwrap();
    assert_eq!((row["cumulative"].parse(), row["reported"].parse()), (Ok(computed), Ok(reported)));
    let explained = site.ok(&["explain", "B203:301", "--period", "2025-06"]);
    assert!(explained.contains(&format!("reported: {reported} ")) && explained.contains("补记未开票收入 (wu)"), "{explained}");
    let versions = crate::csv(&site.ok(&["ledger", "versions", "B203:301", "--period", "2025-06", "--format", "csv"]));
    let said: Vec<_> = versions.iter().map(|row| (row["adjustment"].as_str(), row["reported"].parse().ok())).collect();
    assert_eq!(said, [("", Some(computed)), ("-3", Some(reported))]);
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
    let listed = site.ok(&["ledger", "disposal", "--at", "2056-01", "--format", "csv"]);
    assert!(listed.contains("2025-06") && listed.contains("seal"), "{listed}");
    assert!(site.ok(&["log", "verify"]).is_empty());
}

#[test]
fn the_evidence_packet_adds_up_and_masks_who_is_none_of_its_business() {
    let site = Site::tryton(CONFIG);
    site.ok(&["evidence", "B203:301", "--period", "2025-06", "--out", "packet"]);
    let manifest: Value = serde_json::from_str(&fs::read_to_string(site.path("packet/B203-301-2025-06.json")).unwrap()).unwrap();
    // As one file it is the same files, sorted, with one time, and the same bytes whenever it is asked for.
    for name in ["one.zip", "TWO.ZIP"] {
        let said = site.ok(&["evidence", "B203:301", "--period", "2025-06", "--out", name]);
        assert_eq!((said.trim(), site.path(name).is_file()), (name, true));
        std::thread::sleep(std::time::Duration::from_millis(2100));
    }
    assert_eq!(fs::read(site.path("one.zip")).unwrap(), fs::read(site.path("TWO.ZIP")).unwrap());
    let script = "import sys,zipfile,os\nz=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None\n\
        assert z.namelist()==sorted(os.listdir(sys.argv[2])), z.namelist()\n\
        for i in z.infolist():\n  assert i.date_time==(1980,1,1,0,0,0), i\n  assert z.read(i)==open(os.path.join(sys.argv[2],i.filename),'rb').read(), i";
    let python = std::process::Command::new("python3")
        .args(["-c", script])
        .args([site.path("one.zip"), site.path("packet")])
        .output()
        .unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    assert_eq!((&manifest["adds_up"], &manifest["lines_total"]), (&Value::Bool(true), &manifest["raw"]));
    assert_eq!(manifest["raw"], cell(&site, "301")["columns"]["cumulative"]["raw"]);
    // Tryton's own rows: posted lines of revenue accounts from January to June, without the closing move.
    let sql = "SELECT count(*), count(DISTINCT m.id) FROM account_move_line l JOIN account_move m ON m.id = l.move JOIN account_account a \
               ON a.id = l.account JOIN account_period p ON p.id = m.period WHERE m.state = 'posted' AND m.company = 1 \
               AND a.code IN ('4.1.1.01', '4.1.2.01') AND p.type = 'standard' AND p.start_date BETWEEN '2025-01-01' AND '2025-06-30'";
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let (lines, vouchers): (i64, i64) = database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(manifest["lines"], lines);
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(site.path("packet/B203-301-2025-06-vouchers.xlsx")).unwrap();
    let sheet = calamine::Reader::worksheet_range_at(&mut book, 0).unwrap().unwrap();
    let rows: Vec<Vec<String>> = sheet.rows().skip(1).map(|row| row.iter().map(ToString::to_string).collect()).collect();
    let keys: std::collections::BTreeSet<(&str, &str)> = rows.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    assert_eq!(i64::try_from(keys.len()), Ok(vouchers));
    // Whole vouchers: each of them balances. The other side of a sale is a customer, who is masked.
    for key in keys {
        let amount = |at: usize| {
            rows.iter()
                .filter(|row| (row[0].as_str(), row[1].as_str()) == key)
                .fold(Amount::ZERO, |sum, row| sum.checked_add(row[at].parse().unwrap()).unwrap())
        };
        assert_eq!(amount(6), amount(7), "{key:?}");
    }
    let names: i64 = database.query_row("SELECT count(*) FROM party_party", [], |row| row.get(0)).unwrap();
    assert!(names > 3 && rows.iter().any(|row| row[8] == "＊＊＊"));
    assert!(rows.iter().all(|row| row[8].is_empty() || row[8] == "＊＊＊" || row[10] == "✓"), "a party of another line is shown");
}

#[test]
fn crossing_a_threshold_is_a_duty_that_is_told() {
    let site = Site::tryton(&CONFIG.replace("[[book]]", "industry = \"C3489\"\n\n[[book]]"));
    let rows = crate::csv(&site.ok(&["threshold", "--period", "2025-12", "--format", "csv"]));
    // 20 million yuan for industry; the company's revenue of 2025 is far below it.
    assert_eq!((rows[0]["threshold"].as_str(), rows[0]["standing"].as_str()), ("20000000", "below"));
    // An edition of one's own with a lower threshold: the same book is above it this year.
    fs::create_dir_all(site.path("mappings")).unwrap();
    let table = "edition = '2030'\ndocuments = ['营业执照']\n[[trade]]\nname = '工业'\nindustry = ['C']\nitem = 'main_revenue'\namount = '100000'\nstatus = 'recalled'\n";
    fs::write(site.path("mappings/thresholds.toml"), table).unwrap();
    let out = site.run(&["threshold", "--period", "2025-12", "--format", "csv"]);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && told.contains("threshold-above-now") && told.contains("营业执照"), "{told}");
    // The book begins in 2025: whether 2024 was above is not known, and nobody says that it was not.
    assert!(told.contains("threshold-year-unknown") && told.contains("2024") && !told.contains("last year did not"), "{told}");
    fs::write(site.path("agent.toml"), CONFIG).unwrap();
    site.refused(&["threshold", "--period", "2025-12"], 2, &["industry-unknown"]);
}

/// Where there is nobody, and nothing to choose from, a message says what to add and where, and never "there are: " and nothing.
#[test]
fn an_empty_configuration_is_told_what_to_add() {
    let config = "[unit]\nname = \"示例\"\n\n[[book]]\nid = \"hz\"\nconnector = \"tryton\"\nsource.sqlite = \"tryton.sqlite\"\nvariables.company = 1\n";
    let site = Site::tryton(config);
    let enter = |code: i32, more: &[&str]| {
        let entry = ["measure", "enter", "--item", "轴承", "--period", "2025-06", "--quantity", "3", "--as", "wu"];
        let told = site.refused(&[&entry[..], more].concat(), code, &[]);
        for nothing in [": \n", "is —", ": .", ": —", "—;"] {
            assert!(!told.contains(nothing), "{nothing:?} in {told}");
        }
        told
    };
    let told = enter(2, &["--kind", "headcount"]);
    assert!(told.contains("[people-missing]") && told.contains("[[person]]") && told.contains("id = \"wu\""), "{told}");
    let told = site.refused(&["measure", "template", "--sheet", "store"], 2, &["[sheets-missing]", "[[sheet]]"]);
    assert!(told.contains("agent.toml"), "{told}");
    let person = "\n[[person]]\nid = \"wu\"\nname = \"吴静\"\nroles = [\"preparer\"]\n";
    fs::write(site.path("agent.toml"), format!("{config}{person}")).unwrap();
    // Heads are the kind headcount; nothing is near that word, and the list is where kinds are said.
    let told = enter(1, &["--kind", "heads"]);
    assert!(told.contains("taizhang measure kinds lists them"), "{told}");
    let told = enter(1, &["--kind", "sales", "--unit", "件", "--amount", "9", "--field", "project=甲", "--coefficient", "2"]);
    assert_eq!(told.matches("[measure-field-unknown]").count(), 2, "{told}");
    fs::write(site.path("agent.toml"), "[unit]\nname = \"示例\"\n").unwrap();
    site.refused(&["balances", "--period", "2025-06"], 2, &["[books-missing]", "taizhang init"]);
}
