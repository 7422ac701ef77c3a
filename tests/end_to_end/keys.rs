//! Keys of people who sign: on a token from the code to the receipt, and certificates that are renewed, or told of, before they end.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Site,
    delivery::{Bureau, another_day, enrolled, receipts},
    packages::CONFIG,
    peers,
};

const PIN: &str = "246810";
const RENEW: [&str; 4] = ["enroll", "--renew", "--as", "wu"];

/// A certificate's number, until when it holds, and its key.
fn certificate(site: &Site, file: &str) -> (String, String, String) {
    let pem = fs::read_to_string(site.path(file)).unwrap();
    let own = seal::Certificate::from_pem(&pem).unwrap().remove(0);
    let key: String = own.public_key().der().iter().map(|byte| format!("{byte:02x}")).collect();
    (own.serial(), own.not_after().to_string(), key)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_key_on_a_token_is_enrolled_signs_and_is_receipted() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    let folder = site.folder.path();
    // SoftHSM2, and no file of 吴静's key any more.
    fs::create_dir(folder.join("tokens")).unwrap();
    let conf = folder.join("softhsm2.conf");
    fs::write(&conf, format!("directories.tokendir = {}\n", folder.join("tokens").display())).unwrap();
    let init = ["--init-token", "--free", "--label", "台账", "--pin", PIN, "--so-pin", "654321"];
    peers::run(Command::new("softhsm2-util").env("SOFTHSM2_CONF", &conf).args(init));
    let file = "file = \"wu.pem\"\npassword = { env = \"TAIZHANG_TEST_PASSWORD\" }\n\n[signing.key.zhoumin]";
    assert!(CONFIG.contains(file));
    let token = "module = \"/usr/lib/softhsm/libsofthsm2.so\"\ntoken = \"台账\"\nkey = \"wu\"\n\
                 pin = { env = \"TAIZHANG_TEST_PIN\" }\n\n[signing.key.zhoumin]";
    let config = fs::read_to_string(site.path("agent.toml")).unwrap().replace(file, token);
    fs::write(site.path("agent.toml"), config).unwrap();
    let before = certificate(&site, "wu.crt");
    fs::remove_file(site.path("wu.pem")).unwrap();
    fs::remove_file(site.path("wu.crt")).unwrap();
    let run = |args: &[&str], pin: &str| -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
        command.current_dir(folder).args(["--lang", "en"]).args(args).env("SOFTHSM2_CONF", &conf);
        command.env("TAIZHANG_TEST_PIN", pin).env("TAIZHANG_TEST_PASSWORD", crate::servers::PASSWORD).output().unwrap()
    };
    let ok = |args: &[&str]| {
        let out = run(args, PIN);
        assert!(out.status.success(), "{args:?}: {}", text(&out.stderr));
        text(&out.stdout)
    };

    // The key is made on the token when the code is used, and the same code with the same key is the same certificate.
    let code = bureau.code(&["--person", "吴静", "--role", "preparer"]);
    let enroll = ["enroll", "--code", &code, "--as", "wu"];
    for (args, pin, said) in [
        (&enroll[..], "135791", "token-pin-wrong"),
        (&[&enroll[..], &["--sm2"]].concat(), PIN, "token-key-sm2"),
        (&["enroll", "--code", "AAAAA-AAAAA-AAAAA-AAAAA", "--as", "wu"], PIN, "enrolment-code-refused"),
    ] {
        let out = run(args, pin);
        let told = text(&out.stderr);
        assert!(!out.status.success() && told.contains(said) && !told.contains(pin), "{told}");
    }
    ok(&enroll);
    let made = certificate(&site, "wu.crt");
    ok(&enroll);
    assert_eq!(certificate(&site, "wu.crt"), made);
    assert_ne!(made.2, before.2);
    assert!(!site.path("wu.pem").exists());
    peers::run(Command::new("openssl").current_dir(folder).args(["verify", "-CAfile", "bureau.pem", "wu.crt"]));
    let told = text(&run(&["check"], PIN).stderr);
    assert!(!told.contains("signing.key.wu"), "{told}");

    // Renewed by its holder; the key stays where it is.
    ok(&RENEW);
    let renewed = certificate(&site, "wu.crt");
    assert!(renewed.0 != made.0 && renewed.2 == made.2);

    // Signed with it, submitted, receipted.
    let of = ["--form", "B203", "--period", "2025-06"];
    ok(&["build", "--period", "2025-06"]);
    site.explains("B203", "2025-06", "wu");
    ok(&[&["review"], &of[..], &["--as", "wu"]].concat());
    ok(&[&["approve"], &of[..], &["--as", "zhoumin"]].concat());
    let digest = crate::csv(&ok(&[&["sign"], &of[..], &["--format", "csv"]].concat()))[0]["digest"].clone();
    for (role, person) in [("preparer", "wu"), ("statistician", "zhoumin"), ("head", "zhoumin")] {
        ok(&[&["sign"], &of[..], &["--role", role, "--as", person, "--digest", &digest]].concat());
    }
    assert!(ok(&crate::delivery::SUBMIT).contains("received"));
    let kept = receipts(&site);
    let said = site.ok(&["verify", kept[0].to_str().unwrap(), "--roots", "bureau.pem"]);
    assert!(kept.len() == 1 && said.lines().last().unwrap().starts_with("valid"), "{said}");
    let reports = bureau.json(&["reports"]);
    assert_eq!(reports.as_array().unwrap().len(), 1, "{reports}");
    site.ok(&["log", "verify"]);
    let log = site.ok(&["log", "show", "--format", "json"]);
    assert!(!log.contains(PIN));
}

