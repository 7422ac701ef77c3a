//! From the outbox to the receipt, with the real receiver: enrol, submit, receivers that are down or strange, large packages and refusals.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub use crate::receiver::{Bureau, another_day, another_time};
use crate::{
    Site,
    packages::{CONFIG, UNIT, site},
};

pub const SUBMIT: [&str; 5] = ["submit", "--period", "2025-06", "--as", "wu"];

/// A company whose people have certificates of the bureau: one by other programs, one by ours, with an SM2 key.
pub fn enrolled(bureau: &Bureau) -> Site {
    let site = site(CONFIG);
    fs::copy(bureau.authority(), site.path("bureau.pem")).unwrap();
    fs::create_dir_all(site.path("roots")).unwrap();
    fs::copy(bureau.authority(), site.path("roots/root.pem")).unwrap();
    let config = CONFIG.replace("code = \"B203\"", "code = \"B203\"\nchannel = \"official\"");
    let own = format!("\n[bureau]\nurl = \"https://127.0.0.1:{}\"\nca = \"bureau.pem\"\ntimeout = 10\n", bureau.port);
    fs::write(site.path("agent.toml"), config + &own).unwrap();
    site.refused(&["enroll", "--code", "wrong"], 1, &["bureau-declined"]);
    site.refused(&["enroll", "--renew"], 2, &["machine-not-enrolled"]);
    site.ok(&["enroll", "--code", &bureau.code(&[])]);
    certificate(&site, bureau, "wu", &bureau.code(&["--person", "吴静", "--role", "preparer"]));
    fs::remove_file(site.path("zhoumin.pem")).unwrap();
    let code = bureau.code(&["--person", "周敏", "--role", "statistician", "--role", "head"]);
    site.ok(&["enroll", "--code", &code, "--as", "zhoumin", "--sm2"]);
    site
}

/// One that has enrolled, and whose June report is signed.
pub fn signed(bureau: &Bureau) -> Site {
    let site = enrolled(bureau);
    sign_month(&site, "2025-06");
    site
}

/// A month's report, built, approved, and signed by everybody.
pub fn sign_month(site: &Site, month: &str) {
    let of = ["--form", "B203", "--period", month];
    let act = |verb: &'static str, more: &[&str]| site.ok(&[&[verb][..], &of, more].concat());
    site.ok(&["build", "--period", month]);
    site.explains("B203", month, "wu");
    act("review", &["--as", "wu"]);
    act("approve", &["--as", "zhoumin"]);
    let digest = crate::csv(&act("sign", &["--format", "csv"]))[0]["digest"].clone();
    for (role, person) in [("preparer", "wu"), ("statistician", "zhoumin"), ("head", "zhoumin")] {
        act("sign", &["--role", role, "--as", person, "--digest", &digest]);
    }
}

/// A person's certificate for the key file that is there, with `openssl` and `curl` as RFC 7030 has it.
fn certificate(site: &Site, bureau: &Bureau, person: &str, code: &str) {
    let script = format!(
        "set -e; openssl req -new -key {person}.pem -passin 'pass:{}' -subj /CN=x -outform DER | openssl base64 > r.b64; \
         curl -sS --fail --cacert bureau.pem --user {UNIT}:{code} -H 'Content-Type: application/pkcs10' --data-binary @r.b64 \
         https://127.0.0.1:{}/.well-known/est/simpleenroll | openssl base64 -d | openssl pkcs7 -inform DER -print_certs \
         | sed -n '/BEGIN/,/END/p;/END/q' > {person}.crt",
        crate::servers::PASSWORD,
        bureau.port
    );
    crate::peers::run(Command::new("bash").current_dir(site.folder.path()).args(["-c", &script]));
}

pub fn state(site: &Site) -> String {
    crate::csv(&site.ok(&["draft", "list", "--format", "csv"]))[0]["state"].clone()
}

pub fn receipts(site: &Site) -> Vec<PathBuf> {
    let files = fs::read_dir(site.path("taizhang-state/receipts"));
    files.map(|files| files.flatten().map(|file| file.path()).collect()).unwrap_or_default()
}

