//! What is given back does not leave, a role may sign anew, a package is taken back, and files travel by hand without any receiver's address.

use std::{fs, path::Path, process::Command};

use crate::{
    Site,
    delivery::{Bureau, SUBMIT, enrolled, receipts, sign_month, signed, state},
    packages::{CONFIG, approve, filed, shown, sign, site},
};

const SIGN: [&str; 5] = ["sign", "--form", "B203", "--period", "2025-06"];
const OF: [&str; 4] = ["--form", "B203", "--period", "2025-06"];
const RETURN: [&str; 9] = ["return", "--form", "B203", "--period", "2025-06", "--reason", "扫描件附错了", "--as", "zhoumin"];
const ADJUST: [&str; 10] =
    ["ledger", "adjust", "B203:601", "--period", "2025-06", "--amount", "42", "--reason", "花名册人数", "--as"];

fn everybody(site: &Site, more: &[&str]) -> String {
    let shown = crate::csv(&site.ok(&[&SIGN[..], more, &["--format", "csv"]].concat()))[0]["digest"].clone();
    for (role, person) in [("preparer", "wu"), ("statistician", "zhoumin"), ("head", "zhoumin")] {
        sign(site, role, person, &shown, more);
    }
    shown
}

fn unsigned(site: &Site) -> String {
    crate::csv(&site.ok(&[&SIGN[..], &["--format", "csv"]].concat()))[0]["unsigned"].clone()
}

fn said(site: &Site, args: &[&str]) -> String {
    let out = site.run(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stderr).unwrap()
}

/// A page as a phone's library draws it.
fn picture(folder: &Path, name: &str) {
    let script = format!(
        "python3 -c \"import struct,zlib,os;raw=os.urandom(3*40*40+40);\
        chunk=lambda k,d:struct.pack('>I',len(d))+k+d+struct.pack('>I',zlib.crc32(k+d));\
        rows=b''.join(b'\\0'+os.urandom(120) for _ in range(40));\
        open('{name}','wb').write(b'\\x89PNG\\r\\n\\x1a\\n'+chunk(b'IHDR',struct.pack('>IIBBBBB',40,40,8,2,0,0,0))+chunk(b'IDAT',zlib.compress(rows))+chunk(b'IEND',b''))\""
    );
    crate::peers::run(Command::new("sh").current_dir(folder).args(["-c", &script]));
}

#[test]
fn what_is_given_back_does_not_leave_and_its_signatures_count_no_more() {
    let site = site(CONFIG);
    approve(&site);
    filed(&site);
    everybody(&site, &["--trial"]);
    // Only a trial was signed, and that is what is said.
    let submit = ["submit", "--period", "2025-06", "--as", "wu"];
    site.refused(&[&submit[..], &["--to-file", "p.asice"]].concat(), 1, &["package-trial-only", "--trial"]);
    let digest = everybody(&site, &[]);
    site.ok(&RETURN);
    for way in [&["--to-file", "p.asice"][..], &["--queue-only"], &[]] {
        site.refused(&[&submit[..], way].concat(), 1, &["draft-state-unfit", "signatures-withdrawn"]);
        site.refused(&[&submit[..], &["--trial"], way].concat(), 1, &["draft-state-unfit", "signatures-withdrawn"]);
    }
    assert!(!site.path("p.asice").exists());
    assert!(said(&site, &[&submit[..], &["--dry-run"]].concat()).contains("warning[draft-state-unfit]"));
    // Approved anew, nobody has signed yet, though the contents are the same.
    approve(&site);
    assert_eq!(shown(&site), digest);
    assert_eq!(unsigned(&site), "preparer statistician head");
    site.refused(&[&submit[..], &["--to-file", "p.asice"]].concat(), 1, &["draft-state-unfit", "signatures-withdrawn"]);
    site.refused(&[&submit[..], &["--trial", "--to-file", "p.asice"]].concat(), 1, &["signatures-withdrawn"]);
    // A signature of the round before does not stand in the way of this one, nor in the package.
    sign(&site, "preparer", "wu", &digest, &[]);
    site.refused(&[&submit[..], &["--to-file", "p.asice"]].concat(), 1, &["package-roles-open", "statistician, head"]);
    everybody(&site, &[]);
    site.ok(&[&submit[..], &["--to-file", "p.asice"]].concat());
    assert!(site.ok(&["verify", "p.asice"]).lines().last().unwrap().starts_with("valid"));
    site.ok(&["log", "verify"]);
}

