//! From approved drafts to a signed package file: two people sign what was shown, other programs verify it, and a voucher is proved to be in it.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

pub use crate::receiver::UNIT;
use crate::{Site, peers};

pub const CONFIG: &str = r#"
[unit]
name = "杭州西溪精密机械有限公司"
code = "91350100M000100Y43"

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
roles = ["preparer"]

[[person]]
id = "zhoumin"
name = "周敏"
roles = ["statistician", "head"]

[signing]
roots = "roots"

[signing.key.wu]
certificate = "wu.crt"
file = "wu.pem"
password = { env = "TAIZHANG_TEST_PASSWORD" }

[signing.key.zhoumin]
certificate = "zhoumin.crt"
file = "zhoumin.pem"
password = { env = "TAIZHANG_TEST_PASSWORD" }
"#;

/// A reader of square codes, and of pictures.
const SQUARE_CODES: [&str; 2] = ["zxing-cpp==3.1.1", "pillow==13.0.0"];

fn openssl(folder: &Path, words: &[&str]) {
    peers::run(Command::new("openssl").current_dir(folder).args(words));
}

/// A certificate made by OpenSSL alone: key under a password, request, signed by the root.
fn certificate(folder: &Path, name: &str, subject: &str, days: &str) {
    let [key, request, own, plain] = ["pem", "csr", "crt", "plain"].map(|ending| format!("{name}.{ending}"));
    openssl(folder, &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &plain]);
    let password = format!("pass:{}", crate::servers::PASSWORD);
    openssl(folder, &["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", &plain, "-out", &key, "-passout", &password]);
    openssl(folder, &["req", "-new", "-utf8", "-sha256", "-key", &plain, "-subj", subject, "-out", &request]);
    let root = ["-CA", "roots/root.pem", "-CAkey", "root.key", "-CAcreateserial"];
    openssl(folder, &[&["x509", "-req", "-sha256", "-days", days, "-in", &request, "-out", &own], &root[..]].concat());
    fs::remove_file(folder.join(plain)).unwrap();
}

/// A company whose people have certificates of a county's root, with its drafts of June 2025 built.
pub fn site(config: &str) -> Site {
    site_with(config, &[])
}

/// The same with files of its own beside the configuration.
pub fn site_with(config: &str, files: &[(&str, &str)]) -> Site {
    let site = Site::tryton(config);
    for (name, text) in files {
        fs::write(site.path(name), text).unwrap();
    }
    let folder = site.folder.path();
    fs::create_dir(folder.join("roots")).unwrap();
    openssl(folder, &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "root.key"]);
    let root = ["req", "-x509", "-utf8", "-sha256", "-days", "3650", "-key", "root.key", "-subj", "/CN=县统计局"];
    let usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", "roots/root.pem"];
    openssl(folder, &[&root[..], &usage].concat());
    certificate(folder, "wu", &format!("/organizationIdentifier={UNIT}/CN=吴静/title=填表人"), "365");
    let titles = "title=统计负责人/title=单位负责人";
    certificate(folder, "zhoumin", &format!("/organizationIdentifier={UNIT}/CN=周敏/{titles}"), "365");
    site.ok(&["build", "--period", "2025-06"]);
    site
}

pub fn approve(site: &Site) {
    site.explains("B203", "2025-06", "wu");
    site.ok(&["review", "--form", "B203", "--period", "2025-06", "--as", "wu"]);
    site.ok(&["approve", "--form", "B203", "--period", "2025-06", "--as", "zhoumin"]);
}

pub fn filed(site: &Site) {
    site.ok(&["filing", "--form", "B203", "--period", "2025-06", "--at", "2025-07-10", "--reference", "T-1", "--as", "wu"]);
}

const SIGN: [&str; 5] = ["sign", "--form", "B203", "--period", "2025-06"];

/// Digest that is shown before anybody signs.
pub fn shown(site: &Site) -> String {
    crate::csv(&site.ok(&[&SIGN[..], &["--format", "csv"]].concat()))[0]["digest"].clone()
}