/// This program so many days later, with or without the password of the keys.
fn later(site: &Site, days: u32, args: &[&str], password: bool) -> Command {
    let mut command = another_day(Path::new(env!("CARGO_BIN_EXE_taizhang")), days);
    command.current_dir(site.folder.path()).args(["--lang", "en"]).args(args);
    if password {
        command.env("TAIZHANG_TEST_PASSWORD", crate::servers::PASSWORD);
    }
    command
}

/// The daemon's log, once it holds a word, and no longer than it has begun to look at the outbox.
fn daemon(site: &Site, days: u32, password: bool, word: &str) -> String {
    let log = fs::File::create(site.path("run.log")).unwrap();
    let mut child = later(site, days, &["run"], password).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let begun = Instant::now();
    let mut said = String::new();
    while !said.contains(word) && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(100));
        said = fs::read_to_string(site.path("run.log")).unwrap();
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    child.wait().unwrap();
    assert!(said.contains(word), "{word} is not in: {said}");
    said
}

#[test]
fn certificates_of_people_are_renewed_or_told_of_before_they_end() {
    let mut bureau = Bureau::new();
    let config = bureau.folder.path().join("bureau.toml");
    let days = fs::read_to_string(&config).unwrap();
    let days = days.lines().filter(|line| !line.starts_with("person_days") && !line.starts_with("[certificates]"));
    let days: String = days.map(|line| format!("{line}\n")).collect();
    fs::write(&config, days + "\n[certificates]\nperson_days = 3\n").unwrap();
    bureau.serve();
    let site = enrolled(&bureau);
    let own = fs::read_to_string(site.path("agent.toml")).unwrap();
    fs::write(site.path("agent.toml"), own.replace("[signing]\n", "[signing]\nremind_days = 2\n")).unwrap();
    let before = [certificate(&site, "wu.crt"), certificate(&site, "zhoumin.crt")];
    let status = |days: u32| text(&later(&site, days, &["status"], false).output().unwrap().stderr);
    assert!(!status(0).contains("signing-certificate"), "{}", status(0));

    // Two days later a third of their time is left. Without the passwords they are told of, with what to run.
    bureau.kill();
    bureau.serve_in(2);
    let told = status(2);
    assert!(told.contains("signing-certificate-ends") && told.contains("taizhang enroll --renew --as zhoumin"), "{told}");
    let told = text(&later(&site, 2, &["check"], true).output().unwrap().stderr);
    assert!(told.contains("signing-certificate-ends") && told.contains("taizhang enroll --renew --as wu"), "{told}");
    let said = daemon(&site, 2, false, "signing-certificate-ends");
    assert!(!said.contains("person-enrolled"), "{said}");
    assert_eq!([certificate(&site, "wu.crt"), certificate(&site, "zhoumin.crt")], before);

    // With them the daemon renews both, a P-256 and an SM2 key, each under the name it had.
    let said = daemon(&site, 2, true, "周敏");
    assert!(!said.contains(crate::servers::PASSWORD) && said.matches("person-enrolled").count() == 2, "{said}");
    let after = [certificate(&site, "wu.crt"), certificate(&site, "zhoumin.crt")];
    for (old, new) in before.iter().zip(&after) {
        assert!(new.0 != old.0 && new.1 > old.1 && new.2 == old.2, "{old:?} {new:?}");
    }
    assert!(!status(2).contains("signing-certificate"), "{}", status(2));
    let log = crate::csv(&site.ok(&["log", "show", "--format", "csv"]));
    let renewals = log.iter().filter(|row| row["what"] == "enroll" && row["detail"].contains("\"renewal\":true"));
    assert_eq!(renewals.count(), 2);
    site.ok(&["log", "verify"]);

    // What the bureau revoked is not renewed, and takes no certificate's place.
    bureau.ok(&["revoke", &after[0].0, "--reason", "离职"]);
    let out = later(&site, 2, &RENEW, true).output().unwrap();
    assert!(out.status.code() == Some(1) && text(&out.stderr).contains("certificate-revoked"), "{}", text(&out.stderr));
    assert_eq!(certificate(&site, "wu.crt"), after[0]);
    // What has ended is told, and takes a new code.
    bureau.kill();
    bureau.serve_in(9);
    let told = status(9);
    assert!(told.contains("signing-certificate-ended") && told.contains("--code CODE --as wu"), "{told}");
    let out = later(&site, 9, &["enroll", "--renew", "--as", "zhoumin"], true).output().unwrap();
    assert!(out.status.code() == Some(1) && text(&out.stderr).contains("certificate-expired"), "{}", text(&out.stderr));
}