#[test]
fn a_role_signs_anew_and_a_scan_is_a_scan() {
    let site = site(CONFIG);
    approve(&site);
    filed(&site);
    let digest = shown(&site);
    sign(&site, "preparer", "wu", &digest, &[]);
    sign(&site, "statistician", "zhoumin", &digest, &[]);
    let folder = site.folder.path();
    picture(folder, "good.png");
    fs::write(site.path("line.pdf"), "hello\n").unwrap();
    fs::write(site.path("torn.pdf"), [b"%PDF-1.7\n".to_vec(), vec![b' '; 4096]].concat()).unwrap();
    fs::copy(site.path("good.png"), site.path("named.pdf")).unwrap();
    fs::write(site.path("short.jpg"), [0xff, 0xd8, 0xff, 0xe0, 0xff, 0xd9]).unwrap();
    let head = [&SIGN[..], &["--role", "head", "--as", "wu", "--digest", &digest, "--paper"]].concat();
    for name in ["line.pdf", "torn.pdf", "named.pdf", "short.jpg"] {
        site.refused(&[&head[..], &[name]].concat(), 1, &["scan-unreadable"]);
    }
    site.ok(&[&head[..], &["good.png"]].concat());
    assert_eq!(state(&site), "signed");
    // The wrong scan: another takes its place, and later the head's own key.
    site.ok(&[&SIGN[..], &["--print", "print.pdf"]].concat());
    assert!(said(&site, &[&head[..], &["print.pdf"]].concat()).contains("signature-replaced"));
    let submit = ["submit", "--period", "2025-06", "--as", "wu"];
    site.ok(&[&submit[..], &["--to-file", "p.asice"]].concat());
    let inside = crate::peers::run(Command::new("unzip").args(["-l", "p.asice"]).current_dir(folder));
    assert!(inside.contains("attachments/head.pdf") && !inside.contains("head.png"), "{inside}");
    // What was handed out is signed by nobody any more, until it is taken back.
    assert_eq!(state(&site), "handed_out");
    let own = [&SIGN[..], &["--role", "head", "--as", "zhoumin", "--digest", &digest]].concat();
    site.refused(&own, 1, &["signature-after-submission", "handed out"]);
    site.refused(&RETURN, 1, &["draft-state-unfit", "--withdraw"]);
    site.ok(&[&submit[..], &["--withdraw", "单位负责人要自己签"]].concat());
    assert_eq!(state(&site), "signed");
    site.ok(&own);
    // Another package is not written over the one that lies there.
    site.refused(&[&submit[..], &["--to-file", "p.asice"]].concat(), 2, &["submit-file-exists"]);
    site.ok(&[&submit[..], &["--to-file", "q.asice"]].concat());
    assert!(!site.ok(&["verify", "q.asice"]).contains("on paper"));
    // Whoever prepared it signs for nobody else, in whatever order.
    site.refused(&[&submit[..], &["--withdraw", "不"]].concat(), 2, &["reason-too-short"]);
}

