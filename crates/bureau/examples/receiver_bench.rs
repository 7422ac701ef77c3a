/*!
A receiver under load: its own program in a process of its own, over TLS with client certificates, with the load generator on the same cores.

`receiver_bench PROGRAM [--store sqlite|postgres] [--objects database|folder] [--maximum PACKAGES] [STORED …]` prints lines of `name value unit`; `cargo xtask bench receiver` builds both
and runs it. With `postgres` a private server runs on the same cores too. Each answer is looked at: one that is no receipt of a package that was taken ends the run.
*/
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench that cannot start must fail, and reports on the terminal"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

#[path = "../tests/common/postgres.rs"]
mod postgres;

use model::{CreditCode, CreditCodeError, Month};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use seal::{
    Algorithm, Authority, Certificate, Identity, Limits, Package, Payload, Profile, Role, SecretKey, Subject, Time, canonical,
};
use survey::{
    Form, RowKind,
    document::{Cell, Column, Columns, Draft, Unit},
    filing::{FiledForm, Identity as Said, Report, SCHEMA},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Forms of a package, and rows of each: a typical monthly package.
const FORMS: [&str; 3] = ["B203", "B204-1", "205-1"];
const ROWS: usize = 50;
/// Months that a unit reports: each is a package of its own.
const MONTHS: i32 = 30;
/// Connections that send as fast as they are answered.
const CLOSED: usize = 32;
/// Packages of the measurement of the maximum.
const MEASURED: usize = 6000;
/// Seconds of the open loop, and its share of the maximum in percent.
const OPEN: u64 = 20;
const SHARE: u64 = 60;
/// Units that come at once.
const BURST: usize = 10_000;
/// Units of the register.
const UNITS: usize = 120_000;
/// Units of one sheet; a sheet has at most 100,000 rows.
const SHEET: usize = 60_000;

fn now() -> Time {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    Time::from_unix(seconds).unwrap()
}

/// The code of the unit with a number.
fn code(number: usize) -> String {
    let head = format!("91350100M{number:08}");
    match format!("{head}0").parse::<CreditCode>() {
        Err(CreditCodeError::Check { wanted }) => format!("{head}{wanted}"),
        _ => format!("{head}0"),
    }
}

/// The receiver's process.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A bureau in a folder.
struct Bureau {
    program: PathBuf,
    folder: PathBuf,
    authority: Certificate,
    key: SecretKey,
    cells: Vec<(String, String, Vec<Cell>)>,
}

impl Bureau {
    fn new(program: &Path, folder: &Path, server: Option<&postgres::Postgres>, objects: &str, units: usize) -> Bureau {
        let run = |args: &[&str]| {
            let out = Command::new(program).args(args).current_dir(folder).output().unwrap();
            assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        };
        run(&["init", "--code", "350100", "--name", "bench", "--host", "localhost"]);
        let path = folder.join("bureau.toml");
        let mut text = fs::read_to_string(&path).unwrap() + "\n[receive]\nroles = [\"preparer\", \"head\"]\n";
        text += &format!("[objects]\nkind = \"{objects}\"\n");
        if let Some(server) = server {
            for (name, role) in [("url", "receiver"), ("owner", "owner")] {
                fs::write(folder.join(name), server.url(role)).unwrap();
            }
            text += "[store]\nkind = \"postgres\"\nurl = { file = \"url\" }\nowner_url = { file = \"owner\" }\n";
        }
        fs::write(&path, text).unwrap();
        if server.is_some() {
            run(&["store", "migrate"]);
        }
        for first in (0..units).step_by(SHEET) {
            let mut register = String::from("code,name,official\n");
            (first..units.min(first + SHEET))
                .for_each(|number| register += &format!("{},unit {number},{}\n", code(number), FORMS.join(" ")));
            fs::write(folder.join("register.csv"), register).unwrap();
            run(&["unit", "import", "register.csv"]);
        }
        let read = |name: &str| fs::read_to_string(folder.join("bureau-keys").join(name)).unwrap();
        let key = SecretKey::from_pem(&read("authority.key.pem"), read("password").trim().as_bytes()).unwrap();
        let authority = Certificate::from_pem(&read("authority.pem")).unwrap().remove(0);
        let column = || Some(Column { value: Some("1234567.8".to_owned()), status: "ok".to_owned(), ..Column::default() });
        let cells = FORMS.map(|wanted| {
            let (edition, form, text) = survey::FORMS.iter().find(|(_, form, _)| *form == wanted).unwrap();
            let pack = Form::parse(form, text).0.unwrap();
            let cells = pack.rows.iter().take(ROWS).map(|row| {
                let columns = match row.kind {
                    RowKind::Flow => Columns {
                        this_month: column(),
                        cumulative: column(),
                        prior_year_month: column(),
                        prior_year: column(),
                        ..Columns::default()
                    },
                    _ => Columns { closing: column(), prior_year: column(), ..Columns::default() },
                };
                Cell {
                    id: row.key().to_owned(),
                    code: Some(row.key().to_owned()),
                    name: row.name.clone(),
                    unit: "千元".to_owned(),
                    columns,
                    formula: Some("QM(\"1001\") + QM(\"1002\") + QM(\"1012\")".to_owned()),
                    status: "ok".to_owned(),
                    ..Cell::default()
                }
            });
            ((*form).to_owned(), (*edition).to_owned(), cells.collect())
        });
        Bureau { program: program.to_owned(), folder: folder.to_owned(), authority, key, cells: cells.to_vec() }
    }

    fn serve(&self) -> Server {
        let mut command = Command::new(&self.program);
        command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(&self.folder).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("https://")).unwrap();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("receiver: {line}")));
        Server { child, address: url.trim_start_matches("https://").to_owned() }
    }

    fn issue(&self, unit: &str, roles: &[Role], name: &str, profile: Profile) -> (SecretKey, Certificate) {
        let key = SecretKey::generate(Algorithm::P256).unwrap();
        let authority = Authority::new(Identity::new(&self.key, vec![self.authority.clone()]).unwrap()).unwrap();
        let subject = Subject {
            unit: unit.to_owned(),
            organization: String::new(),
            name: name.to_owned(),
            roles: roles.iter().copied().collect(),
        };
        let from = Time::from_unix(now().unix() - 3600).unwrap();
        let certificate = authority.issue(seal::Signer::public_key(&key), &subject, profile, from, now().plus(86_400)).unwrap();
        (key, certificate)
    }
}

