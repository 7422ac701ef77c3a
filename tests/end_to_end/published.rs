//! Packs that the bureau publishes: told of, looked at, installed from the real receiver, and refused where they are not what the bureau signed.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Site, csv, data,
    delivery::{Bureau, enrolled},
};

const INSTALL: [&str; 3] = ["form", "install", "--from-bureau"];
const LIST: [&str; 5] = ["form", "list", "--from-bureau", "--format", "csv"];

/// B203 as a correction that renames 213 and drops a rule.
fn newer(revision: u32) -> String {
    let text = fs::read_to_string(data("../../mappings/forms/2025/B203.toml")).unwrap();
    let text = text.replace("revision = 1", &format!("revision = {revision}"));
    text.replace("name = \"资产总计\"", &format!("name = \"资产总计（{revision}）\""))
}

/// A calendar of 2026 with another deadline.
fn calendar(revision: u32) -> String {
    let text = fs::read_to_string(data("../../mappings/calendars/2026.toml")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("revision")).map(|line| format!("{line}\n"));
    let text = lines.collect::<String>().replacen("year = 2026", &format!("year = 2026\nrevision = {revision}"), 1);
    text.replace("enterprise = { months = 1, day = 18 }", "enterprise = { months = 1, day = 16 }")
}

fn publish(bureau: &Bureau, text: &str) {
    fs::write(bureau.folder.path().join("pack.toml"), text).unwrap();
    bureau.ok(&["packs", "publish", "pack.toml"]);
}

fn log(site: &Site) -> Vec<Value> {
    let rows = csv(&site.ok(&["log", "show", "--format", "csv"]));
    let installs = rows.iter().filter(|row| row["what"].starts_with("install-"));
    installs.map(|row| serde_json::from_str(&row["detail"]).unwrap()).collect()
}

#[test]
fn what_the_bureau_publishes_is_shown_and_installed_with_its_signer() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    let out = site.run(&INSTALL);
    assert!(out.status.success() && String::from_utf8_lossy(&out.stderr).contains("packs-all-present"));
    publish(&bureau, &newer(2));
    publish(&bureau, &calendar(9));

    // What is new, who signed it, and what it would change.
    let rows = csv(&site.ok(&LIST));
    let row = |form: &str| rows.iter().find(|row| row["form"] == form).unwrap();
    let form = row("B203");
    assert_eq!((form["kind"].as_str(), form["revision"].as_str(), form["present"].as_str()), ("form", "2", "1"));
    assert_eq!((form["offer"].as_str(), form["changes"].as_str()), ("newer", "row ~213"));
    assert!(form["signed_by"].contains("示例县统计局") && form["signed_by"].contains("350100"), "{form:?}");
    let listed = bureau.json(&["packs", "list"]);
    let listed = listed.as_array().unwrap().iter().find(|pack| pack["form"] == "B203").unwrap();
    assert_eq!(listed["sha256"], form["sha256"]);
    assert_eq!((row("")["kind"].as_str(), row("")["edition"].as_str()), ("calendar", "2026"));
    assert!(row("")["changes"].starts_with("due ~"), "{}", row("")["changes"]);
    assert!(!site.path("mappings").exists() && log(&site).is_empty(), "who looks installs nothing");

    // One by its name, then the rest.
    site.refused(&[&INSTALL[..], &["B999"]].concat(), 2, &["pack-not-offered"]);
    site.ok(&[&INSTALL[..], &["B203", "--as", "wu"]].concat());
    assert_eq!(fs::read_to_string(site.path("mappings/forms/2025/B203.toml")).unwrap(), newer(2));
    assert!(!site.path("mappings/calendars").exists());
    let status = String::from_utf8(site.run(&["status", "--date", "2026-03-10"]).stderr).unwrap();
    assert!(status.contains("pack-offered") && status.contains("calendar of 2026, revision 9"), "{status}");
    site.ok(&INSTALL);
    assert_eq!(fs::read_to_string(site.path("mappings/calendars/2026.toml")).unwrap(), calendar(9));
    let rows = csv(&site.ok(&["status", "--date", "2026-03-10", "--format", "csv"]));
    assert!(rows.iter().any(|row| row["due_date"] == "2026-03-16"), "{rows:?}");
    // The log names who signed, when and in which container.
    let installs = log(&site);
    assert_eq!(installs.len(), 2);
    assert_eq!(installs[0]["from"]["container"].as_str(), Some(&*form["sha256"]));
    assert_eq!((installs[0]["before"]["revision"].as_u64(), installs[0]["revision"].as_u64()), (Some(1), Some(2)));
    assert!(installs[1]["from"]["signed_by"].as_str().unwrap().contains("350100"));

    // The same again is no operation; what is here and newer stays.
    let said = String::from_utf8(site.run(&INSTALL).stderr).unwrap();
    assert!(said.contains("packs-all-present"), "{said}");
    let said = String::from_utf8(site.run(&[&INSTALL[..], &["B203"]].concat()).stderr).unwrap();
    assert!(said.contains("pack-present") && log(&site).len() == 2, "{said}");
    fs::write(site.path("own.toml"), newer(5)).unwrap();
    site.ok(&["form", "install", "own.toml"]);
    site.refused(&[&INSTALL[..], &["B203"]].concat(), 1, &["pack-older", "revision 5"]);
    assert_eq!(fs::read_to_string(site.path("mappings/forms/2025/B203.toml")).unwrap(), newer(5));
    site.ok(&["log", "verify"]);
}