#[test]
fn filings_have_happened() {
    let site = site(CONFIG);
    let filing = |form: &str, day: &str| {
        let out = site.run(&["filing", "--form", form, "--period", "2025-06", "--at", day, "--as", "wu"]);
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    for day in ["2025-05-31", "2099-01-01"] {
        let (code, told) = filing("B203", day);
        assert!(code == Some(1) && told.contains("filing-date-unfit"), "{told}");
    }
    let (code, told) = filing("all", "2025-07-10");
    assert!(code == Some(2) && told.contains("filing-one-form"), "{told}");
    assert_eq!(filing("B203", "2025-07-10").0, Some(0));
    fs::write(site.path("agent.toml"), CONFIG.replace("code = \"B203\"", "code = \"B203\"\nchannel = \"official\"")).unwrap();
    let (code, told) = filing("B203", "2025-07-10");
    assert!(code == Some(1) && told.contains("filing-official"), "{told}");
}

#[test]
fn books_that_moved_after_the_last_signature_are_a_decision() {
    let site = site(CONFIG);
    approve(&site);
    filed(&site);
    everybody(&site, &[]);
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let changed = database
        .execute(
            "UPDATE account_move_line SET debit = debit * 2, credit = credit * 2 WHERE move = (SELECT m.id FROM account_move m \
             JOIN account_period p ON p.id = m.period JOIN account_move_line l ON l.move = m.id JOIN account_account a ON a.id = l.account \
             WHERE m.state = 'posted' AND m.company = 1 AND p.start_date = '2025-06-01' AND a.code LIKE '6%' LIMIT 1)",
            [],
        )
        .unwrap();
    assert!(changed > 1);
    drop(database);
    site.ok(&["pull", "--full"]);
    let submit = ["submit", "--period", "2025-06", "--as", "wu", "--to-file", "p.asice"];
    site.refused(&submit, 1, &["submit-evidence-changed", "--anyway"]);
    let told = said(&site, &[&submit[..], &["--anyway", "平台已按原数报出"]].concat());
    assert!(told.contains("warning[submit-evidence-changed]") && told.contains("package-handed-out"), "{told}");
    assert!(site.ok(&["log", "show", "--format", "csv"]).contains("平台已按原数报出"));
}

#[test]
fn files_travel_by_hand_without_an_address() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    bureau.kill();
    // From here on there is neither a receiver nor a word about one: roots are enough.
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    fs::write(site.path("agent.toml"), config.split("\n[bureau]").next().unwrap()).unwrap();
    fs::remove_file(site.path("taizhang-state/machine.pem")).unwrap();
    site.refused(&["run"], 2, &["bureau-missing"]);
    sign_month(&site, "2025-06");
    let to_file = ["submit", "--period", "2025-06", "--to-file", "2025-06.asice"];
    site.refused(&to_file, 2, &["person-missing"]);
    let hand = [&to_file[..], &["--as", "wu"]].concat();
    assert!(said(&site, &hand).contains("package-handed-out"));
    site.ok(&hand);
    assert_eq!(state(&site), "handed_out");
    let log = crate::csv(&site.ok(&["log", "show", "--format", "csv"]));
    assert!(log.iter().any(|row| row["what"] == "submit-file" && row["who"] == "wu"));
    let status = said(&site, &["status", "--date", "2025-07-10"]);
    assert!(status.contains("package-handed-out"), "{status}");
    fs::copy(site.path("2025-06.asice"), bureau.folder.path().join("2025-06.asice")).unwrap();
    bureau.ok(&["import", "2025-06.asice"]);
    // The name that the bureau gives it.
    let name = "2025-06.asice.receipt.asice";
    fs::copy(bureau.folder.path().join(name), site.path(name)).unwrap();
    let rows = crate::csv(&site.ok(&["receipt", "import", name, "--as", "wu", "--format", "csv"]));
    assert_eq!((rows[0]["verdict"].as_str(), rows[0]["forms"].as_str()), ("received", "B203 2025-06"));
    assert_eq!(state(&site), "delivered");
    // Programs read what a file is worth.
    let rows = crate::csv(&site.ok(&["verify", name, "--format", "csv"]));
    assert_eq!(
        (rows[0]["result"].as_str(), rows[0]["kind"].as_str(), rows[0]["verdict"].as_str()),
        ("valid", "receipt", "received")
    );
    let rows: serde_json::Value = serde_json::from_str(&site.ok(&["verify", "2025-06.asice", "--format", "json"])).unwrap();
    let roles: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["preparer", "statistician", "head"]);
    site.refused(&["verify", "--proof", "2025-06.asice", "--package", name], 1, &[]);
    // Signing once more what has arrived is said to be a correction.
    assert!(said(&site, &SIGN).contains("sign-delivered-already"));
}