pub fn sign(site: &Site, role: &str, person: &str, digest: &str, more: &[&str]) {
    site.ok(&[&SIGN[..], &["--role", role, "--as", person, "--digest", digest, "--format", "csv"], more].concat());
}

fn submit(site: &Site, file: &str) {
    site.ok(&["submit", "--period", "2025-06", "--to-file", file, "--as", "wu"]);
}

#[test]
fn two_people_sign_and_other_programs_verify() {
    let site = site(CONFIG);
    // Nothing is signed that was not approved, and no copy goes before its filing.
    site.refused(&SIGN, 1, &["draft-state-unfit"]);
    approve(&site);
    site.refused(&SIGN, 1, &["filing-missing", "taizhang filing"]);
    // Nor what another mapping would build otherwise.
    fs::write(site.path("layer.toml"), "title = '本单位'\n[cell.\"B203:325\"]\nformula = '0'\nwhy = '没有发生'\n").unwrap();
    fs::write(site.path("agent.toml"), CONFIG.replace("code = \"B203\"", "code = \"B203\"\nmapping = [\"layer.toml\"]")).unwrap();
    site.refused(&SIGN, 1, &["mapping-changed"]);
    fs::write(site.path("agent.toml"), CONFIG).unwrap();
    filed(&site);
    let digest = shown(&site);
    let by = |role: &'static str, person: &'static str| [&SIGN[..], &["--role", role, "--as", person]].concat();
    site.refused(&by("preparer", "wu"), 1, &["sign-digest-missing", &digest]);
    site.refused(&[&by("preparer", "wu")[..], &["--digest", "0123456789abcdef"]].concat(), 1, &["sign-digest-differs"]);
    site.refused(&[&by("head", "wu")[..], &["--digest", &digest]].concat(), 1, &["role-unfit"]);
    sign(&site, "preparer", "wu", &digest, &[]);
    site.refused(&["submit", "--period", "2025-06", "--to-file", "p.asice"], 1, &["package-roles-open", "statistician, head"]);
    // Signatures do not change what is signed; twelve digits of it are enough to repeat.
    assert_eq!(shown(&site), digest);
    sign(&site, "statistician", "zhoumin", &digest[..12], &[]);
    assert_eq!(crate::csv(&site.ok(&["draft", "list", "--format", "csv"]))[0]["state"], "approved");
    sign(&site, "head", "zhoumin", &digest, &[]);
    assert_eq!(crate::csv(&site.ok(&["draft", "list", "--format", "csv"]))[0]["state"], "signed");
    submit(&site, "p.asice");
    let out = site.ok(&["verify", "p.asice", "--roots", "roots"]);
    assert!(out.lines().count() == 4 && out.lines().last().unwrap().starts_with("valid") && out.contains(&digest), "{out}");
    // Without state and configuration the same.
    let alone = tempfile::tempdir().unwrap();
    fs::copy(site.path("p.asice"), alone.path().join("p.asice")).unwrap();
    fs::copy(site.path("roots/root.pem"), alone.path().join("root.pem")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
    peers::run(command.current_dir(alone.path()).args(["verify", "p.asice", "--roots", "root.pem"]));
    // OpenSSL verifies each signature over its manifest, sha256sum each file that the manifest names.
    peers::run(Command::new("unzip").current_dir(site.folder.path()).args(["-q", "p.asice", "-d", "out"]));
    for role in ["preparer", "statistician", "head"] {
        let words = format!(
            "cms -verify -binary -inform DER -in out/META-INF/signature-{role}.p7s -content out/META-INF/ASiCManifest-{role}.xml \
             -CAfile roots/root.pem -purpose any -out verified"
        );
        peers::run(&mut peers::openssl(site.folder.path(), &words));
        let manifest = fs::read_to_string(site.path(&format!("out/META-INF/ASiCManifest-{role}.xml"))).unwrap();
        assert_eq!(manifest.matches("DataObjectReference URI=").count(), 12, "{manifest}");
    }
    let list =
        "find . -type f -printf '%P\\n' | grep -v -e '^mimetype$' -e '^META-INF/' | LC_ALL=C sort | xargs sha256sum | sha256sum";
    let sum = peers::run(Command::new("sh").current_dir(site.path("out")).args(["-c", list]));
    assert_eq!(sum.split_whitespace().next(), Some(digest.as_str()));
    // A byte of it changed is found.
    let mut bytes = fs::read(site.path("p.asice")).unwrap();
    let at = bytes.windows(6).position(|part| part == b"\"B203\"").unwrap();
    bytes[at + 1] = b'C';
    fs::write(site.path("bad.asice"), bytes).unwrap();
    let out = site.run(&["verify", "bad.asice", "--roots", "roots"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.code() == Some(1) && said.lines().last().unwrap().starts_with("not valid"), "{said}");
    // What leaves is what the container holds; the log holds; a new version is not what was signed.
    let dry = crate::csv(&site.ok(&["submit", "--period", "2025-06", "--dry-run", "--format", "csv"]));
    assert_eq!(dry.len(), 12 + 6);
    assert!(site.ok(&["log", "verify"]).is_empty());
    let adjust =
        ["ledger", "adjust", "B203:601", "--period", "2025-06", "--amount", "42", "--reason", "花名册人数", "--as", "wu"];
    site.ok(&adjust);
    site.refused(&["submit", "--period", "2025-06", "--to-file", "q.asice"], 1, &["package-outdated"]);
}

#[test]
fn the_same_drafts_are_the_same_bytes_anywhere_and_no_party_leaves() {
    let digests: Vec<(String, Vec<u8>)> = [("UTC", "C", "zh"), ("Pacific/Kiritimati", "zh_CN.UTF-8", "en")]
        .into_iter()
        .map(|(zone, locale, lang)| {
            let site = site(CONFIG);
            approve(&site);
            filed(&site);
            let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
            command.current_dir(site.folder.path()).env("TZ", zone).env("LC_ALL", locale).args(["--lang", lang]);
            let out = peers::run(command.args(SIGN).args(["--format", "csv", "--print", "view.html"]));
            let view = fs::read(site.path("view.html")).unwrap();
            if zone == "UTC" {
                let digest = crate::csv(&out)[0]["digest"].clone();
                sign(&site, "preparer", "wu", &digest, &[]);
                peers::run(
                    Command::new("sh")
                        .current_dir(site.folder.path())
                        .args(["-c", "unzip -q taizhang-state/packages/*.asice -d out"]),
                );
                nothing_personal(&site);
            }
            (crate::csv(&out)[0]["digest"].clone(), view)
        })
        .collect();
    assert_eq!(digests[0].0, digests[1].0);
    assert!(digests[0].1 == digests[1].1 && String::from_utf8_lossy(&digests[0].1).contains(&digests[0].0));
}

/// No party and no line's text of the ERP's own database is in any file of the package.
fn nothing_personal(site: &Site) {
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let mut names = Vec::new();
    for sql in [
        "SELECT name FROM party_party WHERE length(name) > 2",
        "SELECT description FROM account_move_line WHERE length(description) > 4",
    ] {
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        names.extend(rows.map(Result::unwrap).filter(|name| name != "杭州西溪精密机械有限公司"));
    }
    assert!(names.len() > 5);
    let mut files = 0;
    for file in fs::read_dir(site.path("out")).unwrap().flatten().filter(|file| file.path().is_file()) {
        let text = String::from_utf8_lossy(&fs::read(file.path()).unwrap()).into_owned();
        files += 1;
        assert_eq!(names.iter().find(|name| text.contains(name.as_str())), None, "{:?}", file.path());
    }
    assert_eq!(files, 13);
    let read = |name: &str| serde_json::from_slice::<Value>(&fs::read(site.path("out").join(name)).unwrap()).unwrap();
    let evidence = read("evidence.json");
    let seals = crate::csv(&site.ok(&["log", "show", "--format", "csv"]));
    assert!(!seals.is_empty() && evidence["books"][0]["periods"].as_array().unwrap().len() > 5);
    // Figures go down to accounts.
    assert!(read("lineage.json").to_string().contains("\"account\":"));
    assert_eq!(read("identity.json")["forms"][0]["filed"]["reference"], "T-1");
}

#[test]
fn the_head_may_sign_on_paper() {
    let site = site(CONFIG);
    approve(&site);
    filed(&site);
    let digest = shown(&site);
    site.ok(&[&SIGN[..], &["--print", "print.pdf"]].concat());
    let text = peers::run(Command::new("pdftotext").args(["print.pdf", "-"]).current_dir(site.folder.path()));
    assert!(text.matches(&digest).count() > 1 && text.contains("单位负责人签字"), "every page has it: {text}");
    // A phone's library reads the square code off the paper.
    peers::run(
        Command::new("pdftoppm")
            .args(["-r", "100", "-png", "-f", "1", "-l", "1", "print.pdf", "page"])
            .current_dir(site.folder.path()),
    );
    let script = "import glob, zxingcpp; from PIL import Image; print([code.text for code in zxingcpp.read_barcodes(Image.open(glob.glob('page*.png')[0]))])";
    let read = peers::run(Command::new(peers::python(&SQUARE_CODES)).args(["-c", script]).current_dir(site.folder.path()));
    assert_eq!(read.trim(), format!("['taizhang:payload:{digest}']"));
    sign(&site, "preparer", "wu", &digest, &[]);
    sign(&site, "statistician", "zhoumin", &digest, &[]);
    sign(&site, "head", "wu", &digest, &["--paper", "print.pdf"]);
    submit(&site, "p.asice");
    let out = site.ok(&["verify", "p.asice"]);
    assert!(out.contains("on paper, attested by 吴静"), "{out}");
    // What is only tried stands in nobody's way.
    let trial = crate::csv(&site.ok(&[&SIGN[..], &["--trial", "--format", "csv"]].concat()))[0]["digest"].clone();
    sign(&site, "preparer", "wu", &trial, &["--trial"]);
    submit(&site, "again.asice");
    assert_eq!(fs::read(site.path("again.asice")).unwrap(), fs::read(site.path("p.asice")).unwrap());
    site.refused(&["submit", "--period", "2025-06", "--trial", "--to-file", "t.asice"], 1, &["package-roles-open"]);
    peers::run(Command::new("unzip").current_dir(site.folder.path()).args(["-q", "p.asice", "-d", "out"]));
    assert_eq!(fs::read(site.path("out/attachments/head.pdf")).unwrap(), fs::read(site.path("print.pdf")).unwrap());
}

#[test]
fn certificates_of_others_and_of_yesterday_sign_nothing() {
    let site = site(&CONFIG.replace("code = \"B203\"", "code = \"B203\"\nchannel = \"official\""));
    approve(&site);
    // Where the receiver is the designated channel, nothing was filed before.
    let digest = shown(&site);
    let trial = crate::csv(&site.ok(&[&SIGN[..], &["--trial", "--format", "csv"]].concat()));
    assert_ne!(trial[0]["digest"], digest, "what is only tried says so");
    let words = [&SIGN[..], &["--role", "preparer", "--as", "wu", "--digest", &digest]].concat();
    let folder = site.folder.path();
    certificate(folder, "wu", "/organizationIdentifier=91350100M000100Y44/CN=吴静/title=填表人", "365");
    site.refused(&words, 1, &["certificate-of-another-unit"]);
    certificate(folder, "wu", &format!("/organizationIdentifier={UNIT}/CN=李四/title=填表人"), "365");
    site.refused(&words, 1, &["certificate-of-another-person"]);
    certificate(folder, "wu", &format!("/organizationIdentifier={UNIT}/CN=吴静/title=统计负责人"), "365");
    site.refused(&words, 1, &["signature-role-refused"]);
    certificate(folder, "wu", &format!("/organizationIdentifier={UNIT}/CN=吴静/title=填表人"), "0");
    std::thread::sleep(std::time::Duration::from_secs(1));
    site.refused(&words, 1, &["certificate-not-valid-now"]);
    let out = site.run(&["check"]);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && told.contains("certificate-not-valid-now"), "{told}");
    assert!(!site.path("taizhang-state/packages").exists());
}

#[test]
fn a_disclosed_voucher_is_proved_without_the_others() {
    let site = site(CONFIG);
    approve(&site);
    filed(&site);
    let digest = shown(&site);
    sign(&site, "preparer", "wu", &digest, &[]);
    sign(&site, "statistician", "zhoumin", &digest, &[]);
    sign(&site, "head", "zhoumin", &digest, &[]);
    submit(&site, "p.asice");
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let sql = "SELECT CAST(m.id AS TEXT) FROM account_move m JOIN account_period p ON p.id = m.period WHERE m.state = 'posted' AND m.company = 1 \
               AND p.type = 'standard' AND p.start_date = '2025-05-01' LIMIT 1";
    let voucher: String = database.query_row(sql, [], |row| row.get(0)).unwrap();
    let prove = ["prove", "--voucher", &voucher, "--period", "2025-05", "--package", "p.asice", "--out", "v.json"];
    site.ok(&prove);
    let out = site.ok(&["verify", "--proof", "v.json", "--package", "p.asice"]);
    assert!(out.starts_with("valid"), "{out}");
    assert!(site.ok(&["verify", "--proof", "v.json"]).starts_with("valid"));
    // Anybody can write a package: it counts when the unit's people have signed it, by roots that are believed.
    peers::run(Command::new("openssl").current_dir(site.folder.path()).args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        "o.key",
        "-out",
        "o.crt",
        "-subj",
        "/CN=o",
    ]));
    let said = site.run(&["verify", "--proof", "v.json", "--package", "p.asice", "--roots", "o.crt"]);
    let line = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.code() == Some(1) && line.starts_with("not valid"), "{line}");
    assert!(String::from_utf8_lossy(&said.stderr).contains("certificate-untrusted] v.json, p.asice, preparer"));
    let newest = |count: usize| {
        let held = |path: &Path| seal::Package::read(&fs::read(path).unwrap(), seal::Limits::default()).unwrap().roles().count();
        let files = fs::read_dir(site.path("taizhang-state/packages")).unwrap().flatten().map(|file| file.path());
        files.into_iter().find(|path| held(path) == count).unwrap()
    };
    let two = newest(2);
    site.refused(&["verify", "--proof", "v.json", "--package", two.to_str().unwrap()], 1, &["signature-missing"]);
    // A folder of roots may hold other files, too.
    fs::copy(site.path("p.asice"), site.path("roots/p.asice")).unwrap();
    assert!(site.ok(&["verify", "p.asice", "--roots", "roots"]).lines().last().unwrap().starts_with("valid"));
    // Another amount in it is another voucher.
    let text = fs::read_to_string(site.path("v.json")).unwrap();
    let proof: Value = serde_json::from_str(&text).unwrap();
    let amount = proof["lines"][0]["debit"].as_str().unwrap();
    let credit = proof["lines"][0]["credit"].as_str().unwrap();
    assert_ne!((amount, credit), ("0", "0"));
    let (name, own) = if amount == "0" { ("credit", credit) } else { ("debit", amount) };
    let changed = text.replacen(&format!("\"{name}\":\"{own}\""), &format!("\"{name}\":\"{own}1\""), 1);
    assert_ne!(changed, text);
    fs::write(site.path("bad.json"), changed).unwrap();
    site.refused(&["verify", "--proof", "bad.json"], 1, &["voucher-proof-wrong"]);
    site.refused(&["prove", "--voucher", "no such", "--package", "p.asice", "--out", "x.json"], 1, &["voucher-missing"]);
}

