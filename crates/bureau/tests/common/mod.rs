//! A bureau with its own program, files and network, and units that enrol and report with `openssl` and `curl`.
#![allow(dead_code, reason = "each test uses what it needs")]

pub mod people;
pub mod postgres;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use postgres::Postgres;
use seal::{
    Algorithm, Authority, Certificate, Identity, Limits, Package, Payload, Profile, Received, Role, SecretKey, Subject, Time,
    canonical,
};
use serde_json::{Value, json};
use survey::{
    Form, RowKind,
    document::{Cell, Column, Columns, Draft, Unit},
    filing::{FiledForm, Filing, Identity as Said, Report, SCHEMA},
};
use tempfile::TempDir;

/// The unit of most tests: a companion for E203, official for B203.
pub const UNIT: &str = "91350100M000100Y43";
/// Another one.
pub const OTHER: &str = "91350200M0002001XF";

const REGISTER: &str = "统一社会信用代码,单位详细名称,行政区划代码,行业代码,直报表号\n\
    91350100M000100Y43,示例机械有限公司,350100,3411,B203\n91350200M0002001XF,示例商贸有限公司,350200,5191,B203\n";

pub fn now() -> Time {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    Time::from_unix(seconds).unwrap()
}

/// The month so many months ago.
pub fn month_ago(months: u16) -> String {
    let text = now().to_string();
    let (year, month): (u16, u16) = (text[..4].parse().unwrap(), text[5..7].parse().unwrap());
    let count = year * 12 + month - 1 - months;
    format!("{}-{:02}", count / 12, count % 12 + 1)
}

/// A month of the past that is taken.
pub fn period() -> String {
    month_ago(2)
}

pub struct Bureau {
    pub folder: TempDir,
    server: Option<(Child, String)>,
    /// Where its people's pages are, once it serves.
    pages: std::sync::OnceLock<String>,
    /// The server that has its rows, where they are not in a file.
    pub postgres: Option<Postgres>,
}

/// Whether this is the test program that asks everything of a server.
pub fn on_server() -> bool {
    env!("CARGO_CRATE_NAME") == "on_postgres"
}

impl Drop for Bureau {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Bureau {
    /// A bureau with its register, its rows where this test program wants them.
    pub fn new() -> Bureau {
        let postgres = on_server().then(|| Postgres::start(&["fsync=off", "log_min_messages=warning"]));
        let folder = if on_server() { "[objects]\nkind = \"folder\"\n" } else { "" };
        Bureau::with(postgres, folder)
    }

    /// A bureau with its rows on a server, if any, and more of a configuration.
    pub fn with(postgres: Option<Postgres>, more: &str) -> Bureau {
        let folder = tempfile::tempdir().unwrap();
        let bureau = Bureau { folder, server: None, pages: std::sync::OnceLock::new(), postgres };
        let hosts = ["--host", "localhost", "--host", "127.0.0.1"];
        bureau.run(&[&["init", "--code", "350100", "--name", "示例县统计局"], &hosts[..]].concat());
        let mut text = fs::read_to_string(bureau.path("bureau.toml")).unwrap() + more;
        if let Some(postgres) = &bureau.postgres {
            fs::remove_dir_all(bureau.path("bureau-state")).unwrap();
            for (name, role) in [("url", "receiver"), ("owner", "owner")] {
                fs::write(bureau.path(name), postgres.url(role)).unwrap();
            }
            text += "\n[store]\nkind = \"postgres\"\nurl = { file = \"url\" }\nowner_url = { file = \"owner\" }\n";
        }
        fs::write(bureau.path("bureau.toml"), text).unwrap();
        if bureau.postgres.is_some() {
            bureau.run(&["store", "migrate"]);
        }
        fs::write(bureau.path("register.csv"), REGISTER).unwrap();
        bureau.run(&["unit", "import", "register.csv"]);
        bureau
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, in the bureau's folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang-bureau"));
        command.current_dir(self.folder.path()).args(args);
        command
    }