/// The receiver's own row of a pack, changed behind its back as somebody could who has its machine and not its key.
fn forge(bureau: &mut Bureau, change: &str) {
    bureau.kill();
    let connection = rusqlite::Connection::open(bureau.folder.path().join("bureau-state/bureau.sqlite")).unwrap();
    connection.execute_batch("DROP TRIGGER IF EXISTS pack_update; DROP TRIGGER IF EXISTS pack_delete").unwrap();
    connection.execute_batch(change).unwrap();
    drop(connection);
    bureau.serve();
}

/// A pack's container signed by another receiver, and the same with a byte changed.
fn containers(text: &str) -> (Vec<u8>, Vec<u8>) {
    let other = Bureau::new();
    publish(&other, text);
    let connection = rusqlite::Connection::open(other.folder.path().join("bureau-state/bureau.sqlite")).unwrap();
    let bytes: Vec<u8> = connection.query_row("SELECT body FROM pack", [], |row| row.get(0)).unwrap();
    let mut changed = bytes.clone();
    let at = changed.windows(6).position(|six| six == "资产".as_bytes()).unwrap();
    changed[at] ^= 1;
    (bytes, changed)
}

#[test]
fn what_the_bureau_did_not_sign_is_refused_by_name() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    publish(&bureau, &newer(2));
    let database = bureau.folder.path().join("bureau-state/bureau.sqlite");
    let original: Vec<u8> = {
        let connection = rusqlite::Connection::open(&database).unwrap();
        connection.query_row("SELECT body FROM pack", [], |row| row.get(0)).unwrap()
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let sha256 = |bytes: &[u8]| seal::Digest::of(bytes).to_string();
    let put = |body: &[u8], sha256: &str, revision: u32| {
        format!("UPDATE pack SET body = x'{}', sha256 = '{sha256}', revision = {revision}", hex(body))
    };
    let (others, others_changed) = containers(&newer(2));
    let mut changed = original.clone();
    let at = changed.windows(6).position(|six| six == "资产".as_bytes()).unwrap();
    changed[at] ^= 1;
    // A receipt is signed by the same key, and is no pack.
    let receipt = {
        crate::delivery::sign_month(&site, "2025-06");
        site.ok(&crate::delivery::SUBMIT);
        fs::read(&crate::delivery::receipts(&site)[0]).unwrap()
    };
    // A person whom the bureau enrolled signs a pack: the authority is the right one, and the purpose is not.
    let persons = {
        use seal::{Identity, Limits, Package, Payload, Role};
        let pem = fs::read_to_string(site.path("wu.pem")).unwrap();
        let key = seal::SecretKey::from_pem(&pem, crate::servers::PASSWORD.as_bytes()).unwrap();
        let chain = seal::Certificate::from_pem(&fs::read_to_string(site.path("wu.crt")).unwrap()).unwrap();
        let mut payload = Payload::new();
        payload.insert("pack.toml", newer(2).into_bytes()).unwrap();
        let mut package = Package::new(payload).unwrap();
        let now = u64::try_from(jiff::Timestamp::now().as_second()).ok().and_then(seal::Time::from_unix).unwrap();
        package.sign(&Identity::new(&key, chain).unwrap(), Role::Preparer, now).unwrap();
        package.write(Limits::default()).unwrap()
    };
    for (body, digest, revision, code) in [
        (&changed, sha256(&original), 2, "pack-differs"),
        (&changed, sha256(&changed), 2, "container-"),
        (&others, sha256(&others), 2, "certificate-untrusted"),
        (&others_changed, sha256(&others_changed), 2, "container-"),
        (&receipt, sha256(&receipt), 2, "package-file-unexpected"),
        (&persons, sha256(&persons), 2, "signature-missing"),
        // An older one under the number of a newer one.
        (&original, sha256(&original), 3, "pack-differs"),
    ] {
        forge(&mut bureau, &put(body, &digest, revision));
        let said = site.refused(&INSTALL, 1, &[code, "pack B203 2025 r"]);
        assert!(!site.path("mappings").exists() && log(&site).is_empty(), "{said}");
        let listed = csv(&String::from_utf8(site.run(&LIST).stdout).unwrap());
        assert_eq!(listed[0]["offer"], "refused", "{code}");
    }
    forge(&mut bureau, &put(&original, &sha256(&original), 2));
    site.ok(&INSTALL);
    assert_eq!(log(&site).len(), 1);
}

