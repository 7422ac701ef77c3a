/*! Where rows and bytes can be: several receivers over one PostgreSQL and one bucket, versions of the tables, copies. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;
#[path = "../../../tests/peers/mod.rs"]
mod peers;

use std::{
    collections::BTreeMap,
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use bureau::{
    db::Server,
    sql::{self, MIGRATIONS, Migration},
};
use common::{Bureau, OTHER, Order, UNIT, month_ago, postgres::Postgres, receipt};
use rusqlite::Connection;
use seal::{Profile, Role};

/// Whose requests they are; the test's server believes it.
const KEY: &str = "Authorization: AWS4-HMAC-SHA256 Credential=key/20250101/us-east-1/s3/aws4_request";

/// An S3 server that nobody here wrote.
struct Moto {
    server: Child,
    port: u16,
}

impl Moto {
    fn start() -> Moto {
        let python = peers::python(&["moto[server]==5.2.1"]);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python.with_file_name("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let moto = Moto { server: command.spawn().unwrap(), port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "moto does not listen");
            sleep(Duration::from_millis(100));
        }
        moto.ask("PUT", "bureaus");
        moto
    }

    /// What `curl` hears.
    fn ask(&self, method: &str, path: &str) -> String {
        let url = format!("http://127.0.0.1:{}/{path}", self.port);
        peers::run(Command::new("curl").args(["--silent", "--fail", "--request", method, "--header", KEY, &url]))
    }

    /// Moves an object to cold storage.
    fn archive(&self, bureau: &Bureau, name: &str) {
        fs::write(bureau.path("cold"), self.bytes(name)).unwrap();
        let url = format!("http://127.0.0.1:{}/bureaus/{name}", self.port);
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--fail",
            "--header",
            KEY,
            "--header",
            "x-amz-storage-class: GLACIER",
            "--upload-file",
            "cold",
            &url,
        ]);
        peers::run(command.current_dir(bureau.folder.path()));
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        let url = format!("http://127.0.0.1:{}/bureaus/{name}", self.port);
        Command::new("curl").args(["--silent", "--fail", "--header", KEY, &url]).output().unwrap().stdout
    }

    /// Names in the bucket.
    fn names(&self) -> Vec<String> {
        let listed = self.ask("GET", "bureaus?list-type=2&max-keys=1000");
        listed.split("<Key>").skip(1).map(|part| part.split("</Key>").next().unwrap().to_owned()).collect()
    }

    fn configured(&self) -> String {
        format!(
            "[objects]\nkind = \"s3\"\nbucket = \"bureaus\"\nendpoint = \"http://127.0.0.1:{}\"\nprefix = \"county\"\n\
             access_key = {{ file = \"s3-access\" }}\nsecret_key = {{ file = \"s3-secret\" }}\n",
            self.port
        )
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Sends a package to a receiver; nothing where no answer came.
fn send(bureau: &Bureau, url: &str, unit: &str, file: &str) -> Option<(u16, Vec<u8>)> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let answer = format!("{file}.{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let out = Command::new("curl")
        .args(["--silent", "--max-time", "30", "--write-out", "%{http_code}", "--output", &answer, "--cacert"])
        .arg(bureau.authority())
        .args(["--key", &format!("{unit}.key"), "--cert", &format!("{unit}.pem")])
        .args(["--header", "Content-Type: application/vnd.etsi.asic-e+zip", "--data-binary", &format!("@{file}")])
        .arg(format!("{url}/v1/packages"))
        .current_dir(bureau.folder.path())
        .output()
        .unwrap();
    let status = out.status.success().then(|| String::from_utf8(out.stdout).unwrap().parse().unwrap())?;
    Some((status, fs::read(bureau.path(&answer)).unwrap()))
}

/// Each package goes to both receivers at once; one of them is killed on the way and comes back. Each package is taken once, whoever took it, and
/// both give the same receipt.
#[test]
fn two_receivers_share_one_server_and_one_bucket() {
    const MONTHS: u16 = 24;
    let (server, moto) = (Postgres::start(&[]), Moto::start());
    let mut bureau = Bureau::with(Some(server), "");
    let text = fs::read_to_string(bureau.path("bureau.toml")).unwrap();
    fs::write(bureau.path("bureau.toml"), text + &moto.configured()).unwrap();
    fs::write(bureau.path("s3-access"), "key").unwrap();
    fs::write(bureau.path("s3-secret"), "secret").unwrap();
    let units = [UNIT, OTHER].map(str::to_owned);
    let now = common::now();
    for unit in &units {
        let machine = bureau.issue(unit, "agent", &[Role::Agent], Profile::Machine, [now, now.plus(86_400)]);
        bureau.keep(unit, &machine);
    }
    let mut packages = Vec::new();
    for site in bureau.sites(&units) {
        for month in 1..=MONTHS {
            for trial in [false, true] {
                let order = Order { trial, figure: i64::from(month), period: month_ago(month), ..Order::default() };
                let file = format!("{}-{month}-{trial}", site.unit);
                fs::write(bureau.path(&file), site.bytes(&order)).unwrap();
                packages.push((site.unit.clone(), file));
            }
        }
    }
    bureau.serve();
    let first = bureau.url().to_owned();
    let (mut child, second) = bureau.start();
    let next = AtomicUsize::new(0);
    let lost = AtomicUsize::new(0);
    let receipts: Mutex<BTreeMap<String, Vec<Vec<u8>>>> = Mutex::default();
    let counts: Mutex<BTreeMap<u16, usize>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some((unit, file)) = packages.get(at / 2) else { break };
                    let url = if at.is_multiple_of(2) { &first } else { &second };
                    let answer = send(&bureau, url, unit, file).filter(|(status, _)| *status != 503).or_else(|| {
                        lost.fetch_add(1, Ordering::SeqCst);
                        send(&bureau, &first, unit, file)
                    });
                    let (status, bytes) = answer.expect("the other receiver answers");
                    assert!([200, 201].contains(&status), "{file}: {status} {}", String::from_utf8_lossy(&bytes));
                    *counts.lock().unwrap().entry(status).or_default() += 1;
                    receipts.lock().unwrap().entry(file.clone()).or_default().push(bytes);
                }
            });
        }
        // In the middle of it.
        while next.load(Ordering::SeqCst) < packages.len() {
            sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let counts = counts.into_inner().unwrap();
    assert_eq!(counts.values().sum::<usize>(), 2 * packages.len());
    // A receipt whose answer was lost by the kill comes as one that is known.
    assert!(counts[&201] <= packages.len() && counts[&201] + lost.load(Ordering::SeqCst) >= packages.len(), "{counts:?}");
    assert!(lost.load(Ordering::SeqCst) > 0, "nobody noticed the kill");
    for (file, receipts) in receipts.into_inner().unwrap() {
        assert_eq!(receipts.len(), 2, "{file}");
        assert_eq!(receipt(&receipts[0]).receipt, receipt(&receipts[1]).receipt, "{file}: one receipt, whoever gives it");
    }
    assert_eq!(bureau.json(&["reports"]).len(), packages.len(), "each once");
    bureau.run(&["log", "verify"]);
    bureau.run(&["store", "check", "--read"]);
    // The bytes are in the bucket, under their digests, and no others.
    let names = moto.names();
    assert_eq!(names.len(), packages.len());
    let digest = names[0].rsplit('/').next().unwrap();
    assert_eq!(names[0], format!("county/{}/{digest}", &digest[..2]));
    // One that a rule of the bucket archived is said to be so, and the rest is verified.
    moto.archive(&bureau, &names[1]);
    let out = bureau.output(&["log", "verify"]);
    assert!(out.status.success() && String::from_utf8_lossy(&out.stderr).contains("objects-archived"));
    let (exit, said) = bureau.fails(&["export", "exported"]);
    assert!(exit == 3 && said.contains("object-archived") && said.contains(&names[1]), "{said}");
    // One that is gone is named.
    moto.ask("DELETE", &format!("bureaus/{}", names[0]));
    let (exit, said) = bureau.fails(&["store", "check"]);
    assert!(exit == 1 && said.contains("store-object-missing") && said.contains(digest), "{said}");
    let (exit, said) = bureau.fails(&["log", "verify"]);
    assert!(exit == 1 && said.contains("bureau-log-broken"), "{said}");
    // A store that is away says nothing about what is in it.
    drop(moto);
    let (exit, said) = bureau.fails(&["store", "check"]);
    assert!(exit == 3 && !said.contains("store-object-missing"), "{said}");
    // And no receipt is given for what could not be kept.
    let site = bureau.sites(&units[..1]).remove(0);
    fs::write(bureau.path("late"), site.bytes(&Order { trial: true, figure: 9, period: month_ago(30), ..Order::default() }))
        .unwrap();
    assert_eq!(send(&bureau, &first, UNIT, "late").unwrap().0, 503);
    assert_eq!(bureau.json(&["reports"]).len(), packages.len());
}

/// What each statement is to PostgreSQL, asked by the role that may read and add; and who is asked across a network must be who it says.
#[test]
fn a_server_reads_every_statement_and_is_known_by_its_certificate() {
    let server = Postgres::start(&["fsync=off"]);
    let owner = Server::new(&server.url("owner"), None).unwrap();
    assert_eq!(Server::new(&server.url("receiver"), None).unwrap().version().unwrap(), 0);
    assert_eq!(owner.migrate(MIGRATIONS, "receiver", "2026-11-25T00:00:00Z").unwrap(), 0);
    let receiver = Server::new(&server.url("receiver"), None).unwrap();
    let connection = receiver.connect().unwrap();
    for (name, text) in sql::all() {
        connection.understands(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let begins = if name.starts_with("ADD_") { "INSERT INTO " } else { "SELECT " };
        assert!(text.starts_with(begins) && !text.contains(';'), "{name}");
    }
    assert_eq!(connection.rights().unwrap(), [] as [&str; 0]);
    assert!(owner.connect().unwrap().rights().unwrap().contains(&"receipt".to_owned()));
    // A version more, on what is there: tables are added, and a newer state is left alone.
    const MORE: &str = "CREATE TABLE later (\n  id INTEGER PRIMARY KEY, at TEXT NOT NULL\n) STRICT;";
    let newer = [MIGRATIONS, &[Migration { version: sql::SCHEMA_VERSION + 1, tables: &["later"], text: MORE }]].concat();
    assert_eq!(owner.migrate(&newer, "receiver", "2026-11-25T00:00:00Z").unwrap(), sql::SCHEMA_VERSION);
    assert_eq!(receiver.version().unwrap(), sql::SCHEMA_VERSION + 1);
    assert!(server.sql_as("owner", "UPDATE later SET at = ''").unwrap_err().contains("rows are only added"));
    assert_eq!(owner.migrate(MIGRATIONS, "receiver", "2026-11-25T00:00:00Z").unwrap(), sql::SCHEMA_VERSION + 1);
    // Across a network.
    let (url, authority) = (server.network("receiver", "localhost"), server.authority());
    assert!(Server::new(&url, None).is_err(), "a server that nobody vouches for");
    Server::new(&url, Some(&authority)).unwrap().version().unwrap();
    let other = server.network("receiver", "127.0.0.1");
    let refused = Server::new(&other, Some(&authority)).unwrap().version().unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    let another = Postgres::start(&["fsync=off"]);
    let refused = Server::new(&url, Some(&another.authority())).unwrap().version().unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    assert!(!refused.contains("s3cret"));
}

/// The tables as version 2 made them.
const VERSION_2: &str = include_str!("data/state-2.sql");

/// A state that version 2 wrote is opened, gets what is new, and every row of it is still what the log says.
#[test]
fn a_state_of_an_earlier_version_is_brought_to_this_one() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    assert_eq!(bureau.submit(UNIT, &site.bytes(&Order::default()), &[]).0, 201);
    bureau.kill();
    let before = bureau.run(&["--format", "json", "reports"]);
    let (now, old) = (bureau.path("bureau-state/bureau.sqlite"), bureau.path("old.sqlite"));
    let connection = Connection::open(&old).unwrap();
    connection.execute_batch(VERSION_2).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection.execute("ATTACH ? AS new", [now.display().to_string()]).unwrap();
    let tables = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables: Vec<String> =
        connection.prepare(tables).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(tables.len(), MIGRATIONS[0].tables.len());
    tables.iter().for_each(|table| {
        connection.execute_batch(&format!("INSERT INTO main.{table} SELECT * FROM new.{table}")).unwrap();
    });
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    fs::remove_dir_all(bureau.path("bureau-state")).unwrap();
    fs::create_dir(bureau.path("bureau-state")).unwrap();
    fs::rename(&old, &now).unwrap();
    assert_eq!(bureau.run(&["--format", "json", "reports"]), before);
    bureau.run(&["log", "verify"]);
    let connection = Connection::open(&now).unwrap();
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, sql::SCHEMA_VERSION);
    for table in sql::tables() {
        assert!(
            connection.execute_batch(&format!("DELETE FROM {table}; SELECT 1 / (SELECT COUNT(*) FROM {table})")).is_err() || {
                let count: i64 = connection.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).unwrap();
                count == 0
            }
        );
    }
    // It goes on.
    drop(connection);
    bureau.serve();
    assert_eq!(bureau.submit(UNIT, &site.bytes(&Order { trial: true, ..Order::default() }), &[]).0, 201);
    bureau.run(&["log", "verify"]);
}

/// A copy that was made while the receiver ran is a whole state, and is laid into an empty one only.
#[test]
fn a_copy_of_a_running_receiver_is_a_whole_state() {
    let mut bureau = Bureau::with(None, "[objects]\nkind = \"folder\"\n");
    bureau.serve();
    let site = bureau.unit(UNIT);
    assert_eq!(bureau.submit(UNIT, &site.bytes(&Order::default()), &[]).0, 201);
    bureau.run(&["store", "backup", "copy"]);
    assert_eq!(bureau.submit(UNIT, &site.bytes(&Order { trial: true, ..Order::default() }), &[]).0, 201);
    bureau.kill();
    bureau.run(&["store", "check", "--read"]);
    assert_eq!(bureau.json(&["reports"]).len(), 2);
    assert!(bureau.fails(&["store", "backup", "copy"]).1.contains("store-exists"));
    assert!(bureau.fails(&["store", "restore", "copy"]).1.contains("store-exists"));
    for folder in ["bureau-state", "bureau-objects"] {
        fs::rename(bureau.path(folder), bureau.path(&format!("{folder}.lost"))).unwrap();
    }
    let out = bureau.output(&["store", "restore", "copy"]);
    assert!(out.status.success() && String::from_utf8_lossy(&out.stderr).contains("store-restored"));
    assert_eq!(bureau.json(&["reports"]).len(), 1);
    bureau.run(&["store", "check", "--read"]);
    bureau.run(&["log", "verify", "--checkpoint", "copy/checkpoint"]);
    // A byte of an object is found by its digest.
    let mut objects = Vec::new();
    for folder in fs::read_dir(bureau.path("bureau-objects")).unwrap() {
        objects.extend(fs::read_dir(folder.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
    }
    assert_eq!(objects.len(), 1);
    let mut bytes = fs::read(&objects[0]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&objects[0], bytes).unwrap();
    bureau.run(&["store", "check"]);
    assert!(bureau.fails(&["store", "check", "--read"]).1.contains("store-object-missing"));
    assert!(bureau.fails(&["log", "verify"]).1.contains("bureau-log-broken"));
}
