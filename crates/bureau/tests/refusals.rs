/*! What is refused, each by its own name, and each with a signed receipt. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::collections::BTreeSet;

use common::{Bureau, OTHER, Order, Site, UNIT, month_ago, now, reasons, receipt};
use seal::{Limits, Moment, Profile, Role, Time, Trust};

fn before(days: u64) -> Time {
    Time::from_unix(now().unix() - days * 86_400).unwrap()
}

/// Packages that no honest agent can make: a signature in a role that its certificate does not have, and containers that are more than they seem,
/// made by Python's own ZIP library.
fn shapes(bureau: &Bureau, site: &Site) -> Vec<(&'static str, Vec<u8>)> {
    let whole = site.bytes(&Order { roles: vec![Role::Preparer], ..Order::default() });
    let mut files = seal::container::read(&whole, Limits::default()).unwrap();
    for (from, to) in [
        ("META-INF/signature-preparer.p7s", "META-INF/signature-head.p7s"),
        ("META-INF/ASiCManifest-preparer.xml", "META-INF/ASiCManifest-head.xml"),
    ] {
        let bytes = files.remove(from).unwrap();
        files.insert(to.to_owned(), bytes);
    }
    let other_role = seal::container::write(&files, Limits::default()).unwrap();
    let script = "import sys, zipfile
kind, path = sys.argv[1:]
with zipfile.ZipFile(path, 'w', zipfile.ZIP_STORED) as out:
    out.writestr('mimetype', 'application/vnd.etsi.asic-e+zip')
    if kind == 'bomb':
        out.writestr('report.json', bytes(256 << 20), zipfile.ZIP_DEFLATED)
    if kind == 'many':
        for number in range(20000):
            out.writestr(f'f{number}', b'')
    if kind == 'path':
        out.writestr('../../etc/passwd', b'x')
";
    let made = |kind: &str| {
        let path = bureau.path(&format!("{kind}.asice"));
        let out = std::process::Command::new("python3").args(["-c", script, kind]).arg(&path).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        std::fs::read(path).unwrap()
    };
    let bomb = made("bomb");
    assert!(bomb.len() < 1 << 20, "a quarter of a gigabyte in {} bytes", bomb.len());
    vec![
        ("signature-role-refused", other_role),
        ("container-compressed", bomb),
        ("container-too-many-files", made("many")),
        ("container-file-name", made("path")),
    ]
}

#[test]
fn each_wrong_is_named_on_a_signed_receipt() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    let other = bureau.unit(OTHER);
    let mine = |order: Order| site.bytes(&order);
    let trust = Trust { roots: bureau.roots(), revoked: Vec::new(), moment: Moment::At(now()) };
    let same_hand = Site {
        unit: UNIT.to_owned(),
        preparer: bureau.person(UNIT, "李四", &["preparer", "statistician", "head"]),
        head: bureau.person(UNIT, "李四", &["preparer", "statistician", "head"]),
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("container-unknown", b"no container".to_vec()),
        ("container-too-large", vec![b'x'; (16 << 20) + 1]),
        ("signature-missing", mine(Order { roles: vec![Role::Preparer, Role::StatisticsHead], ..Order::default() })),
        ("signature-same-person", same_hand.bytes(&Order::default())),
        ("signature-time", mine(Order { at: now().plus(3600), ..Order::default() })),
        // Before the certificates were made.
        ("signature-time", mine(Order { at: before(90), ..Order::default() })),
        ("signature-of-another-unit", other.bytes(&Order::default())),
        ("package-of-another-unit", mine(Order { identity: |said| said.unit.code = OTHER.to_owned(), ..Order::default() })),
        (
            "package-schema-unknown",
            mine(Order { identity: |said| said.schema = "taizhang-package/9".to_owned(), ..Order::default() }),
        ),
        ("package-period-unfit", mine(Order { identity: |said| said.period = "2025-13".to_owned(), ..Order::default() })),
        ("package-period-refused", mine(Order { period: "2999-01".to_owned(), ..Order::default() })),
        ("package-period-refused", mine(Order { period: "2001-01".to_owned(), ..Order::default() })),
        ("package-form-unknown", mine(Order { identity: |said| said.forms[0].edition = "1999".to_owned(), ..Order::default() })),
        ("package-without-forms", mine(Order { identity: |said| said.forms.clear(), ..Order::default() })),
        ("package-form-doubled", mine(Order { identity: |said| said.forms.push(said.forms[0].clone()), ..Order::default() })),
        ("package-channel-differs", mine(Order { channel: "companion", filed: true, ..Order::default() })),
        ("package-channel-differs", mine(Order { form: "E203", ..Order::default() })),
        ("package-filing-missing", mine(Order { form: "E203", channel: "companion", ..Order::default() })),
        ("package-not-next", mine(Order { supersedes: Some("0".repeat(64)), ..Order::default() })),
        ("package-report-differs", mine(Order { report: |report| report.forms.clear(), ..Order::default() })),
        ("package-report-differs", mine(Order { report: |report| report.period = "2020-01".to_owned(), ..Order::default() })),
    ];
    let cases = [cases, shapes(&bureau, &site)].concat();
    for (code, bytes) in &cases {
        let (status, answer) = bureau.submit(UNIT, bytes, &[]);
        assert_eq!(status, 422, "{code}: {}", String::from_utf8_lossy(&answer));
        let said = reasons(&answer);
        assert!(said.iter().any(|reason| reason == code), "{code}: {said:?}");
        assert_eq!(receipt(&answer).verify(&trust).findings, [], "{code}");
        // The same refusal is not written twice.
        assert_eq!(bureau.submit(UNIT, bytes, &[]), (422, answer), "{code}");
    }
    // Much larger than anything that is taken: not even read.
    assert_eq!(bureau.submit(UNIT, &vec![b'x'; (32 << 20) + 1], &[]).0, 413);
    assert_eq!(bureau.json(&["reports"]).len(), 0, "nothing of all this is a report");

    // A person who may sign no more, then a machine.
    let bytes = mine(Order::default());
    bureau.run(&["revoke", &site.head.certificate.serial(), "--reason", "离职"]);
    let (status, answer) = bureau.submit(UNIT, &bytes, &[]);
    let places: Vec<&str> = receipt(&answer)
        .receipt
        .reasons
        .iter()
        .map(|reason| reason.place.clone())
        .map(|place| match place.as_str() {
            "statistician" => "statistician",
            "head" => "head",
            _ => "elsewhere",
        })
        .collect();
    assert_eq!(
        (status, reasons(&answer), places),
        (422, vec!["certificate-revoked".to_owned(); 2], vec!["statistician", "head"])
    );
    let serial =
        seal::Certificate::from_pem(&std::fs::read_to_string(bureau.path(&format!("{OTHER}.pem"))).unwrap()).unwrap()[0].serial();
    bureau.run(&["revoke", &serial, "--reason", "电脑丢失"]);
    let (status, answer) = bureau.submit(OTHER, &other.bytes(&Order::default()), &[]);
    assert_eq!((status, reasons(&answer)), (422, vec!["certificate-revoked".to_owned()]));
    assert!(bureau.output(&["log", "verify"]).status.success());
}

#[test]
fn expired_certificates_are_named_and_no_other_certificate_will_do() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    let bytes = site.bytes(&Order::default());
    let past = [before(30), before(1)];
    let valid = [before(1), now().plus(3600)];
    // A machine whose certificate ended yesterday comes in and is told.
    bureau.keep(UNIT, &bureau.issue(UNIT, "agent", &[Role::Agent], Profile::Machine, past));
    let (status, problem) = bureau.ask(UNIT, "/v1/messages", &[]);
    assert!(status == 403 && String::from_utf8_lossy(&problem).contains("certificate-expired"));
    let (status, answer) = bureau.submit(UNIT, &bytes, &[]);
    assert_eq!((status, reasons(&answer)), (422, vec!["certificate-expired".to_owned()]));
    // A person's certificate signs, and opens no connection.
    bureau.keep(UNIT, &bureau.issue(UNIT, "王五", &[Role::Preparer], Profile::Person, valid));
    let (status, answer) = bureau.submit(UNIT, &bytes, &[]);
    assert_eq!((status, reasons(&answer)), (422, vec!["client-certificate-unfit".to_owned()]));
    // A unit that is not in the register.
    bureau.keep(UNIT, &bureau.issue("91350300M0003002XD", "agent", &[Role::Agent], Profile::Machine, valid));
    let (status, answer) = bureau.submit(UNIT, &bytes, &[]);
    assert!(status == 422 && reasons(&answer).iter().any(|code| code == "bureau-unit-unknown"), "{:?}", reasons(&answer));
    // A person whose certificate ended before the package came, though not before it was signed.
    bureau.keep(UNIT, &bureau.issue(UNIT, "agent", &[Role::Agent], Profile::Machine, valid));
    let late = Site {
        unit: UNIT.to_owned(),
        preparer: bureau.issue(UNIT, "王五", &[Role::Preparer], Profile::Person, past),
        head: bureau.issue(UNIT, "张三", &[Role::StatisticsHead, Role::UnitHead], Profile::Person, valid),
    };
    let signed = late.bytes(&Order { at: before(2), ..Order::default() });
    let said = reasons(&bureau.submit(UNIT, &signed, &[]).1);
    assert!(said.iter().any(|code| code == "certificate-expired"), "{said:?}");
    // Old signatures of certificates that still hold.
    let long = [before(365), now().plus(3600)];
    let old = Site {
        unit: UNIT.to_owned(),
        preparer: bureau.issue(UNIT, "王五", &[Role::Preparer], Profile::Person, long),
        head: bureau.issue(UNIT, "张三", &[Role::StatisticsHead, Role::UnitHead], Profile::Person, long),
    };
    let (status, answer) = bureau.submit(UNIT, &old.bytes(&Order { at: before(61), ..Order::default() }), &[]);
    assert_eq!((status, reasons(&answer)), (422, vec!["signature-too-old".to_owned(); 3]));
    assert_eq!(bureau.submit(UNIT, &old.bytes(&Order { at: before(59), ..Order::default() }), &[]).0, 201);
}

#[test]
fn no_byte_of_a_package_can_change() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    let bytes = site.bytes(&Order::default());
    let mut codes = BTreeSet::new();
    let step = bytes.len() / 40;
    for at in (0..bytes.len()).step_by(step) {
        let mut other = bytes.clone();
        other[at] ^= 1;
        let (status, answer) = bureau.submit(UNIT, &other, &[]);
        assert_eq!(status, 422, "byte {at}");
        codes.extend(reasons(&answer));
    }
    assert!(codes.iter().all(|code| code.starts_with("container-")), "{codes:?}");
    // A whole container whose figure was changed: the signatures say so.
    let figure = site.package(&Order { figure: 101, ..Order::default() });
    let signed = site.package(&Order::default());
    let mut files = seal::container::read(&signed.write(Limits::default()).unwrap(), Limits::default()).unwrap();
    files.insert("report.json".to_owned(), figure.payload().get("report.json").unwrap().to_vec());
    let forged = seal::container::write(&files, Limits::default()).unwrap();
    let (status, answer) = bureau.submit(UNIT, &forged, &[]);
    assert_eq!(status, 422);
    assert!(reasons(&answer).iter().all(|code| code == "package-file-changed"), "{:?}", reasons(&answer));
    assert_eq!(bureau.submit(UNIT, &bytes, &[]).0, 201);
}

/// The receiver's own files, changed behind its back: each is found and named.
#[test]
fn a_changed_log_is_found() {
    if common::on_server() {
        // `tamper_server.rs` changes rows there.
        return;
    }
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    for figure in 1..4 {
        let order = Order { trial: true, figure, period: month_ago(u16::try_from(figure).unwrap()), ..Order::default() };
        assert_eq!(bureau.submit(UNIT, &site.bytes(&order), &[]).0, 201);
    }
    bureau.kill();
    bureau.run(&["log", "verify"]);
    let database = bureau.path("bureau-state/bureau.sqlite");
    let whole = || {
        let connection = rusqlite::Connection::open(&database).unwrap();
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE").unwrap();
        std::fs::read(&database).unwrap()
    };
    let original = whole();
    for (act, what) in [
        ("UPDATE entry SET record = CAST(replace(CAST(record AS TEXT), 'received', 'refused!') AS BLOB) WHERE leaf = 1", "entry"),
        ("UPDATE entry SET hash = (SELECT hash FROM entry WHERE leaf = 2) || 'x' WHERE leaf = 1", "entry"),
        ("DELETE FROM receipt WHERE leaf = 2; DELETE FROM entry WHERE leaf = 2", "checkpoint"),
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 1", "hash of a subtree"),
        ("UPDATE checkpoint SET note = replace(note, 'taizhang/bureau', 'taizhang/other')", "checkpoint"),
        ("UPDATE receipt SET body = x'00' WHERE leaf = 0", "receipt"),
        ("UPDATE receipt SET body = (SELECT body FROM receipt WHERE leaf = 1) WHERE leaf = 0", "receipt"),
        ("UPDATE blob SET bytes = CAST(bytes || x'00' AS BLOB)", "package"),
        ("UPDATE package SET payload = payload || 'x' WHERE id = 1", "package"),
        ("DELETE FROM receipt WHERE leaf = 0", "package"),
    ] {
        std::fs::write(&database, &original).unwrap();
        let connection = rusqlite::Connection::open(&database).unwrap();
        let names = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
        let triggers: Vec<String> =
            connection.prepare(names).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        triggers.iter().for_each(|name| connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap());
        connection.execute_batch(act).unwrap();
        drop(connection);
        let (exit, said) = bureau.fails(&["--lang", "en", "log", "verify"]);
        assert!(exit == 1 && said.contains("bureau-log-broken") && said.contains(what), "{act}: {said}");
    }
}