/// A unit with its certificates and packages.
struct Site {
    tls: Arc<ClientConfig>,
    packages: Vec<Vec<u8>>,
}

impl Site {
    /// The unit with a number, and packages of so many months.
    fn new(bureau: &Bureau, number: usize, months: i32) -> Site {
        let unit = code(number);
        let (key, certificate) = bureau.issue(&unit, &[Role::Agent], "agent", Profile::Machine);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(bureau.authority.der().to_vec())).unwrap();
        let key = PrivateKeyDer::try_from(key.to_pkcs8().unwrap().to_vec()).unwrap();
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![CertificateDer::from(certificate.der().to_vec())], key)
            .unwrap();
        let preparer = bureau.issue(&unit, &[Role::Preparer], "a", Profile::Person);
        let head = bureau.issue(&unit, &[Role::UnitHead], "b", Profile::Person);
        let at = now();
        let text = at.to_string();
        let month: Month = text[..7].parse().unwrap();
        let package = |back: i32| {
            let period = month.plus(-back).unwrap().to_string();
            let own = Unit { code: unit.clone(), name: format!("unit {number}") };
            let drafts: Vec<Draft> = bureau
                .cells
                .iter()
                .map(|(form, edition, cells)| Draft {
                    form: form.clone(),
                    edition: edition.clone(),
                    period: period.clone(),
                    unit: own.clone(),
                    cells: cells.clone(),
                    ..Draft::default()
                })
                .collect();
            let forms = drafts.iter().map(|draft| FiledForm {
                form: draft.form.clone(),
                edition: draft.edition.clone(),
                draft_version: 1,
                ..FiledForm::default()
            });
            let identity = Said {
                schema: SCHEMA.to_owned(),
                program: "bench".to_owned(),
                unit: own.clone(),
                period: period.clone(),
                channel: "official".to_owned(),
                forms: forms.collect(),
                ..Said::default()
            };
            let mut payload = Payload::new();
            let json = |value: serde_json::Value| canonical::to_bytes(&value).unwrap();
            payload.insert("identity.json", json(serde_json::to_value(identity).unwrap())).unwrap();
            payload.insert("report.json", json(serde_json::to_value(Report::of(&drafts)).unwrap())).unwrap();
            let mut package = Package::new(payload).unwrap();
            for ((key, certificate), role) in [(&preparer, Role::Preparer), (&head, Role::UnitHead)] {
                package.sign(&Identity::new(key, vec![certificate.clone()]).unwrap(), role, at).unwrap();
            }
            package.write(Limits::default()).unwrap()
        };
        Site { tls: Arc::new(tls), packages: (1..=months).rev().map(package).collect() }
    }

    /// Units from a number on, made on all cores.
    fn many(bureau: &Bureau, first: usize, count: usize, months: i32) -> Vec<Site> {
        let next = AtomicU64::new(0);
        let made: Mutex<Vec<Site>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(|| {
                    loop {
                        let at = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap();
                        if at >= count {
                            break;
                        }
                        let site = Site::new(bureau, first + at, months);
                        made.lock().unwrap().push(site);
                    }
                });
            }
        });
        made.into_inner().unwrap()
    }
}