/// `run` with its log kept.
fn run(site: &Site) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
    command.current_dir(site.folder.path()).args(["--lang", "en", "run"]);
    let log = fs::File::create(site.path("run.log")).unwrap();
    command.env("TAIZHANG_TEST_PASSWORD", crate::servers::PASSWORD);
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Runs the daemon until its log holds a word.
fn until(site: &Site, word: &str) -> String {
    let mut child = run(site);
    let begun = Instant::now();
    let mut said = String::new();
    while !said.contains(word) && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(100));
        said = fs::read_to_string(site.path("run.log")).unwrap();
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let ended = child.wait().unwrap();
    assert!(said.contains(word) && ended.success(), "{word} is not in: {said}");
    said
}

#[test]
fn the_daemon_tells_of_packs_and_installs_them_where_it_is_told_to() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    publish(&bureau, &newer(2));
    until(&site, "pack-offered");
    assert!(!site.path("mappings").exists());
    let status = String::from_utf8(site.run(&["status"]).stderr).unwrap();
    assert!(status.contains("pack-offered") && status.contains("B203 of 2025, revision 2"), "{status}");
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    fs::write(site.path("agent.toml"), config.replace("[bureau]\n", "[bureau]\npacks = \"instal\"\n")).unwrap();
    site.refused(&["status"], 2, &["value-unknown", "instal", "tell"]);
    fs::write(site.path("agent.toml"), config.replace("[bureau]\n", "[bureau]\npacks = \"install\"\n")).unwrap();
    until(&site, "pack-installed");
    assert_eq!(fs::read_to_string(site.path("mappings/forms/2025/B203.toml")).unwrap(), newer(2));
    assert!(log(&site)[0]["from"]["signed_by"].as_str().unwrap().contains("350100"));
    let status = String::from_utf8(site.run(&["status"]).stderr).unwrap();
    assert!(!status.contains("pack-offered"), "{status}");
    // What is not the bureau's is named, and installs nothing.
    let (others, _) = containers(&newer(3));
    let digest = seal::Digest::of(&others).to_string();
    let body: String = others.iter().map(|byte| format!("{byte:02x}")).collect();
    forge(&mut bureau, &format!("UPDATE pack SET body = x'{body}', sha256 = '{digest}', revision = 3"));
    until(&site, "certificate-untrusted");
    assert_eq!(fs::read_to_string(site.path("mappings/forms/2025/B203.toml")).unwrap(), newer(2));
    site.ok(&["log", "verify"]);
}