#[test]
fn a_queued_package_is_taken_back_or_replaced_and_an_old_one_never_leaves() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = signed(&bureau);
    let queue = [&SUBMIT[..], &["--queue-only"]].concat();
    site.ok(&queue);
    site.refused(&RETURN, 1, &["draft-state-unfit", "--withdraw"]);
    // Nothing was sent yet: nobody is asked.
    bureau.kill();
    assert!(!said(&site, &[&SUBMIT[..], &["--withdraw", "扫描件附错了"]].concat()).contains("withdrawn-unasked"));
    assert_eq!(state(&site), "signed");
    site.refused(&[&SUBMIT[..], &["--withdraw", "扫描件附错了"]].concat(), 1, &["package-not-waiting"]);
    bureau.serve();
    site.ok(&queue);
    // A new version: nobody sends the old one, and everybody says so.
    site.ok(&[&ADJUST[..], &["wu"]].concat());
    site.refused(&SUBMIT, 1, &["package-outdated"]);
    let status = said(&site, &["status", "--date", "2025-07-10"]);
    assert!(status.contains("package-waits-outdated"), "{status}");
    let mut child = Command::new(env!("CARGO_BIN_EXE_taizhang"));
    child.current_dir(site.folder.path()).args(["--lang", "en", "run"]).stderr(std::process::Stdio::piped());
    let child = child.spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let told = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(told.contains("package-outdated") && receipts(&site).is_empty(), "{told}");
    // Every line of it says when, the last one too.
    assert!(
        told.lines().last().unwrap_or_default().contains("run-ends") && told.lines().last().unwrap().starts_with("20"),
        "{told}"
    );
    // The new one takes its place.
    site.explains("B203", "2025-06", "wu");
    for (verb, person) in [("review", "wu"), ("approve", "zhoumin")] {
        site.ok(&[&[verb][..], &OF, &["--as", person]].concat());
    }
    everybody(&site, &[]);
    site.ok(&SUBMIT);
    assert_eq!((state(&site).as_str(), receipts(&site).len()), ("delivered", 1));
    let status = said(&site, &["status", "--date", "2025-07-10"]);
    assert!(!status.contains("package-waits-outdated"), "{status}");
    assert_eq!(bureau.json(&["reports"]).as_array().unwrap().len(), 1);
}

#[test]
fn trials_follow_trials_as_often_as_one_likes() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    site.ok(&["build", "--period", "2025-06"]);
    approve(&site);
    let trial = [&SUBMIT[..], &["--trial"]].concat();
    for _ in 0..2 {
        everybody(&site, &["--trial"]);
        assert!(said(&site, &trial).contains("trial-delivered"));
        assert_eq!(state(&site), "approved");
    }
    assert!(said(&site, &["status", "--date", "2025-07-10"]).contains("trial-delivered"));
    // A real one follows none of them, and a trial after it follows the trials.
    everybody(&site, &[]);
    site.ok(&SUBMIT);
    everybody(&site, &["--trial"]);
    assert!(said(&site, &trial).contains("trial-delivered"));
    assert_eq!(state(&site), "delivered");
}

#[test]
fn a_revoked_signer_is_replaced_and_another_persons_code_is_not_spent() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = signed(&bureau);
    let serial = crate::peers::run(
        Command::new("openssl").args(["x509", "-in", "zhoumin.crt", "-noout", "-serial"]).current_dir(site.folder.path()),
    );
    bureau.ok(&["revoke", &serial.trim().trim_start_matches("serial=").to_lowercase(), "--reason", "离职"]);
    site.refused(&SUBMIT, 1, &["submission-refused", "certificate-revoked"]);
    // A code for somebody else, and one for the machine: refused, and as good as before.
    fs::remove_file(site.path("zhoumin.pem")).unwrap();
    let code = bureau.code(&["--person", "周敏", "--role", "statistician", "--role", "head"]);
    site.refused(&["enroll", "--code", &code, "--as", "wu"], 1, &["enrolment-subject-differs"]);
    site.refused(&["enroll", "--code", &code], 1, &["enrolment-subject-differs"]);
    site.refused(&["enroll", "--code", &bureau.code(&[]), "--as", "wu"], 1, &["enrolment-subject-differs"]);
    site.ok(&["enroll", "--code", &code, "--as", "zhoumin"]);
    // Returned, approved and signed with the new key, it is received.
    site.ok(&RETURN);
    approve(&site);
    assert_eq!(unsigned(&site), "preparer statistician head");
    everybody(&site, &[]);
    site.ok(&SUBMIT);
    assert_eq!(state(&site), "delivered");
    everything_beside_the_database_is_looked_at(&site);
}