    pub fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a verb that must work; gives its result.
    pub fn run(&self, args: &[&str]) -> String {
        let out = self.output(args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// Runs a verb that must not work; gives its exit code and what it says.
    pub fn fails(&self, args: &[&str]) -> (i32, String) {
        let out = self.output(args);
        assert!(!out.status.success(), "{args:?} works");
        (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap())
    }

    pub fn json(&self, args: &[&str]) -> Vec<Value> {
        serde_json::from_str(&self.run(&[&["--format", "json"], args].concat())).unwrap()
    }

    /// Starts the server on a port of its choice.
    pub fn serve(&mut self) {
        self.server = Some(self.start());
    }

    /// Starts a server beside others; whoever asks for it ends it.
    pub fn start(&self) -> (Child, String) {
        let mut child = self.command(&["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.by_ref().map_while(Result::ok).find(|line| {
            if let Some((_, rest)) = line.split_once("[pages-serve] ") {
                let _ = self.pages.set(rest.split(": ").next().unwrap_or_default().to_owned());
            }
            line.starts_with("https://")
        });
        let address = address.expect("no address");
        // What it says further is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        (child, address)
    }

    /// A server that a test started itself.
    pub fn adopt(&mut self, child: Child, address: String) {
        self.server = Some((child, address));
    }

    pub fn pages(&self) -> &str {
        self.pages.get().unwrap()
    }

    pub fn url(&self) -> &str {
        &self.server.as_ref().unwrap().1
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some((mut child, _)) = self.server.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// kill -9 while others still talk to it.
    pub fn kill_now(&self) {
        let id = self.server.as_ref().unwrap().0.id().to_string();
        assert!(Command::new("kill").args(["-9", &id]).status().unwrap().success());
    }

    pub fn authority(&self) -> PathBuf {
        self.path("bureau-keys/authority.pem")
    }

    pub fn roots(&self) -> Vec<Certificate> {
        Certificate::from_pem(&fs::read_to_string(self.authority()).unwrap()).unwrap()
    }

    /// `curl` with the bureau's authority as the only one; status and body.
    pub fn curl(&self, path: &str, args: &[&str]) -> (u16, Vec<u8>) {
        let out = Command::new("curl")
            .args(["--silent", "--show-error", "--tlsv1.3", "--write-out", "\n%{http_code}", "--cacert"])
            .arg(self.authority())
            .args(args)
            .arg(format!("{}{path}", self.url()))
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(out.status.success(), "curl {path}: {}", String::from_utf8_lossy(&out.stderr));
        let at = out.stdout.iter().rposition(|byte| *byte == b'\n').unwrap();
        let status = std::str::from_utf8(&out.stdout[at + 1..]).unwrap().parse().unwrap();
        (status, out.stdout[..at].to_vec())
    }

    /// A one-time code.
    pub fn code(&self, args: &[&str]) -> String {
        self.json(&[&["enroll"], args].concat())[0]["code"].as_str().unwrap().to_owned()
    }

    /// Enrols with a key and request of `openssl` and a `curl` of RFC 7030; gives the certificate.
    pub fn enrol(&self, unit: &str, code: &str, name: &str, subject: &str) -> Certificate {
        let (key, request) = (format!("{name}.key"), format!("{name}.csr"));
        self.openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &key]);
        self.openssl(&["req", "-new", "-key", &key, "-subj", subject, "-outform", "DER", "-out", &request]);
        let text = self.openssl(&["base64", "-in", &request]);
        fs::write(self.path(&format!("{name}.b64")), text).unwrap();
        let (user, body) = (format!("{unit}:{code}"), format!("@{name}.b64"));
        let sent = ["--user", &user, "--header", "Content-Type: application/pkcs10", "--data-binary", &body];
        let (status, answer) = self.curl("/.well-known/est/simpleenroll", &sent);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        self.certificate(name, &answer)
    }

    /// The certificate in an answer of EST, as `openssl` finds it.
    pub fn certificate(&self, name: &str, answer: &[u8]) -> Certificate {
        let (text, der) = (format!("{name}.p7b64"), format!("{name}.p7"));
        fs::write(self.path(&text), answer).unwrap();
        self.openssl(&["base64", "-d", "-in", &text, "-out", &der]);
        let pem = self.openssl(&["pkcs7", "-inform", "DER", "-in", &der, "-print_certs"]);
        let pem = String::from_utf8(pem).unwrap();
        let block = &pem[pem.find("-----BEGIN").unwrap()..pem.find("-----END CERTIFICATE-----").unwrap() + 25];
        fs::write(self.path(&format!("{name}.pem")), format!("{block}\n")).unwrap();
        Certificate::from_pem(&format!("{block}\n")).unwrap().remove(0)
    }

    pub fn openssl(&self, args: &[&str]) -> Vec<u8> {
        let out = Command::new("openssl").args(args).current_dir(self.folder.path()).output().unwrap();
        assert!(out.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    }

    /// A person's certificate, without the network.
    pub fn person(&self, unit: &str, name: &str, roles: &[&str]) -> Person {
        let mut args = vec![unit, "--person", name];
        roles.iter().for_each(|role| args.extend(["--role", role]));
        let code = self.code(&args);
        let key = SecretKey::generate(Algorithm::P256).unwrap();
        let request = seal::Request::new(&key, &seal::Subject::default()).unwrap();
        let file = format!("{}.b64", seal::Digest::of(name.as_bytes()));
        let mut text = Command::new("openssl").args(["base64"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        text.stdin.take().unwrap().write_all(request.der()).unwrap();
        fs::write(self.path(&file), text.wait_with_output().unwrap().stdout).unwrap();
        let (user, body) = (format!("{unit}:{code}"), format!("@{file}"));
        let sent = ["--user", &user, "--header", "Content-Type: application/pkcs10", "--data-binary", &body];
        let (status, answer) = self.curl("/.well-known/est/simpleenroll", &sent);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        Person { certificate: self.certificate(&file, &answer), key }
    }

    /// A certificate that the authority gives to nobody: with the times that a test wants.
    pub fn issue(&self, unit: &str, name: &str, roles: &[Role], profile: Profile, [from, until]: [Time; 2]) -> Person {
        let read = |name: &str| fs::read_to_string(self.path("bureau-keys").join(name)).unwrap();
        let signer = SecretKey::from_pem(&read("authority.key.pem"), read("password").trim().as_bytes()).unwrap();
        let authority = Authority::new(Identity::new(&signer, self.roots()).unwrap()).unwrap();
        let key = SecretKey::generate(Algorithm::P256).unwrap();
        let roles = roles.iter().copied().collect();
        let subject = Subject { unit: unit.to_owned(), organization: String::new(), name: name.to_owned(), roles };
        let certificate = authority.issue(seal::Signer::public_key(&key), &subject, profile, from, until).unwrap();
        Person { key, certificate }
    }

    /// Units that can report, with certificates that the authority made without the network.
    pub fn sites(&self, units: &[String]) -> Vec<Site> {
        let read = |name: &str| fs::read_to_string(self.path("bureau-keys").join(name)).unwrap();
        let signer = SecretKey::from_pem(&read("authority.key.pem"), read("password").trim().as_bytes()).unwrap();
        let authority = Authority::new(Identity::new(&signer, self.roots()).unwrap()).unwrap();
        let until = now().plus(86400);
        let person = |unit: &str, name: &str, roles: &[Role]| {
            let key = SecretKey::generate(Algorithm::P256).unwrap();
            let roles = roles.iter().copied().collect();
            let subject = Subject { unit: unit.to_owned(), organization: String::new(), name: name.to_owned(), roles };
            let certificate = authority.issue(seal::Signer::public_key(&key), &subject, Profile::Person, now(), until).unwrap();
            Person { key, certificate }
        };
        let site = |unit: &String| Site {
            unit: unit.clone(),
            preparer: person(unit, "王五", &[Role::Preparer]),
            head: person(unit, "张三", &[Role::StatisticsHead, Role::UnitHead]),
        };
        units.iter().map(site).collect()
    }

    /// Key and certificate as files for `curl`.
    pub fn keep(&self, name: &str, person: &Person) {
        fs::write(self.path("key.der"), &*person.key.to_pkcs8().unwrap()).unwrap();
        let pem = self.openssl(&["pkey", "-inform", "DER", "-in", "key.der"]);
        fs::write(self.path(&format!("{name}.key")), pem).unwrap();
        fs::write(self.path(&format!("{name}.pem")), person.certificate.to_pem().unwrap()).unwrap();
    }

    /// A unit that has enrolled its machine and two persons.
    pub fn unit(&self, code: &str) -> Site {
        let ticket = self.code(&[code]);
        self.enrol(code, &ticket, code, "/CN=whatever");
        let preparer = self.person(code, "王五", &["preparer"]);
        let head = self.person(code, "张三", &["statistician", "head"]);
        Site { unit: code.to_owned(), preparer, head }
    }

    /// Sends a package; status and receipt.
    pub fn submit(&self, unit: &str, package: &[u8], args: &[&str]) -> (u16, Vec<u8>) {
        let file = format!("{unit}.send");
        fs::write(self.path(&file), package).unwrap();
        let (key, certificate, body) = (format!("{unit}.key"), format!("{unit}.pem"), format!("@{file}"));
        let kind = "Content-Type: application/vnd.etsi.asic-e+zip";
        let sent = ["--key", &key, "--cert", &certificate, "--header", kind, "--data-binary", &body];
        self.curl("/v1/packages", &[&sent[..], args].concat())
    }

    /// Asks as a unit.
    pub fn ask(&self, unit: &str, path: &str, args: &[&str]) -> (u16, Vec<u8>) {
        let (key, certificate) = (format!("{unit}.key"), format!("{unit}.pem"));
        self.curl(path, &[&["--key", &key, "--cert", &certificate], args].concat())
    }
}

/// A person with a key and a certificate.
pub struct Person {
    pub key: SecretKey,
    pub certificate: Certificate,
}

impl Person {
    pub fn identity(&self) -> Identity<'_> {
        Identity::new(&self.key, vec![self.certificate.clone()]).unwrap()
    }
}

/// A unit that can report.
pub struct Site {
    pub unit: String,
    pub preparer: Person,
    pub head: Person,
}

/// What a test changes of a package before it is signed.
pub struct Order {
    pub form: &'static str,
    pub period: String,
    pub channel: &'static str,
    pub trial: bool,
    pub supersedes: Option<String>,
    pub figure: i64,
    pub at: Time,
    pub roles: Vec<Role>,
    pub filed: bool,
    pub identity: fn(&mut Said),
    pub report: fn(&mut Report),
}

impl Default for Order {
    fn default() -> Order {
        Order {
            form: "B203",
            period: period(),
            channel: "official",
            trial: false,
            supersedes: None,
            figure: 100,
            at: now(),
            roles: vec![Role::Preparer, Role::StatisticsHead, Role::UnitHead],
            filed: false,
            identity: |_| {},
            report: |_| {},
        }
    }
}

/// A draft with the same figure in every row.
pub fn draft(form: &str, unit: &str, period: &str, figure: i64) -> Draft {
    let (edition, code, text) = survey::FORMS.iter().find(|(_, code, _)| *code == form).unwrap();
    let pack = Form::parse(code, text).0.unwrap();
    let column = || Some(Column { value: Some(figure.to_string()), status: "ok".to_owned(), ..Column::default() });
    let cells = pack.rows.iter().map(|row| {
        let columns = match row.kind {
            RowKind::Flow => Columns { this_month: column(), cumulative: column(), prior_year: column(), ..Columns::default() },
            _ => Columns { closing: column(), prior_year: column(), ..Columns::default() },
        };
        Cell { id: row.key().to_owned(), name: row.name.clone(), columns, status: "ok".to_owned(), ..Cell::default() }
    });
    Draft {
        form: (*code).to_owned(),
        edition: (*edition).to_owned(),
        period: period.to_owned(),
        unit: Unit { code: unit.to_owned(), name: "示例".to_owned() },
        book: "main".to_owned(),
        cells: cells.collect(),
        ..Draft::default()
    }
}

impl Site {
    /// A signed package.
    pub fn package(&self, order: &Order) -> Package {
        let draft = draft(order.form, &self.unit, &order.period, order.figure);
        let filed = order.filed.then(|| Filing { at: "2026-01-10".to_owned(), reference: "1".to_owned() });
        let form = FiledForm {
            form: draft.form.clone(),
            edition: draft.edition.clone(),
            book: "main".to_owned(),
            draft_version: 1,
            filed,
            ..FiledForm::default()
        };
        let mut identity = Said {
            schema: SCHEMA.to_owned(),
            program: "test".to_owned(),
            unit: draft.unit.clone(),
            period: order.period.clone(),
            channel: order.channel.to_owned(),
            trial: order.trial,
            supersedes: order.supersedes.clone(),
            forms: vec![form],
        };
        (order.identity)(&mut identity);
        let mut report = Report::of(&[draft]);
        (order.report)(&mut report);
        let mut payload = Payload::new();
        let files: BTreeMap<&str, Value> = [
            ("identity.json", serde_json::to_value(identity).unwrap()),
            ("report.json", serde_json::to_value(report).unwrap()),
            ("explanations.json", json!({})),
        ]
        .into();
        for (name, value) in files {
            payload.insert(name, canonical::to_bytes(&value).unwrap()).unwrap();
        }
        let mut package = Package::new(payload).unwrap();
        for role in &order.roles {
            let person = if *role == Role::Preparer { &self.preparer } else { &self.head };
            package.sign(&person.identity(), *role, order.at).unwrap();
        }
        package
    }

    pub fn bytes(&self, order: &Order) -> Vec<u8> {
        self.package(order).write(Limits::default()).unwrap()
    }
}

/// A receipt that was read.
pub fn receipt(bytes: &[u8]) -> Received {
    Received::read(bytes, Limits::default()).unwrap_or_else(|finding| panic!("{finding}: {}", String::from_utf8_lossy(bytes)))
}

/// Codes of a receipt's reasons.
pub fn reasons(bytes: &[u8]) -> Vec<String> {
    receipt(bytes).receipt.reasons.iter().map(|reason| reason.code.to_string()).collect()
}

pub fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}
