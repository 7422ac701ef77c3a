//! From the outbox to the receipt, with the real receiver: enrol, submit, broken connections, strange certificates, and kills of both sides.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Site,
    packages::{CONFIG, UNIT, approve, shown, sign, site},
};

/// A receiver as the bureau runs it.
struct Bureau {
    folder: tempfile::TempDir,
    port: u16,
    server: Option<Child>,
}

impl Drop for Bureau {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The receiver's program, beside this one. `cargo nextest run --workspace` and `cargo build -p taizhang-bureau` build it.
fn program() -> PathBuf {
    let own = Path::new(env!("CARGO_BIN_EXE_taizhang")).with_file_name("taizhang-bureau");
    assert!(own.is_file(), "{} is missing: cargo build -p taizhang-bureau", own.display());
    own
}

impl Bureau {
    fn new() -> Bureau {
        // A port that was free a moment ago; the receiver comes back to the same one.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let bureau = Bureau { folder: tempfile::tempdir().unwrap(), port, server: None };
        bureau.ok(&["init", "--code", "350100", "--name", "示例县统计局", "--host", "localhost", "--host", "127.0.0.1"]);
        let register =
            format!("统一社会信用代码,单位详细名称,行政区划代码,行业代码,直报表号\n{UNIT},杭州西溪,350100,3411,B203\n");
        fs::write(bureau.folder.path().join("register.csv"), register).unwrap();
        bureau.ok(&["unit", "import", "register.csv"]);
        bureau
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(program()).current_dir(self.folder.path()).args(args).output().unwrap()
    }

    fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[&["--format", "json"], args].concat())).unwrap()
    }

    fn serve(&mut self) {
        let listen = format!("127.0.0.1:{}", self.port);
        let mut child = Command::new(program());
        child.current_dir(self.folder.path()).args(["serve", "--listen", &listen]).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let there = lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("https://"));
        assert!(there, "the receiver does not serve");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        self.server = Some(child);
    }

    /// kill -9.
    fn kill(&mut self) {
        if let Some(mut child) = self.server.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("bureau-keys/authority.pem")
    }

    fn code(&self, more: &[&str]) -> String {
        self.json(&[&["enroll", UNIT][..], more].concat())[0]["code"].as_str().unwrap().to_owned()
    }
}

const SUBMIT: [&str; 5] = ["submit", "--period", "2025-06", "--as", "wu"];

/// A company that has enrolled with the bureau, and whose June report is signed by people with certificates of the bureau.
fn signed(bureau: &Bureau) -> Site {
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
    for (person, name, roles) in [("wu", "吴静", &["preparer"][..]), ("zhoumin", "周敏", &["statistician", "head"])] {
        let mut more = vec!["--person", name];
        roles.iter().for_each(|role| more.extend(["--role", role]));
        certificate(&site, bureau, person, &bureau.code(&more));
    }
    approve(&site);
    let digest = shown(&site);
    sign(&site, "preparer", "wu", &digest, &[]);
    sign(&site, "statistician", "zhoumin", &digest, &[]);
    sign(&site, "head", "zhoumin", &digest, &[]);
    site
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

fn state(site: &Site) -> String {
    crate::csv(&site.ok(&["draft", "list", "--format", "csv"]))[0]["state"].clone()
}

fn receipts(site: &Site) -> Vec<PathBuf> {
    let files = fs::read_dir(site.path("taizhang-state/receipts"));
    files.map(|files| files.flatten().map(|file| file.path()).collect()).unwrap_or_default()
}

/// The agent's own process, in the background.
fn background(site: &Site, args: &[&str]) -> Child {
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

/// Rounds of kills; TAIZHANG_KILL_ROUNDS sets another number.
const ROUNDS: u32 = 12;

#[test]
fn kills_at_random_moments_lose_and_double_nothing() {
    let rounds = std::env::var("TAIZHANG_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = signed(&bureau);
    let path = |name: &str| site.path(name);
    // Each round begins with the same signed package and a receiver that has not seen it.
    bureau.kill();
    let copy = |from: &Path, to: &Path| {
        let _ = fs::remove_dir_all(to);
        crate::peers::run(Command::new("cp").arg("-a").arg(from).arg(to));
    };
    copy(&path("taizhang-state"), &path("state-before"));
    let own = tempfile::tempdir().unwrap();
    copy(bureau.folder.path(), &own.path().join("bureau"));
    for round in 0..rounds {
        copy(&path("state-before"), &path("taizhang-state"));
        for file in fs::read_dir(own.path().join("bureau")).unwrap().flatten() {
            let to = bureau.folder.path().join(file.file_name());
            let _ = fs::remove_dir_all(&to);
            let _ = fs::remove_file(&to);
            crate::peers::run(Command::new("cp").arg("-a").arg(file.path()).arg(to));
        }
        bureau.serve();
        let chance = {
            use std::hash::{BuildHasher, Hasher};
            std::hash::RandomState::new().build_hasher().finish()
        };
        let mut agent = background(&site, &SUBMIT);
        std::thread::sleep(Duration::from_millis(chance % 400));
        if chance >> 32 & 1 == 0 || round % 3 == 0 {
            agent.kill().unwrap();
        }
        if chance >> 33 & 1 == 0 || round % 3 == 1 {
            bureau.kill();
        }
        agent.wait().unwrap();
        if bureau.server.is_none() {
            bureau.serve();
        }
        site.ok(&SUBMIT);
        assert_eq!(state(&site), "delivered", "round {round}");
        let held = |receipt: &PathBuf| site.ok(&["verify", receipt.to_str().unwrap(), "--roots", "bureau.pem"]);
        let kept = crate::csv(&site.ok(&["log", "show", "--format", "csv"]));
        assert_eq!(kept.iter().filter(|operation| operation["what"] == "receipt").count(), 1, "round {round}");
        assert!(receipts(&site).iter().all(|receipt| held(receipt).contains("valid")));
        site.ok(&["log", "verify"]);
        bureau.kill();
        bureau.ok(&["log", "verify"]);
        assert_eq!(bureau.json(&["reports"]).as_array().unwrap().len(), 1, "received exactly once, round {round}");
    }
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
    site.ok(&["log", "verify"]);
    // Carried by hand: the checkpoint goes beside the package, and the receipt is imported where it was signed.
    site.ok(&["submit", "--period", "2025-06", "--trial", "--to-file", "t.asice"]);
    assert!(fs::read_to_string(site.path("t.asice.checkpoint")).unwrap().starts_with(&format!("taizhang/unit/{UNIT}\n")));
    site.refused(&["receipt", "import", "t.asice"], 1, &["package-file-unexpected"]);
}