fn everything_beside_the_database_is_looked_at(site: &Site) {
    site.ok(&["log", "verify"]);
    let state = site.path("taizhang-state");
    for folder in ["receipts", "packages"] {
        for path in fs::read_dir(state.join(folder)).unwrap().flatten().map(|file| file.path()) {
            let whole = fs::read(&path).unwrap();
            let mut bent = whole.clone();
            let middle = bent.len() / 2;
            bent[middle] ^= 1;
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            fs::write(&path, bent).unwrap();
            site.refused(&["log", "verify"], 1, &["file-damaged", &name]);
            fs::remove_file(&path).unwrap();
            site.refused(&["log", "verify"], 1, &[&name]);
            fs::write(&path, whole).unwrap();
        }
    }
    site.ok(&["log", "verify"]);
    let file = state.join("state.sqlite");
    let database = rusqlite::Connection::open(&file).unwrap();
    database.pragma_update(None, "foreign_keys", false).unwrap();
    // The chart that seals name, gone.
    database.execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM context; DELETE FROM context").unwrap();
    site.refused(&["log", "verify"], 1, &["file-damaged", "context"]);
    database.execute_batch("INSERT INTO context SELECT * FROM kept").unwrap();
    site.ok(&["log", "verify"]);
    // An older database beside a receipt that countersigns a longer log.
    database.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
    let newest: i64 = database.query_row("SELECT max(seq) FROM operation", [], |row| row.get(0)).unwrap();
    for table in ["record", "draft", "cell", "seal"] {
        database.execute(&format!("DELETE FROM {table} WHERE operation > ?"), [newest - 3]).unwrap();
    }
    database.execute("DELETE FROM operation WHERE seq > ?", [newest - 3]).unwrap();
    drop(database);
    site.refused(&["log", "verify"], 1, &["log-behind-receipt"]);
}

/// What `init` writes for this ERP seals measures beside the book: vouchers are proved all the same.
#[test]
fn a_voucher_is_proved_beside_sealed_measures() {
    let config = CONFIG.replace("variables.company = 1", "variables = { company = 1, sales = true, stock = true }");
    let config = config.replace("code = \"B203\"", "code = \"B203\"\nchannel = \"official\"\nmapping = [\"layer.toml\"]");
    let layer = "title = '本单位'\n[cell.\"B203:601\"]\nformula = '42 + 0 * MEASURE(sales, amount, item=\"#1\")'\nwhy = '试'\n";
    let site = crate::packages::site_with(&config, &[("layer.toml", layer)]);
    approve(&site);
    everybody(&site, &[]);
    site.ok(&["submit", "--period", "2025-06", "--to-file", "p.asice", "--as", "wu"]);
    let folder = site.folder.path();
    let named = crate::peers::run(Command::new("unzip").args(["-p", "p.asice", "evidence.json"]).current_dir(folder));
    assert!(named.contains("hz+measures"), "{named}");
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let sql = "SELECT CAST(m.id AS TEXT), m.number FROM account_move m JOIN account_period p ON p.id = m.period WHERE m.state = 'posted' \
               AND m.company = 1 AND p.type = 'standard' AND p.start_date = '2025-05-01' LIMIT 1";
    let (key, number): (String, String) = database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let prove = ["prove", "--package", "p.asice", "--out", "v.json", "--voucher"];
    site.ok(&[&prove[..], &[&key, "--period", "2025-05"]].concat());
    let rows = crate::csv(&site.ok(&["verify", "--proof", "v.json", "--package", "p.asice", "--format", "csv"]));
    assert_eq!((rows[0]["result"].as_str(), rows[0]["number"].as_str()), ("valid", number.as_str()));
    // Where one text is a key here and a number there, both are told, each as what it is.
    let both = "SELECT CAST(a.id AS TEXT) FROM account_move a JOIN account_move b ON b.number = CAST(a.id AS TEXT) AND b.id <> a.id \
                JOIN account_period p ON p.id = a.period JOIN account_period q ON q.id = b.period WHERE a.state = 'posted' AND b.state = 'posted' \
                AND a.company = 1 AND b.company = 1 AND p.start_date BETWEEN '2025-01-01' AND '2025-06-01' \
                AND q.start_date BETWEEN '2025-01-01' AND '2025-06-01' LIMIT 1";
    if let Ok(twice) = database.query_row(both, [], |row| row.get::<_, String>(0)) {
        site.refused(&[&prove[..], &[&twice]].concat(), 1, &["voucher-unclear", &format!("(key {twice})")]);
    }
    // A receipt in the place of a package is named as one.
    let receipt = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/seal/tests/data/p256-receipt.asice");
    let receipt = receipt.to_str().unwrap();
    site.refused(&["verify", "--proof", "v.json", "--package", receipt], 1, &["package-is-receipt"]);
    site.refused(&["prove", "--voucher", &key, "--package", receipt, "--out", "x.json"], 1, &["package-is-receipt"]);
}