/// The agent's own process, in the background.
pub fn background(site: &Site, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
    command.current_dir(site.folder.path()).args(["--lang", "en"]).args(args);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_package_is_received_once_and_its_receipt_is_kept() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = signed(&bureau);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(site.path("taizhang-state/machine.pem")).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }
    site.ok(&["enroll", "--renew"]);
    // Nobody trusts a receiver of another authority, and nothing leaves.
    let other = Bureau::new();
    fs::copy(other.authority(), site.path("bureau.pem")).unwrap();
    site.refused(&SUBMIT, 3, &["bureau-unreachable", "invalid peer certificate"]);
    assert_eq!(state(&site), "queued");
    fs::copy(bureau.authority(), site.path("bureau.pem")).unwrap();
    // A receiver that is down: the package waits, and `run` delivers it when it is back.
    bureau.kill();
    site.refused(&SUBMIT, 3, &["bureau-unreachable", "package-queued"]);
    let status = |day: &str| {
        let out = site.run(&["status", "--date", day, "--format", "csv"]);
        let june =
            crate::csv(&String::from_utf8(out.stdout).unwrap()).into_iter().find(|row| row["period"] == "2025-06").unwrap();
        (june["state"].clone(), String::from_utf8(out.stderr).unwrap())
    };
    let (now, said) = status("2025-07-10");
    assert!(now == "queued" && said.contains("[package-untaken] B203, 2025-06") && said.contains("tried 2 times"), "{said}");
    let mut run = background(&site, &["run"]);
    std::thread::sleep(Duration::from_millis(1500));
    site.refused(&["run"], 3, &["run-already"]);
    bureau.serve();
    let begun = Instant::now();
    while state(&site) != "delivered" {
        assert!(begun.elapsed() < Duration::from_secs(60), "not delivered");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(Command::new("kill").arg(run.id().to_string()).status().unwrap().success());
    assert!(run.wait().unwrap().success(), "SIGTERM ends it well");
    let (now, said) = status("2025-07-10");
    assert!(now == "delivered" && !said.contains("package-untaken"), "{said}");
    // Once more is the same receipt.
    let before = receipts(&site);
    site.ok(&SUBMIT);
    assert!(before.len() == 1 && receipts(&site) == before);
    let receipt = before[0].to_str().unwrap();
    let said = site.ok(&["verify", receipt, "--roots", "bureau.pem"]);
    assert!(
        said.contains("received") && said.contains("B203 2025-06") && said.lines().last().unwrap().starts_with("valid"),
        "{said}"
    );
    site.ok(&["receipt", "import", receipt]);
    site.ok(&["log", "verify"]);
    bureau.kill();
    bureau.ok(&["log", "verify"]);
}

#[test]
fn large_packages_go_in_pieces_and_a_refusal_is_kept_with_its_reason() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = signed(&bureau);
    // What is only tried goes the same way, here with a scan that is larger than a piece, and changes no draft.
    let trial = ["sign", "--form", "B203", "--period", "2025-06", "--trial"];
    let digest = crate::csv(&site.ok(&[&trial[..], &["--format", "csv"]].concat()))[0]["digest"].clone();
    let mut scan = b"%PDF-1.7\n".to_vec();
    scan.resize(5 << 20, b' ');
    scan.extend(b"%%EOF\n");
    fs::write(site.path("scan.pdf"), scan).unwrap();
    let by = |role: &str, person: &str, more: &[&str]| {
        site.ok(&[&trial[..], &["--role", role, "--as", person, "--digest", &digest], more].concat());
    };
    by("preparer", "wu", &[]);
    by("statistician", "zhoumin", &[]);
    by("head", "wu", &["--paper", "scan.pdf"]);
    let said = site.ok(&[&SUBMIT[..], &["--trial"]].concat());
    assert!(said.contains("received"), "{said}");
    assert_eq!(state(&site), "signed");
    // A person whose certificate was revoked: the receiver says so in a signed receipt.
    let head = Command::new("openssl")
        .args(["x509", "-in", "zhoumin.crt", "-noout", "-serial"])
        .current_dir(site.folder.path())
        .output();
    let serial = String::from_utf8(head.unwrap().stdout).unwrap().trim().trim_start_matches("serial=").to_lowercase();
    bureau.ok(&["revoke", &serial, "--reason", "离职"]);
    site.refused(&SUBMIT, 1, &["submission-refused", "certificate-revoked"]);
    assert_eq!((state(&site).as_str(), receipts(&site).len()), ("refused", 2));
    let listed = crate::csv(&site.ok(&["receipt", "list", "--format", "csv"]));
    let told: Vec<_> = listed.iter().map(|row| ["result", "trial", "reasons", "valid"].map(|name| row[name].as_str())).collect();
    assert_eq!(told, [["received", "yes", "", "yes"], ["refused", "no", "certificate-revoked certificate-revoked", "yes"]]);
    let said = site.run(&["status", "--date", "2025-07-10"]).stderr;
    assert!(String::from_utf8(said).unwrap().contains("[submission-refused] B203, 2025-06"));
    site.ok(&["log", "verify"]);
    // Carried by hand: the checkpoint goes beside the package, and the receipt is imported where it was signed.
    site.ok(&["submit", "--period", "2025-06", "--trial", "--to-file", "t.asice", "--as", "wu"]);
    assert!(fs::read_to_string(site.path("t.asice.checkpoint")).unwrap().starts_with(&format!("taizhang/unit/{UNIT}\n")));
    site.refused(&["receipt", "import", "t.asice"], 1, &["package-file-unexpected"]);
}