#[test]
fn whoever_made_it_does_not_approve_it_and_several_forms_are_one_package() {
    // One person with every role, and a form more.
    let config = CONFIG.replace("roles = [\"preparer\"]", "roles = [\"preparer\", \"statistician\", \"head\"]");
    let config = config.replace("code = \"B203\"", "code = \"B203\"\n\n[[form]]\ncode = \"C203\"");
    let site = site(&config);
    let folder = site.folder.path();
    let titles = "title=填表人/title=统计负责人/title=单位负责人";
    certificate(folder, "wu", &format!("/organizationIdentifier={UNIT}/CN=吴静/{titles}"), "365");
    approve(&site);
    filed(&site);
    let all = ["sign", "--form", "all", "--period", "2025-06"];
    site.refused(&all, 1, &["draft-state-unfit", "C203"]);
    site.explains("C203", "2025-06", "wu");
    for verb in [["review", "wu"], ["approve", "zhoumin"]] {
        site.ok(&[verb[0], "--form", "C203", "--period", "2025-06", "--as", verb[1]]);
    }
    site.refused(&all, 1, &["filing-missing", "C203"]);
    site.ok(&["filing", "--form", "C203", "--period", "2025-06", "--at", "2025-07-10", "--as", "wu"]);
    let rows = crate::csv(&site.ok(&[&all[..], &["--format", "csv"]].concat()));
    assert_eq!(rows.iter().map(|row| row["form"].as_str()).collect::<Vec<_>>(), ["B203", "C203"]);
    let digest = rows[0]["digest"].clone();
    let by =
        |role: &'static str, person: &'static str| [&all[..], &["--role", role, "--as", person, "--digest", &digest]].concat();
    site.ok(&by("preparer", "wu"));
    site.refused(&by("statistician", "wu"), 1, &["approver-is-preparer"]);
    site.refused(&by("head", "wu"), 1, &["approver-is-preparer"]);
    site.ok(&by("statistician", "zhoumin"));
    site.ok(&by("head", "zhoumin"));
    let states = crate::csv(&site.ok(&["draft", "list", "--format", "csv"]));
    assert!(states.iter().all(|row| row["state"] == "signed"), "{states:?}");
    submit(&site, "p.asice");
    site.ok(&["verify", "p.asice"]);
    // After the filing the figures change: the copy is not what was filed, until that is corrected there.
    site.ok(&["submit", "--period", "2025-06", "--withdraw", "平均人数有误", "--as", "wu"]);
    site.ok(&["return", "--form", "B203", "--period", "2025-06", "--reason", "平均人数有误", "--as", "zhoumin"]);
    site.ok(&["ledger", "adjust", "B203:601", "--period", "2025-06", "--amount", "42", "--reason", "花名册人数", "--as", "wu"]);
    approve(&site);
    let out = site.run(&SIGN);
    assert!(out.status.code() == Some(1) && String::from_utf8_lossy(&out.stderr).contains("filing-of-other-figures"));
    site.ok(&["filing", "--form", "B203", "--period", "2025-06", "--at", "2025-07-11", "--as", "wu"]);
    site.ok(&SIGN);
}