/// A connection of a unit.
struct Line {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Line {
    async fn open(address: &str, tls: &Arc<ClientConfig>) -> std::io::Result<Line> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
        Ok(Line { stream, buffer: vec![0; 64 << 10] })
    }

    /// Sends a package; the status of the answer, whose body is read to its end.
    async fn send(&mut self, package: &[u8]) -> std::io::Result<u16> {
        let head = format!(
            "POST /v1/packages HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            exchange::media::CONTAINER,
            package.len()
        );
        self.stream.write_all(head.as_bytes()).await?;
        self.stream.write_all(package).await?;
        self.stream.flush().await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            let Some(end) = self.buffer[..filled].windows(4).position(|part| part == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.buffer[..end]).to_lowercase();
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok()).unwrap_or(0);
            let mut left = (end + 4 + length).saturating_sub(filled);
            while left > 0 {
                let most = self.buffer.len().min(left);
                let read = self.stream.read(&mut self.buffer[..most]).await?;
                if read == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                left -= read;
            }
            return Ok(status);
        }
    }
}

fn taken(status: u16) {
    assert_eq!(status, 201, "a package of the bench was not taken");
}

/// Sends everything as fast as it is answered, each unit over a connection of its own; packages a second.
async fn closed(address: &str, sites: Vec<Site>, connections: usize) -> u64 {
    let count: usize = sites.iter().map(|site| site.packages.len()).sum();
    let mut lines = Vec::new();
    for site in sites {
        lines.push((Line::open(address, &site.tls).await.unwrap(), site.packages));
    }
    let turn = Arc::new(Semaphore::new(connections));
    let begun = Instant::now();
    let mut senders = Vec::new();
    for (mut line, packages) in lines {
        let turn = Arc::clone(&turn);
        senders.push(tokio::spawn(async move {
            for package in &packages {
                let _turn = turn.acquire().await.unwrap();
                taken(line.send(package).await.unwrap());
            }
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    rate(count, begun.elapsed())
}

fn rate(count: usize, took: Duration) -> u64 {
    u64::try_from(count as u128 * 1_000_000 / took.as_micros().max(1)).unwrap()
}

/// Sends at a rate, whether it is answered or not; milliseconds from when each was due, sorted.
async fn open(address: &str, sites: Vec<Site>, per_second: u64) -> Vec<u64> {
    let mut lines = Vec::new();
    for site in sites {
        lines.push((Line::open(address, &site.tls).await.unwrap(), site.packages));
    }
    let units = lines.len() as u64;
    let begun = Instant::now() + Duration::from_millis(200);
    let mut senders = Vec::new();
    for (at, (mut line, packages)) in lines.into_iter().enumerate() {
        senders.push(tokio::spawn(async move {
            let mut delays = Vec::new();
            for (turn, package) in packages.iter().enumerate() {
                let number = turn as u64 * units + at as u64;
                let due = begun + Duration::from_micros(number * 1_000_000 / per_second);
                tokio::time::sleep_until(due.into()).await;
                taken(line.send(package).await.unwrap());
                delays.push(u64::try_from(due.elapsed().as_millis()).unwrap());
            }
            delays
        }));
    }
    let mut delays = Vec::new();
    for sender in senders {
        delays.extend(sender.await.unwrap());
    }
    delays.sort_unstable();
    delays
}

/// Every unit comes at the same moment, with a connection of its own, and comes again until it has its receipt.
async fn burst(address: &str, sites: Vec<Site>) -> (Duration, u64, usize) {
    let again = Arc::new(AtomicU64::new(0));
    // What one machine can have open at once; the others wait at their own doors, as they would for a socket.
    let doors = Arc::new(Semaphore::new(2000));
    let begun = Instant::now();
    let count = sites.len();
    let mut units = Vec::new();
    for site in sites {
        let (again, doors, address) = (Arc::clone(&again), Arc::clone(&doors), address.to_owned());
        units.push(tokio::spawn(async move {
            let mut wait = Duration::from_millis(200);
            loop {
                let door = doors.acquire().await.unwrap();
                let sent = async { Line::open(&address, &site.tls).await?.send(&site.packages[0]).await };
                match sent.await {
                    Ok(200 | 201) => return,
                    Ok(503) | Err(_) => {}
                    Ok(status) => panic!("status {status}"),
                }
                drop(door);
                again.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(5));
            }
        }));
    }
    for unit in units {
        unit.await.unwrap();
    }
    (begun.elapsed(), again.load(Ordering::Relaxed), count)
}

/// Verifies all that was received: how long it takes, and the most memory it had.
fn verify(bureau: &Bureau) {
    let begun = Instant::now();
    let mut command = Command::new(&bureau.program);
    let mut child = command.args(["log", "verify"]).current_dir(&bureau.folder).stderr(Stdio::null()).spawn().unwrap();
    let (status, mut peak) = (format!("/proc/{}/status", child.id()), 0_u64);
    let ended = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(kib.unwrap_or_default());
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(ended.success(), "log verify");
    println!("verify_took {} ms\nverify_peak {} MiB", begun.elapsed().as_millis(), peak >> 10);
}

fn main() {
    let mut args = std::env::args().skip(1);
    let program = PathBuf::from(args.next().expect("receiver_bench PROGRAM [STORED ...]")).canonicalize().unwrap();
    let (mut store, mut objects, mut stored, mut only) = ("sqlite".to_owned(), "database".to_owned(), Vec::new(), None);
    while let Some(word) = args.next() {
        match word.as_str() {
            "--store" => store = args.next().expect("--store sqlite|postgres"),
            "--maximum" => only = Some(args.next().and_then(|text| text.parse::<usize>().ok()).expect("--maximum PACKAGES")),
            "--objects" => objects = args.next().expect("--objects database|folder"),
            number => stored.push(number.parse::<usize>().unwrap()),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let database = (store == "postgres").then(|| postgres::Postgres::start(&["log_min_messages=warning", "max_wal_size=4GB"]));
    let bureau = Bureau::new(&program, folder.path(), database.as_ref(), &objects, if only.is_some() { 2000 } else { UNITS });
    let server = bureau.serve();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let per_unit = usize::try_from(MONTHS).unwrap();
    let mut next = 0;
    let mut sites = |count: usize, months: i32| {
        let made = Site::many(&bureau, next, count, months);
        next += count;
        (made, next)
    };
    let size = Site::new(&bureau, if only.is_some() { 1999 } else { UNITS - 1 }, 1).packages[0].len();
    let figures: usize = bureau.cells.iter().flat_map(|(_, _, cells)| cells).map(|cell| cell.columns.each().count()).sum();
    println!("package_figures {figures} figures\npackage_bytes {size} bytes");
    runtime.block_on(closed(&server.address, sites(20, MONTHS).0, CLOSED));
    let maximum = runtime.block_on(closed(&server.address, sites(only.unwrap_or(MEASURED) / per_unit, MONTHS).0, CLOSED));
    println!("maximum {maximum} packages/s");
    if only.is_some() {
        drop(server);
        verify(&bureau);
        return;
    }
    let per_second = (maximum * SHARE / 100).max(1);
    let count = usize::try_from(per_second * OPEN).unwrap() / per_unit;
    let delays = runtime.block_on(open(&server.address, sites(count.max(1), MONTHS).0, per_second));
    let at = |percent: usize| delays[(delays.len() * percent / 100).min(delays.len() - 1)];
    println!("open_rate {per_second} packages/s");
    println!("open_p50 {} ms\nopen_p99 {} ms\nopen_max {} ms", at(50), at(99), delays[delays.len() - 1]);
    let mut rest = stored.iter().copied().peekable();
    let beside = |wanted: usize, sites: &mut dyn FnMut(usize, i32) -> (Vec<Site>, usize)| {
        // Units that have one month stored, until there are as many as wanted; then what a package costs.
        loop {
            let (_, there) = sites(0, 1);
            if there >= wanted {
                break;
            }
            let (more, _) = sites((wanted - there).min(4000), 1);
            runtime.block_on(closed(&server.address, more, CLOSED));
        }
        let rate = runtime.block_on(closed(&server.address, sites(100, MONTHS).0, CLOSED));
        println!("stored_{wanted} {rate} packages/s");
    };
    while let Some(wanted) = rest.next_if(|wanted| *wanted < BURST) {
        beside(wanted, &mut sites);
    }
    let (took, again, count) = runtime.block_on(burst(&server.address, sites(BURST, 1).0));
    println!("burst_units {count} units\nburst_drained {} ms\nburst_again {again} times", took.as_millis());
    rest.for_each(|wanted| beside(wanted, &mut sites));
    drop(server);
    verify(&bureau);
    let reports = Command::new(&program).args(["--format", "csv", "reports"]).current_dir(folder.path()).output().unwrap();
    let rows = String::from_utf8_lossy(&reports.stdout).lines().count() - 1;
    println!("reports {rows} rows");
    let bytes = match &database {
        Some(server) => server.sql("bureau", "SELECT pg_database_size('bureau')").trim().parse().unwrap(),
        None => fs::metadata(folder.path().join("bureau-state/bureau.sqlite")).map_or(0, |about| about.len()),
    };
    println!("state {} MiB", bytes >> 20);
}
