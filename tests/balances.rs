/*!
The built program on a real Tryton database: figures against Tryton's own ledger, and what a person gets when something is wrong.
*/
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::{
    fs::{self, File},
    io::copy,
    path::Path,
    process::{Command, Output},
};

const CONFIG: &str = r#"
[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1
"#;

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tryton/tryton.sqlite.gz");
    let mut database = File::create(folder.path().join("tryton.sqlite")).unwrap();
    copy(&mut flate2::read::GzDecoder::new(File::open(packed).unwrap()), &mut database).unwrap();
    fs::write(folder.path().join("agent.toml"), config).unwrap();
    folder
}

fn balances(folder: &Path, book: &str, period: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
    command.arg("-c").arg(folder.join("agent.toml")).args(["balances", "--book", book, "--period", period, "--format", "csv"]);
    command.output().unwrap()
}

fn refused(output: &Output, code: i32, words: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(code), true), "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn the_trial_balance_equals_the_oracle() {
    let folder = folder(CONFIG);
    let before = fs::read(folder.path().join("tryton.sqlite")).unwrap();
    let output = balances(folder.path(), "hz", "2025-01");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("account,name,opening,debit,credit,closing\n"));
    // From oracle.csv, company 1, 2025-01; all rows and periods are compared in crates/journal/tests/tryton.rs.
    assert!(text.contains("\n5.2.2.05,研发费用—人员人工,0.00,42480.00,0.00,42480.00\n"), "{text}");
    assert!(text.contains("\n2.2.3.02,应交税费—应交增值税（销项税额）,0.00,0.00,12918.15,-12918.15\n"), "{text}");
    assert_eq!(before, fs::read(folder.path().join("tryton.sqlite")).unwrap(), "the ERP is only ever read");
}

#[test]
fn wrong_configuration_is_exit_2_with_a_place() {
    let typo = folder(&CONFIG.replace("connector", "conector"));
    refused(&balances(typo.path(), "hz", "2025-01"), 2, &["agent.toml", "line 4", "conector", "`connector`"]);
    let good = folder(CONFIG);
    refused(&balances(good.path(), "sz", "2025-01"), 2, &["\"sz\"", "hz"]);
    refused(&balances(good.path(), "hz", "2025-13"), 2, &["YYYY-MM"]);
    let bare = folder(&CONFIG.replace("variables.company = 1", "variables.company = \"one\""));
    refused(&balances(bare.path(), "hz", "2025-01"), 2, &["variables.company", "company_company.id"]);
}

#[test]
fn a_source_that_cannot_be_read_is_exit_3() {
    let folder = folder(CONFIG);
    fs::remove_file(folder.path().join("tryton.sqlite")).unwrap();
    refused(&balances(folder.path(), "hz", "2025-01"), 3, &["book hz", "tryton.sqlite", "unable to open"]);
    fs::write(folder.path().join("tryton.sqlite"), "no database at all, just words").unwrap();
    refused(&balances(folder.path(), "hz", "2025-01"), 3, &["not a database"]);
}
