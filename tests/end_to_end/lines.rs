//! Bad lines between the agent and the receiver: through a proxy that breaks off where it is told to, with certificates that end, with deadlines
//! that come nearer.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::{
    Site,
    delivery::{Bureau, SUBMIT, another_day, enrolled, receipts, sign_month, signed, state},
    packages::UNIT,
};

/// What went through a proxy, and how much of it may still go.
#[derive(Default)]
struct Traffic {
    asked: Vec<String>,
    up: usize,
    down: usize,
    up_left: Option<usize>,
    down_left: Option<usize>,
}

/// An HTTP proxy that knows CONNECT and nothing else.
#[derive(Clone)]
struct Proxy {
    port: u16,
    traffic: Arc<Mutex<Traffic>>,
}

impl Proxy {
    fn start() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy { port: listener.local_addr().unwrap().port(), traffic: Arc::default() };
        let own = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.connection(client));
            }
        });
        proxy
    }

    /// Counts from nothing, and breaks off after so many bytes of a direction.
    fn cut(&self, up_left: Option<usize>, down_left: Option<usize>) {
        *self.traffic.lock().unwrap() = Traffic { up_left, down_left, ..Traffic::default() };
    }

    fn connection(&self, mut client: TcpStream) -> Option<()> {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let text = String::from_utf8(head).ok()?;
        let place = text.strip_prefix("CONNECT ")?.split(' ').next()?;
        self.traffic.lock().unwrap().asked.push(place.to_owned());
        let server = TcpStream::connect(place).ok()?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
        let (answers, back, own) = (server.try_clone().ok()?, client.try_clone().ok()?, self.clone());
        std::thread::spawn(move || own.pass(answers, back, false));
        self.pass(client, server, true);
        Some(())
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, up: bool) {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let (read, ended) = {
                let mut traffic = self.traffic.lock().unwrap();
                let left = if up { &mut traffic.up_left } else { &mut traffic.down_left };
                let whole = left.is_none_or(|left| read < left);
                let read = left.map_or(read, |left| read.min(left));
                if let Some(left) = left {
                    *left -= read;
                }
                *(if up { &mut traffic.up } else { &mut traffic.down }) += read;
                (read, !whole)
            };
            if to.write_all(&buffer[..read]).is_err() || ended {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}

fn through(site: &Site, proxy: &Proxy) {
    let text = fs::read_to_string(site.path("agent.toml")).unwrap();
    fs::write(site.path("agent.toml"), text + &format!("proxy = \"http://127.0.0.1:{}\"\n", proxy.port)).unwrap();
}

/// Serial number of the certificate in a file.
fn serial(site: &Site, file: &str) -> String {
    let said = crate::peers::run(
        Command::new("openssl").current_dir(site.folder.path()).args(["x509", "-noout", "-serial", "-in", file]),
    );
    said.trim().trim_start_matches("serial=").to_lowercase()
}

const MACHINE: &str = "taizhang-state/machine.pem";

#[test]
fn a_package_goes_on_through_a_proxy_where_the_line_broke() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    let proxy = Proxy::start();
    through(&site, &proxy);
    site.explains("B203", "2025-06", "wu");
    site.ok(&["review", "--form", "B203", "--period", "2025-06", "--as", "wu"]);
    site.ok(&["approve", "--form", "B203", "--period", "2025-06", "--as", "zhoumin"]);
    // A scan makes the package larger than a piece of 4 MiB.
    let mut scan = b"%PDF-1.7\n".to_vec();
    scan.resize(5 << 20, b' ');
    scan.extend(b"%%EOF\n");
    fs::write(site.path("scan.pdf"), scan).unwrap();
    let sign = ["sign", "--form", "B203", "--period", "2025-06"];
    let digest = crate::csv(&site.ok(&[&sign[..], &["--format", "csv"]].concat()))[0]["digest"].clone();
    for (role, person, more) in
        [("preparer", "wu", &[][..]), ("statistician", "zhoumin", &[]), ("head", "wu", &["--paper", "scan.pdf"])]
    {
        site.ok(&[&sign[..], &["--role", role, "--as", person, "--digest", &digest], more].concat());
    }
    proxy.cut(Some(9 << 19), None);
    site.refused(&SUBMIT, 3, &["bureau-unreachable", "package-queued"]);
    assert_eq!(state(&site), "queued");
    proxy.cut(None, None);
    assert!(site.ok(&SUBMIT).contains("received"));
    let traffic = proxy.traffic.lock().unwrap();
    assert!((1 << 20..2 << 20).contains(&traffic.up), "what had arrived was not sent again: {} bytes", traffic.up);
    assert!(traffic.asked.iter().all(|place| *place == format!("127.0.0.1:{}", bureau.port)) && !traffic.asked.is_empty());
    assert_eq!((state(&site).as_str(), receipts(&site).len()), ("delivered", 1));
}