/// A PKCS#11 token for one, an SM2 key for the other.
#[test]
fn a_token_and_an_sm2_key_sign() {
    let token = "certificate = \"wu.crt\"\nmodule = \"/usr/lib/softhsm/libsofthsm2.so\"\ntoken = \"台账\"\nkey = \"wu\"\n\
                 pin = { env = \"TAIZHANG_TEST_PIN\" }\n\n[signing.key.zhoumin]";
    let file =
        "certificate = \"wu.crt\"\nfile = \"wu.pem\"\npassword = { env = \"TAIZHANG_TEST_PASSWORD\" }\n\n[signing.key.zhoumin]";
    assert!(CONFIG.contains(file));
    let site = site(&CONFIG.replace(file, token));
    let folder = site.folder.path();
    // The key that OpenSSL made goes onto the token, and its file away.
    fs::create_dir(folder.join("tokens")).unwrap();
    fs::write(folder.join("softhsm2.conf"), format!("directories.tokendir = {}\n", folder.join("tokens").display())).unwrap();
    let hsm = |words: &[&str]| {
        peers::run(
            Command::new("softhsm2-util").current_dir(folder).env("SOFTHSM2_CONF", folder.join("softhsm2.conf")).args(words),
        );
    };
    let password = format!("pass:{}", crate::servers::PASSWORD);
    openssl(folder, &["pkcs8", "-topk8", "-nocrypt", "-in", "wu.pem", "-passin", &password, "-out", "plain"]);
    hsm(&["--init-token", "--free", "--label", "台账", "--pin", "123456", "--so-pin", "654321"]);
    hsm(&["--import", "plain", "--token", "台账", "--label", "wu", "--id", "a1", "--pin", "123456"]);
    fs::remove_file(folder.join("plain")).unwrap();
    fs::remove_file(folder.join("wu.pem")).unwrap();
    sm2(folder);
    approve(&site);
    filed(&site);
    let digest = shown(&site);
    let by = |role: &str, person: &str, pin: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
        command.current_dir(folder).env("SOFTHSM2_CONF", folder.join("softhsm2.conf")).env("TAIZHANG_TEST_PIN", pin);
        command.env("TAIZHANG_TEST_PASSWORD", crate::servers::PASSWORD);
        command.args(SIGN).args(["--role", role, "--as", person, "--digest", &digest]).output().unwrap()
    };
    let out = by("preparer", "wu", "654321");
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(2) && told.contains("token-pin-wrong") && !told.contains("654321"), "{told}");
    for (role, person) in [("preparer", "wu"), ("statistician", "zhoumin"), ("head", "zhoumin")] {
        let out = by(role, person, "123456");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    submit(&site, "p.asice");
    let out = site.ok(&["verify", "p.asice"]);
    assert!(out.contains("p256-sha256") && out.contains("sm2-sm3") && out.lines().last().unwrap().starts_with("valid"), "{out}");
}

