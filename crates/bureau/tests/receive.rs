/*! From the register to the receipt, with the receiver's own program, `openssl` and `curl`. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::{fs, process::Command};

use common::{Bureau, OTHER, Order, UNIT, now, period, reasons, receipt};
use seal::{Checkpoint, Digest, Limits, Moment, Package, Trust, Verdict};
use serde_json::Value;

fn trust(bureau: &Bureau) -> Trust {
    Trust { roots: bureau.roots(), revoked: Vec::new(), moment: Moment::At(now()) }
}

#[test]
fn a_package_gets_one_receipt_however_often_it_comes() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    let (status, health) = bureau.curl("/v1/health", &[]);
    assert_eq!((status, serde_json::from_slice::<Value>(&health).unwrap()["status"].as_str()), (200, Some("ok")));

    // The agent's log, countersigned in the receipt.
    let key = bureau.openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", &format!("{UNIT}.key"), "-outform", "DER"]);
    let machine = seal::SecretKey::from_pkcs8(&key).unwrap();
    let checkpoint = Checkpoint { origin: format!("taizhang/unit/{UNIT}"), size: 7, root: Digest::of(b"root") };
    fs::write(bureau.path("note"), checkpoint.sign(&machine).unwrap().to_string()).unwrap();
    let note = String::from_utf8(bureau.openssl(&["base64", "-A", "-in", "note"])).unwrap();
    let header = format!("Agent-Checkpoint: {note}");

    let package = site.package(&Order::default());
    let bytes = package.write(Limits::default()).unwrap();
    let (status, first) = bureau.submit(UNIT, &bytes, &["--header", &header]);
    assert_eq!(status, 201, "{:?}", reasons(&first));
    let read = receipt(&first);
    assert_eq!(read.verify(&trust(&bureau)).findings, []);
    read.is_of(&package).unwrap();
    assert_eq!((read.receipt.verdict, read.receipt.forms[0].version, read.receipt.unit.as_str()), (Verdict::Received, 1, UNIT));
    let agent = read.agent.as_ref().unwrap();
    assert_eq!(agent.names().collect::<Vec<_>>(), [format!("taizhang/unit/{UNIT}").as_str(), "taizhang/bureau/350100"]);
    let audit = &read.receipt.audit;
    assert!(audit["met"].as_u64().unwrap() + audit["unmet"].as_u64().unwrap() > 5, "{audit}");

    // The same again, and by its digest.
    let (status, again) = bureau.submit(UNIT, &bytes, &[]);
    assert_eq!((status, again == first), (200, true));
    let (status, kept) = bureau.ask(UNIT, &format!("/v1/receipts/{}", package.digest()), &[]);
    assert_eq!((status, kept == first), (200, true));
    bureau.unit(OTHER);
    assert_eq!(bureau.ask(OTHER, &format!("/v1/receipts/{}", package.digest()), &[]).0, 404);

    // A correction is the next version, and says what it corrects.
    let second = Order { figure: 200, supersedes: Some(package.digest().to_string()), ..Order::default() };
    let corrected = site.package(&second);
    let (status, answer) = bureau.submit(UNIT, &corrected.write(Limits::default()).unwrap(), &[]);
    assert_eq!((status, receipt(&answer).receipt.forms[0].version), (201, 2));
    let stray = site.bytes(&Order { figure: 300, supersedes: Some(package.digest().to_string()), ..Order::default() });
    let (status, answer) = bureau.submit(UNIT, &stray, &[]);
    assert_eq!((status, reasons(&answer)), (422, vec!["package-not-next".to_owned()]));
    assert_eq!(receipt(&answer).verify(&trust(&bureau)).findings, [], "a refusal is signed too");
    // An old version again changes nothing: it has its receipt.
    assert_eq!(bureau.submit(UNIT, &bytes, &[]).0, 200);

    // 试填 stands apart.
    let trial = site.bytes(&Order { trial: true, figure: 1, ..Order::default() });
    let (status, answer) = bureau.submit(UNIT, &trial, &[]);
    assert_eq!((status, receipt(&answer).receipt.test, receipt(&answer).receipt.forms[0].version), (201, true, 1));

    let reports = bureau.json(&["reports", "--unit", UNIT]);
    let versions: Vec<&str> = reports.iter().map(|report| report["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["1", "2", "1"]);

    // Proofs over the API, checked by the code of RFC 6962.
    let leaf = seal::log::leaf(&read.receipt.to_bytes().unwrap());
    let (status, proof) = bureau.ask(UNIT, &format!("/v1/log/leaves/{leaf}"), &[]);
    let proof: Value = serde_json::from_slice(&proof).unwrap();
    assert_eq!(status, 200, "{proof}");
    let hashes = |value: &Value| -> Vec<Digest> {
        value.as_array().unwrap().iter().map(|hash| Digest::parse(hash.as_str().unwrap()).unwrap()).collect()
    };
    let newest = seal::Note::parse(proof["checkpoint"].as_str().unwrap()).unwrap().checkpoint().unwrap();
    let (index, size) = (proof["index"].as_u64().unwrap(), proof["size"].as_u64().unwrap());
    assert!(seal::log::includes(leaf, index, size, &hashes(&proof["proof"]), newest.root));
    let older = read.proof.note.checkpoint().unwrap();
    let (_, answer) = bureau.ask(UNIT, &format!("/v1/log/consistency?from={}&to={}", older.size, newest.size), &[]);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let grown = seal::log::consistent((older.size, older.root), (newest.size, newest.root), &hashes(&answer["proof"]));
    assert!(grown && older.size < newest.size);

    assert!(bureau.output(&["log", "verify"]).status.success());
    bureau.run(&["export", "out"]);
    let file = format!("out/{UNIT}/{}.asice", package.digest());
    assert_eq!(fs::read(bureau.path(&file)).unwrap(), bytes);
    bureau.run(&["verify", &file]);
    bureau.run(&["verify", &format!("out/{UNIT}/{}.receipt.asice", package.digest())]);
}

#[test]
fn uploads_go_on_where_they_broke_off() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    let bytes = site.bytes(&Order::default());
    let digest = Digest::of(&bytes).to_string();
    let order = format!("{{\"sha256\":\"{digest}\",\"length\":{}}}", bytes.len());
    let json = ["--header", "Content-Type: application/json", "--data", &order];
    assert_eq!(bureau.ask(UNIT, "/v1/uploads", &json).0, 201);
    assert_eq!(bureau.ask(UNIT, "/v1/uploads", &json).0, 200);
    let path = format!("/v1/uploads/{digest}");
    let send = |bureau: &Bureau, from: usize, to: usize| {
        fs::write(bureau.path("piece"), &bytes[from..to]).unwrap();
        let offset = format!("Upload-Offset: {from}");
        let kind = "Content-Type: application/offset+octet-stream";
        bureau.ask(UNIT, &path, &["--request", "PATCH", "--header", kind, "--header", &offset, "--data-binary", "@piece"]).0
    };
    let half = bytes.len() / 2;
    assert_eq!(send(&bureau, 0, half), 204);
    assert_eq!(send(&bureau, 0, half), 409, "it does not begin at the end");
    assert_eq!(bureau.ask(UNIT, &format!("{path}/complete"), &["--request", "POST"]).0, 409);
    // A power cut between the pieces.
    bureau.kill();
    bureau.serve();
    let (status, head) = bureau.ask(UNIT, &path, &["--head"]);
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(status == 200 && head.contains(&format!("upload-offset: {half}")), "{head}");
    assert_eq!(send(&bureau, half, bytes.len()), 204);
    let (status, first) = bureau.ask(UNIT, &format!("{path}/complete"), &["--request", "POST"]);
    assert_eq!(status, 201, "{:?}", reasons(&first));
    // The answer was lost, and is asked for again.
    let (status, again) = bureau.ask(UNIT, &format!("{path}/complete"), &["--request", "POST"]);
    assert_eq!((status, again == first), (200, true));
    assert_eq!(bureau.submit(UNIT, &bytes, &[]), (200, first));
}

#[test]
fn a_file_that_is_carried_by_hand_gets_its_receipt_as_a_file() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    bureau.kill();
    let package = site.package(&Order { form: "E203", channel: "companion", filed: true, ..Order::default() });
    fs::write(bureau.path("p.asice"), package.write(Limits::default()).unwrap()).unwrap();
    bureau.run(&["import", "p.asice"]);
    let first = fs::read(bureau.path("p.asice.receipt.asice")).unwrap();
    receipt(&first).is_of(&package).unwrap();
    bureau.run(&["import", "p.asice"]);
    assert_eq!(fs::read(bureau.path("p.asice.receipt.asice")).unwrap(), first);
    bureau.run(&["verify", "p.asice.receipt.asice"]);
    // Not filed at the portal: refused, with a receipt.
    let stray = site.bytes(&Order { form: "E204-1", channel: "companion", ..Order::default() });
    fs::write(bureau.path("q.asice"), stray).unwrap();
    let (exit, said) = bureau.fails(&["import", "q.asice"]);
    assert!(exit == 1 && said.contains("package-filing-missing"), "{said}");
    assert_eq!(reasons(&fs::read(bureau.path("q.asice.receipt.asice")).unwrap()), ["package-filing-missing"]);

    // A query opens where something arrived; a companion is neither accepted nor returned.
    let period = period();
    let about = ["--edition", "2025", "--period", &period, "--text", "请核实营业收入"];
    let letter = |verb: &'static str, form: &'static str| [&[verb, UNIT, "--form", form], &about[..]].concat();
    bureau.run(&letter("query", "E203"));
    for (verb, form, code) in [
        ("query", "E204-1", "report-not-received"),
        ("accept", "E203", "channel-companion"),
        ("return", "E203", "channel-companion"),
        ("accept", "B203", "report-not-received"),
    ] {
        let (_, said) = bureau.fails(&letter(verb, form));
        assert!(said.contains(code), "{verb} {form}: {said}");
    }

    bureau.serve();
    let messages: Value = serde_json::from_slice(&bureau.ask(UNIT, "/v1/messages", &[]).1).unwrap();
    let query = &messages["messages"][0];
    assert_eq!(
        (query["kind"].as_str(), query["form"].as_str(), query["text"].as_str()),
        (Some("query"), Some("E203"), Some("请核实营业收入"))
    );
    let answer = format!("{{\"key\":\"a-1\",\"reply_to\":{},\"text\":\"已核实，无误\"}}", query["id"]);
    let post = ["--header", "Content-Type: application/json", "--data", &answer];
    assert_eq!(bureau.ask(UNIT, "/v1/messages", &post).0, 201);
    assert_eq!(bureau.ask(UNIT, "/v1/messages", &post).0, 200);
    let other = ["--header", "Content-Type: application/json", "--data", "{\"key\":\"a-1\",\"text\":\"别的\"}"];
    assert_eq!(bureau.ask(UNIT, "/v1/messages", &other).0, 409);
    bureau.unit(OTHER);
    assert_eq!(bureau.ask(OTHER, "/v1/messages", &post).0, 404, "another unit's query");
    let kinds: Vec<Value> = bureau.json(&["messages", "--unit", UNIT]).iter().map(|message| message["kind"].clone()).collect();
    assert_eq!(kinds, ["query", "answer"]);
}

#[test]
fn certificates_are_issued_renewed_and_revoked_over_est() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let (_, trusted) = bureau.curl("/.well-known/est/cacerts", &[]);
    let root = bureau.certificate("cacerts", &trusted);
    assert_eq!(bureau.roots(), [root]);
    let (_, attributes) = bureau.curl("/.well-known/est/csrattrs", &[]);
    fs::write(bureau.path("attributes.b64"), attributes).unwrap();
    bureau.openssl(&["base64", "-d", "-in", "attributes.b64", "-out", "attributes"]);
    let said = String::from_utf8(bureau.openssl(&["asn1parse", "-inform", "DER", "-in", "attributes"])).unwrap();
    assert!(said.contains("id-ecPublicKey") && said.contains("prime256v1") && said.contains("ecdsa-with-SHA256"), "{said}");

    let code = bureau.code(&[UNIT]);
    let first = bureau.enrol(UNIT, &code, UNIT, "/CN=I am the head/title=单位负责人");
    // The register says who it is, whatever the request wished to be called.
    let subject = first.subject();
    assert_eq!((subject.unit.as_str(), subject.name.as_str()), (UNIT, "agent"));
    assert_eq!(subject.roles.iter().map(|role| role.id()).collect::<Vec<_>>(), ["agent"]);
    bureau.openssl(&["verify", "-CAfile", "bureau-keys/authority.pem", &format!("{UNIT}.pem")]);

    // The same request with the same code: the answer was lost. Another key: refused.
    let user = format!("{UNIT}:{code}");
    let sent = |user: &str, file: &str| {
        let body = format!("@{file}");
        bureau.curl(
            "/.well-known/est/simpleenroll",
            &["--user", user, "--header", "Content-Type: application/pkcs10", "--data-binary", &body],
        )
    };
    let (status, again) = sent(&user, &format!("{UNIT}.b64"));
    assert_eq!((status, bureau.certificate("again", &again)), (200, first.clone()));
    bureau.openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "new.key"]);
    bureau.openssl(&["req", "-new", "-key", "new.key", "-subj", "/CN=x", "-outform", "DER", "-out", "new.csr"]);
    fs::write(bureau.path("new.b64"), bureau.openssl(&["base64", "-in", "new.csr"])).unwrap();
    let unused = bureau.code(&[OTHER]);
    for user in [user.clone(), format!("{UNIT}:AAAAA-AAAAA-AAAAA-AAAAA"), format!("{UNIT}:{unused}"), format!("{OTHER}:")] {
        let (status, problem) = sent(&user, "new.b64");
        let problem: Value = serde_json::from_slice(&problem).unwrap();
        assert_eq!((status, problem["code"].as_str()), (401, Some("enrolment-code-refused")), "{user}");
    }
    // What is no request, or is signed by another key.
    fs::write(bureau.path("bad.b64"), "AAAA").unwrap();
    assert_eq!(sent(&format!("{OTHER}:{unused}"), "bad.b64").0, 400);

    // Renewal with the certificate alone.
    let renew = ["--header", "Content-Type: application/pkcs10", "--data-binary", "@new.b64"];
    let (status, renewed) = bureau.ask(UNIT, "/.well-known/est/simplereenroll", &renew);
    assert_eq!(status, 200);
    let renewed = bureau.certificate("new", &renewed);
    assert_eq!((renewed.subject(), renewed.serial() == first.serial()), (first.subject(), false));
    assert_eq!(bureau.ask("new", "/v1/messages", &[]).0, 200);

    // A person's, over the machine's connection: the key that signed the request says whose it is, whatever it wishes to be called.
    let code = bureau.code(&[UNIT, "--person", "王五", "--role", "preparer"]);
    let person = bureau.enrol(UNIT, &code, "person", "/CN=x");
    let again = ["--header", "Content-Type: application/pkcs10", "--data-binary", "@person.b64"];
    let (status, renewed) = bureau.ask(UNIT, "/.well-known/est/simplereenroll", &again);
    assert_eq!(status, 200);
    let renewed = bureau.certificate("person-renewed", &renewed);
    assert_eq!((renewed.subject(), renewed.public_key()), (person.subject(), person.public_key()));
    assert!(renewed.serial() != person.serial() && renewed.subject().name == "王五");
    // Another unit's machine gets no certificate of theirs, and nobody one for a key that was revoked.
    let machine = bureau.code(&[OTHER]);
    bureau.enrol(OTHER, &machine, OTHER, "/CN=x");
    let (status, others) = bureau.ask(OTHER, "/.well-known/est/simplereenroll", &again);
    assert_eq!((status, bureau.certificate("others", &others).subject().name.as_str()), (200, "agent"));
    bureau.run(&["revoke", &person.serial(), "--reason", "离职"]);
    let (status, problem) = bureau.ask(UNIT, "/.well-known/est/simplereenroll", &again);
    let problem: Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!((status, problem["code"].as_str()), (403, Some("certificate-revoked")));

    // A lost machine.
    bureau.run(&["revoke", &first.serial(), "--reason", "电脑丢失"]);
    let (status, problem) = bureau.ask(UNIT, "/v1/messages", &[]);
    let problem: Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!((status, problem["code"].as_str()), (403, Some("certificate-revoked")));
    assert!(problem["title"].as_str().unwrap().contains(" · "), "in both languages: {problem}");
    assert_eq!(bureau.ask(UNIT, "/.well-known/est/simplereenroll", &renew).0, 403);
    assert_eq!(bureau.ask("new", "/v1/messages", &[]).0, 200);
    assert_eq!(bureau.curl("/v1/messages", &[]).0, 401);

    // TLS 1.2 and certificates of another authority do not come in.
    let url = format!("{}/v1/health", bureau.url());
    let mut old = Command::new("curl");
    old.args(["--silent", "--tls-max", "1.2", "--cacert"]).arg(bureau.authority()).arg(&url);
    assert!(!old.output().unwrap().status.success());
    bureau.openssl(&["req", "-x509", "-key", "new.key", "-subj", "/CN=x", "-days", "2", "-out", "own.pem"]);
    let own = Command::new("curl")
        .args(["--silent", "--cert", "own.pem", "--key", "new.key", "--cacert"])
        .arg(bureau.authority())
        .arg(&url)
        .current_dir(bureau.folder.path())
        .output()
        .unwrap();
    assert!(!own.status.success());
}

#[test]
fn packs_are_signed_and_the_newest_is_judged_by() {
    let mut bureau = Bureau::new();
    bureau.serve();
    bureau.unit(UNIT);
    let (_, _, text) = survey::FORMS.iter().find(|(_, code, _)| *code == "B203").unwrap();
    let known = survey::Form::parse("B203", text).0.unwrap().revision;
    let of = |revision: u32| {
        let lines = text.lines().filter(|line| !line.starts_with("revision")).map(|line| format!("{line}\n"));
        lines.collect::<String>().replacen("edition =", &format!("revision = {revision}\nedition ="), 1)
    };
    let newer = of(known + 1);
    fs::write(bureau.path("B203.toml"), of(known)).unwrap();
    let (_, said) = bureau.fails(&["packs", "publish", "B203.toml"]);
    assert!(said.contains("pack-older"), "agents have it: {said}");
    fs::write(bureau.path("B203.toml"), &newer).unwrap();
    bureau.run(&["packs", "publish", "B203.toml"]);
    let (_, said) = bureau.fails(&["packs", "publish", "B203.toml"]);
    assert!(said.contains("pack-older"), "{said}");
    fs::write(bureau.path("broken.toml"), of(known + 2).replacen("[[rule]]", "[[rule", 1)).unwrap();
    bureau.fails(&["packs", "publish", "broken.toml"]);
    let packs: Value = serde_json::from_slice(&bureau.ask(UNIT, "/v1/packs", &[]).1).unwrap();
    let pack = &packs["packs"][0];
    assert_eq!(
        (pack["form"].as_str(), pack["revision"].as_u64(), packs["packs"].as_array().unwrap().len()),
        (Some("B203"), Some(u64::from(known) + 1), 1)
    );
    let (_, container) = bureau.ask(UNIT, &format!("/v1/packs/{}", pack["sha256"].as_str().unwrap()), &[]);
    let read = Package::read(&container, Limits::default()).unwrap();
    assert_eq!(read.payload().get("pack.toml").unwrap(), newer.as_bytes());
    let demands = seal::Demands { unit: Some("350100".to_owned()), roles: vec![seal::Role::Receiver] };
    assert_eq!(read.verify(&trust(&bureau), &demands).findings, []);
}

/// A program that ends with its test, however that ends.
struct Ending(std::process::Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The receiver is a program of its own: no database driver comes with it.
#[test]
fn no_odbc_is_linked() {
    let cargo = |args: &[&str]| {
        let out = Command::new(env!("CARGO")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!(cargo(&["tree", "--offline", "--locked", "-p", "taizhang-bureau", "-e", "normal", "-i", "odbc-api"]), "");
    let tree = cargo(&["tree", "--offline", "--locked", "-p", "taizhang-bureau", "-e", "normal", "--prefix", "none"]);
    assert!(tree.contains("rusqlite") && !tree.contains("taizhang-reader") && !tree.contains("taizhang-journal"), "{tree}");
}

#[test]
fn a_sandbox_needs_nothing_and_its_folder_can_be_kept() {
    use std::io::{BufRead, BufReader, Read};
    let folder = tempfile::tempdir().unwrap();
    let Ending(child) = &mut Ending(
        Command::new(env!("CARGO_BIN_EXE_taizhang-bureau"))
            .args(["--format", "json", "serve", "--sandbox", "--listen", "127.0.0.1:0", "--dir", "box"])
            .current_dir(folder.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let url = errors.by_ref().find(|line| line.starts_with("https://")).unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"]\n") {
        let mut byte = [0; 512];
        let read = stdout.read(&mut byte).unwrap();
        text.extend_from_slice(&byte[..read]);
        assert!(read > 0, "{}", String::from_utf8_lossy(&text));
    }
    let text = String::from_utf8(text).unwrap();
    let codes: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("\"code\": \"")?.split('"').next()).collect();
    assert_eq!(codes.len(), 9, "three units with a machine and two persons: {text}");
    let curl = |path: &str, args: &[&str]| {
        let out = Command::new("curl")
            .args(["--silent", "--fail", "--cacert", "box/authority.pem"])
            .args(args)
            .arg(format!("{url}{path}"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(out.status.success(), "{path}");
        out.stdout
    };
    let health: Value = serde_json::from_slice(&curl("/v1/health", &[])).unwrap();
    assert_eq!(health["sandbox"], true);
    let openssl = |args: &[&str]| {
        let out = Command::new("openssl").args(args).current_dir(folder.path()).output().unwrap();
        assert!(out.status.success(), "{args:?}");
        out.stdout
    };
    openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "k"]);
    openssl(&["req", "-new", "-key", "k", "-subj", "/CN=x", "-outform", "DER", "-out", "r"]);
    fs::write(folder.path().join("b"), openssl(&["base64", "-in", "r"])).unwrap();
    let user = format!("{UNIT}:{}", codes[0]);
    let answer = curl(
        "/.well-known/est/simpleenroll",
        &["--user", &user, "--header", "Content-Type: application/pkcs10", "--data-binary", "@b"],
    );
    assert!(!answer.is_empty());
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success(), "it ends when it is told to");

    // The folder is looked at afterwards, like any receiver's, and served again.
    let look = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang-bureau"));
        let out = command.args(["-c", "box/bureau.toml"]).args(args).current_dir(folder.path()).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    assert!(look(&["certificates"]).contains(UNIT));
    assert!(look(&["log", "list"]).contains("发出证书"));
    look(&["log", "verify"]);
    let again = "serve --sandbox --listen 127.0.0.1:0 --dir box".split(' ');
    let Ending(again) = &mut Ending(
        Command::new(env!("CARGO_BIN_EXE_taizhang-bureau"))
            .args(again)
            .current_dir(folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut errors = BufReader::new(again.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(errors.any(|line| line.starts_with("https://")));
    again.kill().unwrap();
    again.wait().unwrap();
}

#[test]
fn a_sandbox_without_a_folder_leaves_nothing() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let Ending(child) = &mut Ending(
        Command::new(env!("CARGO_BIN_EXE_taizhang-bureau"))
            .args(["serve", "--sandbox", "--listen", "127.0.0.1:0"])
            .env("TMPDIR", folder.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(errors.any(|line| line.starts_with("https://")));
    let made: Vec<_> =
        fs::read_dir(folder.path()).unwrap().flatten().flat_map(|folder| fs::read_dir(folder.path()).unwrap()).collect();
    assert!(!made.is_empty());
    assert!(
        made.iter().flatten().all(|file| !file.file_name().to_string_lossy().contains("key")),
        "keys live in memory: {made:?}"
    );
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success(), "it ends when it is told to");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // Codes come with the names of units and the roles of people, under heads that say what they are.
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut text).unwrap();
    let head = text.lines().next().unwrap();
    assert!(head.starts_with("统一社会信用代码") && head.contains("单位详细名称") && head.contains("姓名"), "{head}");
    assert!(text.contains("示例机械有限公司") && text.contains("填表人"), "{text}");
}

#[test]
fn rules_see_what_the_unit_reported_before() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    let send = |form: &'static str, months: u16, figure: i64| {
        let order =
            Order { form, channel: "companion", filed: true, period: common::month_ago(months), figure, ..Order::default() };
        let (status, answer) = bureau.submit(UNIT, &site.bytes(&order), &[]);
        assert_eq!(status, 201, "{:?}", reasons(&answer));
        receipt(&answer).receipt.audit
    };
    // 102-1 has a rule about a row of E103: it waits for it.
    let alone = send("102-1", 2, 100);
    send("E103", 3, 100);
    let beside = send("102-1", 3, 100);
    assert_eq!(beside["not_applicable"].as_u64().unwrap() + 1, alone["not_applicable"].as_u64().unwrap(), "{alone} {beside}");
    assert_eq!(beside["unmet"], alone["unmet"], "100 is as much as 100");
    send("E103", 4, 99);
    let less = send("102-1", 4, 100);
    assert_eq!(less["unmet"].as_u64().unwrap(), beside["unmet"].as_u64().unwrap() + 1, "99 is less than 100: {less}");
}