/// Where a package is, as a program is told: state and tries of the draft, and what `status` says.
fn way(site: &Site) -> (String, String, String) {
    let row = crate::csv(&site.ok(&["draft", "list", "--format", "csv"])).remove(0);
    let out = site.run(&["status", "--date", "2025-07-10", "--format", "csv"]);
    let june = crate::csv(&String::from_utf8(out.stdout).unwrap()).into_iter().find(|row| row["period"] == "2025-06").unwrap();
    assert_eq!((&june["state"], &june["tries"]), (&row["state"], &row["tries"]));
    (row["state"].clone(), row["tries"].clone(), String::from_utf8(out.stderr).unwrap())
}

#[test]
fn it_is_said_at_every_moment_where_a_package_is_and_receipts_are_listed() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = signed(&bureau);
    bureau.kill();
    assert_eq!(way(&site).0, "signed");
    site.ok(&[&SUBMIT[..], &["--queue-only"]].concat());
    let (state, tries, said) = way(&site);
    assert!(state == "queued" && tries == "0" && said.contains("package-queued"), "{said}");

    // Somebody answers the telephone and says nothing.
    let silent = std::net::TcpListener::bind(("127.0.0.1", bureau.port)).unwrap();
    let sending = |attempt: &str| {
        let mut agent = background(&site, &SUBMIT);
        let begun = Instant::now();
        while self::state(&site) != "sending" && begun.elapsed() < Duration::from_secs(8) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let (state, tries, said) = way(&site);
        let people = site.ok(&["draft", "list"]);
        agent.kill().unwrap();
        agent.wait().unwrap();
        assert!(state == "sending" && tries == attempt && said.contains("package-sending"), "{state} {tries} {said}");
        assert!(people.contains(&format!("being sent (attempt {attempt})")), "{people}");
    };
    sending("1");
    // Who was killed sends no more, and what waits is not lost.
    assert_eq!(way(&site).0, "queued");
    drop(silent);
    site.refused(&SUBMIT, 3, &["bureau-unreachable"]);
    let (state, tries, said) = way(&site);
    assert!(state == "queued" && tries == "1" && said.contains("package-untaken"), "{said}");
    assert!(site.ok(&["draft", "list"]).contains("(tried 1 times)"));
    let silent = std::net::TcpListener::bind(("127.0.0.1", bureau.port)).unwrap();
    sending("2");
    drop(silent);
    assert!(site.ok(&["receipt", "list"]).is_empty());
    bureau.serve();
    site.ok(&SUBMIT);
    let (state, tries, said) = way(&site);
    assert!(state == "delivered" && tries.is_empty() && !said.contains("package-"), "{said}");

    // The receipt with what it says, where it stands in the receiver's log, and whether it still holds.
    let listed = crate::csv(&site.ok(&["receipt", "list", "--form", "B203", "--period", "2025-06", "--format", "csv"]));
    let row = &listed[0];
    let told = ["form", "period", "result", "trial", "log_entry", "valid"].map(|name| row[name].as_str());
    let log = bureau.json(&["log", "list"]);
    let entry = log.as_array().unwrap().iter().find(|entry| entry["event"] == "received").unwrap()["entry"].as_str().unwrap();
    assert_eq!(told, ["B203", "2025-06", "received", "no", &format!("{entry}/{entry}"), "yes"]);
    let reports = bureau.json(&["reports"]);
    assert_eq!(reports[0]["payload"], row["digest"], "{reports}");
    assert!(receipts(&site)[0].to_str().unwrap().contains(&row["receipt"]) && row["at"].ends_with('Z'));
    assert_eq!(crate::csv(&site.ok(&["receipt", "list", "--period", "2025-05", "--format", "csv"])).len(), 0);
    let json: serde_json::Value = serde_json::from_str(&site.ok(&["receipt", "list", "--format", "json"])).unwrap();
    assert_eq!(json[0]["digest"], row["digest"]);
    assert!(site.ok(&["receipt", "list"]).contains("received"));
    // A byte of it that changed is found.
    let path = &receipts(&site)[0];
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
    let message = site.refused(&["receipt", "list", "--format", "csv"], 1, &["file-damaged"]);
    assert!(message.contains("receipts"), "{message}");
    fs::remove_file(path).unwrap();
    site.refused(&["receipt", "list"], 1, &[]);
}