/// An SM2 key for 周敏, under a root of its own.
fn sm2(folder: &Path) {
    use seal::{Algorithm, Authority, Identity, Profile, Role, SecretKey, Signer, Subject};
    let (from, until) = ("2020-01-01T00:00:00Z".parse().unwrap(), "2049-01-01T00:00:00Z".parse().unwrap());
    let subject = |unit: &str, name: &str, roles: &[Role]| Subject {
        unit: unit.to_owned(),
        organization: String::new(),
        name: name.to_owned(),
        roles: roles.iter().copied().collect(),
    };
    let root = SecretKey::generate(Algorithm::Sm2).unwrap();
    let top = Authority::root(&root, &subject("", "国密根证书", &[]), from, until).unwrap();
    fs::write(folder.join("roots/sm2.pem"), top.to_pem().unwrap()).unwrap();
    let authority = Authority::new(Identity::new(&root, vec![top]).unwrap()).unwrap();
    let key = SecretKey::generate(Algorithm::Sm2).unwrap();
    let person = subject(UNIT, "周敏", &[Role::StatisticsHead, Role::UnitHead]);
    let own = authority.issue(key.public_key(), &person, Profile::Person, from, until).unwrap();
    fs::write(folder.join("zhoumin.crt"), own.to_pem().unwrap()).unwrap();
    fs::write(folder.join("zhoumin.pem"), key.to_pem(crate::servers::PASSWORD.as_bytes()).unwrap().as_bytes()).unwrap();
}

/// A receipt that another version made: what it says, and that it holds, without any configuration.
#[test]
fn a_receipt_says_its_verdict() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/seal/tests/data");
    let folder = tempfile::tempdir().unwrap();
    for algorithm in ["p256", "sm2"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
        command.current_dir(folder.path()).args(["--lang", "en", "verify"]).arg(data.join(format!("{algorithm}-receipt.asice")));
        let out = peers::run(command.arg("--roots").arg(data.join(format!("{algorithm}-root.pem"))));
        assert!(out.starts_with("refused") && out.contains("[certificate-expired]"), "{out}");
        assert!(out.lines().last().unwrap().starts_with("valid"), "{out}");
        // Another root does not know it.
        let other = if algorithm == "p256" { "sm2" } else { "p256" };
        let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
        command.current_dir(folder.path()).args(["verify"]).arg(data.join(format!("{algorithm}-receipt.asice")));
        let out = command.arg("--roots").arg(data.join(format!("{other}-root.pem"))).output().unwrap();
        assert_eq!(out.status.code(), Some(1));
    }
}