/// A machine that was replaced, with a backup from before the last delivery: the receiver's receipt is fetched, and the next package follows it.
#[test]
fn an_older_backup_learns_what_was_delivered() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = signed(&bureau);
    let copy = |from: &str, to: &str| {
        crate::peers::run(Command::new("cp").args(["-a", from, to]).current_dir(site.folder.path()));
    };
    copy("taizhang-state", "backup");
    site.ok(&SUBMIT);
    let delivered = receipts(&site)[0].clone();
    let carried = site.path("carried.asice");
    fs::copy(&delivered, &carried).unwrap();
    fs::remove_dir_all(site.path("taizhang-state")).unwrap();
    copy("backup", "taizhang-state");
    let again = || {
        site.explains("B203", "2025-06", "wu");
        for (verb, person) in [("review", "wu"), ("approve", "zhoumin")] {
            site.ok(&[&[verb][..], &OF, &["--as", person]].concat());
        }
        everybody(&site, &[]);
    };
    site.ok(&[&ADJUST[..], &["wu"]].concat());
    again();
    let told = site.refused(&SUBMIT, 1, &["package-not-next", "receipt-adopted"]);
    assert!(told.contains("B203 2025-06"), "{told}");
    site.ok(&RETURN);
    again();
    site.ok(&SUBMIT);
    assert_eq!(state(&site), "delivered");
    site.ok(&["log", "verify"]);
    let reports = bureau.json(&["reports"]);
    assert!(reports.to_string().contains("\"2\""), "{reports}");
    // A backup that knows the package and not its delivery takes the receipt that is carried to it, and says that its log is shorter.
    fs::remove_dir_all(site.path("taizhang-state")).unwrap();
    copy("backup", "taizhang-state");
    assert!(said(&site, &["receipt", "import", "carried.asice"]).contains("warning[log-behind-receipt]"));
    assert_eq!(state(&site), "delivered");
    // That stays to be seen: what was countersigned contradicts this log for good.
    assert!(said(&site, &["log", "verify"]).contains("warning[log-behind-receipt]"));
}

#[test]
fn check_asks_what_this_machine_may() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    assert!(!said(&site, &["check"]).contains("bureau-declined"));
    let certificates = bureau.json(&["certificates", "--unit", crate::packages::UNIT]);
    let own = certificates.as_array().unwrap().iter().find(|one| one["person"] == "").unwrap();
    bureau.ok(&["revoke", own["serial"].as_str().unwrap(), "--reason", "丢失"]);
    let told = said(&site, &["check"]);
    assert!(told.contains("warning[bureau-declined]") && told.contains("certificate-revoked"), "{told}");
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    fs::write(site.path("agent.toml"), config.replace("https://", "http://")).unwrap();
    site.refused(&["check"], 2, &["bureau-url-unfit", "agent.toml"]);
}