#[test]
fn a_code_whose_answer_was_lost_is_not_lost() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    let proxy = Proxy::start();
    through(&site, &proxy);
    let before = fs::read(site.path(MACHINE)).unwrap();
    // How many bytes an answer has that holds no certificate; one that does is cut short there.
    proxy.cut(None, None);
    site.refused(&["enroll", "--code", "wrong"], 1, &["enrolment-code-refused"]);
    let down = proxy.traffic.lock().unwrap().down;
    proxy.cut(None, Some(down));
    let code = bureau.code(&[]);
    site.refused(&["enroll", "--code", &code], 3, &["bureau-unreachable"]);
    assert_eq!(fs::read(site.path(MACHINE)).unwrap(), before);
    let issued =
        || bureau.json(&["certificates", "--unit", UNIT]).as_array().unwrap().iter().filter(|one| one["person"] == "").count();
    assert_eq!(issued(), 2, "the receiver has answered");
    proxy.cut(None, None);
    site.ok(&["enroll", "--code", &code]);
    assert_eq!(issued(), 2, "the same certificate");
    assert_ne!(fs::read(site.path(MACHINE)).unwrap(), before);
    assert!(!site.path("taizhang-state/machine.waiting").exists());
    // A code of another person is told before anything is replaced.
    let own = fs::read(site.path("wu.crt")).unwrap();
    let code = bureau.code(&["--person", "陈立", "--role", "head"]);
    site.refused(&["enroll", "--code", &code, "--as", "wu"], 1, &["enrolment-subject-differs", "陈立"]);
    assert_eq!(fs::read(site.path("wu.crt")).unwrap(), own);
    // Nor is a machine's key made for what TLS does not know, or a person's without a password.
    site.refused(&["enroll", "--code", &code, "--sm2"], 2, &["person-missing"]);
    let text = fs::read_to_string(site.path("agent.toml")).unwrap();
    fs::write(site.path("agent.toml"), text.replace("wu.pem\"\npassword = { env = \"TAIZHANG_TEST_PASSWORD\" }", "new.pem\""))
        .unwrap();
    site.refused(&["enroll", "--code", &code, "--as", "wu"], 2, &["key-unprotected"]);
    assert!(!site.path("new.pem").exists());
}

#[test]
fn certificates_are_renewed_in_time_and_those_that_ended_or_were_revoked_hold_nothing_up_for_ever() {
    let mut bureau = Bureau::new();
    let config = bureau.folder.path().join("bureau.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + "\n[certificates]\nmachine_days = 30\n").unwrap();
    bureau.serve();
    let site = signed(&bureau);
    let first = fs::read(site.path(MACHINE)).unwrap();
    let agent = std::path::Path::new(env!("CARGO_BIN_EXE_taizhang"));
    // After ten days nothing is renewed; after 25 of 30 it is, and the package that waits goes with the new one.
    for (days, renewed) in [(10, false), (25, true)] {
        let mut run = another_day(agent, days);
        let log = fs::File::create(site.path("run.log")).unwrap();
        run.current_dir(site.folder.path()).args(["--lang", "en", "run"]).stdout(Stdio::null()).stderr(log);
        let mut run = run.spawn().unwrap();
        let begun = Instant::now();
        let changed = || fs::read(site.path(MACHINE)).unwrap() != first;
        while changed() != renewed && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::sleep(Duration::from_millis(if renewed { 0 } else { 2000 }));
        assert_eq!(changed(), renewed, "after {days} days: {}", fs::read_to_string(site.path("run.log")).unwrap());
        run.kill().unwrap();
        run.wait().unwrap();
    }
    let check = |command: &mut Command| {
        let out = command
            .current_dir(site.folder.path())
            .args(["--lang", "en", "check"])
            .env("TAIZHANG_TEST_PASSWORD", crate::servers::PASSWORD);
        let out = out.output().unwrap();
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    let (code, said) = check(&mut Command::new(agent));
    assert!(code == Some(0) && said.contains("[bureau-reached]") && !said.contains("[bureau-clock-differs]"), "{said}");
    let (code, said) = check(&mut another_day(agent, 40));
    let told = ["[bureau-clock-differs]", "[machine-certificate-ended]", "[bureau-reached]"];
    assert!(code == Some(0) && told.iter().all(|code| said.contains(code)), "{said}");
    // With one that has ended nothing is sent, and the package waits.
    bureau.kill();
    bureau.serve_in(40);
    let mut submit = another_day(agent, 40);
    let out = submit.current_dir(site.folder.path()).args(["--lang", "en"]).args(SUBMIT).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.code() == Some(2) && said.contains("[machine-certificate-ended]"), "{said}");
    assert_eq!((state(&site).as_str(), receipts(&site).len()), ("queued", 0));
    bureau.kill();
    bureau.serve();
    // A machine that was lost: its certificate is revoked, and whoever has it gets a signed refusal.
    bureau.ok(&["revoke", &serial(&site, MACHINE), "--reason", "电脑丢失"]);
    site.refused(&SUBMIT, 1, &["submission-refused", "certificate-revoked"]);
    assert_eq!((state(&site).as_str(), receipts(&site).len()), ("refused", 1));
    site.refused(&["enroll", "--renew"], 1, &["bureau-declined", "certificate-revoked"]);
    // Another machine enrols with a new code; what people signed is as good as it was.
    site.ok(&["enroll", "--code", &bureau.code(&[])]);
    site.ok(&SUBMIT);
    assert_eq!((state(&site).as_str(), receipts(&site).len()), ("delivered", 2));
    site.ok(&["log", "verify"]);
}

#[test]
fn the_nearest_deadline_goes_first() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    let mut digests = Vec::new();
    for month in ["2025-06", "2025-04", "2025-05"] {
        sign_month(&site, month);
        let queue = ["submit", "--period", month, "--as", "wu", "--queue-only"];
        site.ok(&queue);
        let sign = ["sign", "--form", "B203", "--period", month, "--format", "csv"];
        digests.push(crate::csv(&site.ok(&sign))[0]["digest"].clone());
    }
    let log = fs::File::create(site.path("run.log")).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_taizhang"));
    let mut run = run.current_dir(site.folder.path()).args(["--lang", "en", "run"]).stderr(log).spawn().unwrap();
    let sent = || {
        let log = fs::read_to_string(site.path("run.log")).unwrap();
        let lines = log.lines().filter(|line| line.contains("[package-delivered]"));
        lines.filter_map(|line| digests.iter().position(|digest| line.contains(digest))).collect::<Vec<_>>()
    };
    let begun = Instant::now();
    while sent().len() < 3 && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(100));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(sent(), [1, 2, 0], "April, May, June");
}
