//! Bad input and bad luck: each is a named error with place and hint and the exit code of its kind, and leaves what was sealed as it was.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use crate::{
    Site,
    servers::{PASSWORD, Postgres},
};

const BOOK: &str = r#"[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1
"#;

/// What must be as it was after something went wrong.
struct Kept {
    log: String,
    files: BTreeMap<PathBuf, u64>,
    balances: String,
}

/// Files under a folder with their sizes; SQLite's side files come and go with the connections, and a lock file holds nothing.
fn files(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, meta) = (entry.path(), entry.metadata().unwrap());
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if meta.is_dir() {
            found.extend(files(&path));
        } else if name != ".lock" && !name.ends_with("-wal") && !name.ends_with("-shm") {
            let length = if name.ends_with(".parquet") { meta.len() } else { 0 };
            found.insert(path, length);
        }
    }
    found
}

fn kept(site: &Site) -> Kept {
    let log = site.ok(&["log", "show", "--format", "json"]);
    let balances = site.ok(&["balances", "--period", "2025-06", "--format", "csv"]);
    assert!(balances.lines().count() > 10, "{balances}");
    Kept { log, files: files(&site.path("taizhang-state")), balances }
}

/// Compares part by part, as a difference in all of it at once could not be read.
fn unchanged(site: &Site, before: &Kept, after: &str) {
    let now = kept(site);
    assert_eq!(now.files, before.files, "after: {after}");
    assert_eq!(now.balances, before.balances, "after: {after}");
    assert_eq!(now.log, before.log, "after: {after}");
}

/// The Tryton company, sealed, and how it is then.
fn sealed() -> (Site, Kept) {
    let site = Site::tryton(BOOK);
    site.ok(&["pull"]);
    let kept = kept(&site);
    (site, kept)
}

/// A pull with another configuration over the same state is refused and changes nothing.
fn refused(site: &Site, before: &Kept, config: &str, exit: i32, words: &[&str]) -> String {
    fs::write(site.path("bad.toml"), config).unwrap();
    let message = site.refused(&["-c", "bad.toml", "pull", "--full"], exit, words);
    assert!(message.contains("\n    hint: "), "no hint in: {message}");
    unchanged(site, before, &message);
    message
}

#[test]
fn what_the_erp_lacks_or_has_wrong_is_named_and_not_sealed() {
    let (site, before) = sealed();
    let database = site.path("tryton.sqlite");
    let whole = fs::read(&database).unwrap();
    let (line, number): (i64, String) = Connection::open(&database)
        .unwrap()
        .query_row(
            "SELECT l.id, m.number FROM account_move m JOIN account_move_line l ON l.move = m.id JOIN account_period p ON p.id = m.period
             WHERE m.company = 1 AND m.state = 'posted' AND p.start_date = '2025-03-01' ORDER BY l.id LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let amounts = "debit = CAST('0.01' AS BLOB), credit = CAST('0.00' AS BLOB)";
    let cases = [
        ("ALTER TABLE account_journal RENAME TO gone".to_owned(), 2, "[table-missing] book hz", "account_journal"),
        ("ALTER TABLE account_move_line RENAME COLUMN credit TO gone".to_owned(), 2, "[source-column-missing] book hz", "credit"),
        (
            format!("UPDATE account_move_line SET {amounts} WHERE id = {line}"),
            1,
            "[voucher-unbalanced] book hz, 2025-03",
            &format!(", {number}: the voucher does not balance: debit "),
        ),
        (
            format!("UPDATE account_move_line SET account = 999999 WHERE id = {line}"),
            1,
            "[account-unknown] book hz, 2025-03",
            &format!(", {number}: account #999999 is not in the chart"),
        ),
    ];
    for (change, exit, code, word) in cases {
        let connection = Connection::open(&database).unwrap();
        connection.execute_batch(&format!("PRAGMA foreign_keys = off; PRAGMA legacy_alter_table = on; {change}")).unwrap();
        assert!(change.starts_with("ALTER") || connection.changes() == 1, "{change}");
        drop(connection);
        refused(&site, &before, BOOK, exit, &[code, word]);
        fs::write(&database, &whole).unwrap();
    }
    // With the ERP as it was, nothing has changed at all.
    assert_eq!(site.ok(&["pull", "--full", "--format", "csv"]).lines().count(), 1);
}

#[test]
fn wrong_configurations_are_told_at_once_with_their_places() {
    let site = Site::new(
        "[unit]\nnaem = \"x\"\n\n[[book]]\nid = \"hz\"\nconector = \"tryton\"\nsource.sqlite = \"x\"\nsource.pasword.env = \"X\"\n",
    );
    let message = site.refused(
        &["pull"],
        2,
        &[
            "error[key-unknown] agent.toml:2:1: there is no key \"naem\" here\n    hint: The nearest key is name.",
            "agent.toml:6:1: there is no key \"conector\" here\n    hint: The nearest key is connector.",
            "agent.toml:8:8: there is no key \"pasword\" here\n    hint: The nearest key is password.",
        ],
    );
    assert_eq!(message.matches("error[").count(), 3, "{message}");
    fs::write(site.path("agent.toml"), "[[book]]\nid = \nconnector = 'tryton\n\n[state\n").unwrap();
    let message = site.refused(&["pull"], 2, &["error[text-unquoted] agent.toml:2:", "agent.toml:3:", "agent.toml:5:"]);
    assert!(message.contains("\n    hint: "), "{message}");
    fs::write(site.path("agent.toml"), BOOK.replace("company = 1", "compani = 1")).unwrap();
    site.refused(&["pull"], 2, &["error[variable-missing] agent.toml:", "error[variable-unknown] agent.toml:"]);
    fs::write(
        site.path("agent.toml"),
        format!("{BOOK}source.password.env = \"NO_SUCH\"\n").replace("sqlite = \"tryton.sqlite\"", "odbc = \"DSN=x\"").replace(
            "variables.company = 1\nsource.password.env = \"NO_SUCH\"",
            "source.password.env = \"NO_SUCH\"\nvariables.company = 1",
        ),
    )
    .unwrap();
    site.refused(&["pull"], 2, &["error[secret-missing] book hz", "NO_SUCH", "hint: "]);
    site.refused(
        &["pull", "--book", "hs"],
        2,
        &["error[book-unknown] agent.toml", "\"hs\"", "hint: Books of the configuration: hz."],
    );
    site.refused(&["-c", "none.toml", "pull"], 2, &["error[config-missing] none.toml", "hint: "]);
    assert!(
        !site.path("taizhang-state/state.sqlite").exists() || site.ok(&["log", "show", "--format", "csv"]).lines().count() == 1
    );
}

fn odbc(source: &str, user: &str, query: &str) -> String {
    let source = source.replace("UID=postgres", &format!("UID={user}"));
    format!(
        "[[book]]\nid = \"hz\"\nconnector = \"generic-sql\"\nsource.odbc = \"{source}\"\n\
         source.password.env = \"TAIZHANG_TEST_PASSWORD\"\nextract.accounts.query = \"{query}\"\nextract.entries.query = \"{query}\"\n"
    )
}

/// Processes that `parent` started and that are readers.
fn readers(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    processes
        .filter(|id| {
            // `pid (name) state parent …`; a process may be gone by now.
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let after = stat.rsplit(") ").next().unwrap_or_default();
            after.split(' ').nth(1).and_then(|text| text.parse().ok()) == Some(parent)
                && fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.contains("reader"))
        })
        .collect()
}

/// Waits for what comes within a minute.
fn soon<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} did not come");
        sleep(Duration::from_millis(10));
    }
}

fn start(site: &Site, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
    command.current_dir(site.folder.path()).args(["--lang", "en"]).args(args).env("TAIZHANG_TEST_PASSWORD", PASSWORD);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_source_that_refuses_and_a_reader_that_is_killed_are_named() {
    let (site, before) = sealed();
    let server = Postgres::start();
    let source = server.odbc("postgres");
    server.sql("postgres", "CREATE ROLE other LOGIN PASSWORD 'another one'");
    server.sql("postgres", &format!("CREATE ROLE poor LOGIN PASSWORD '{PASSWORD}'"));
    server.sql("postgres", "CREATE TABLE chart (account text, name text, class text)");
    let chart = "SELECT account, name, class FROM chart";
    for (config, exit, words) in [
        (odbc(&source, "other", chart), 3, ["error[source-credentials] book hz", "other"]),
        (odbc(&source, "poor", chart), 3, ["error[source-forbidden] book hz", "chart"]),
        (odbc(&source, "postgres", "SELECT account FROM charts"), 2, ["error[table-missing] book hz", "charts"]),
        (odbc(&source, "postgres", "SELECT code FROM chart"), 2, ["error[source-column-missing] book hz", "code"]),
        (
            odbc(&source, "postgres", "WITH x AS (DELETE FROM chart RETURNING *) SELECT * FROM x"),
            2,
            ["error[query-writes] book hz", "read-only transaction"],
        ),
        (
            odbc(&source.replace("PostgreSQL Unicode", "Postgres 99"), "postgres", chart),
            3,
            ["error[driver-missing] book hz", "Postgres 99"],
        ),
        (
            odbc("Driver={PostgreSQL Unicode};Server=127.0.0.1;Port=1;Database=x;UID=postgres", "postgres", chart),
            3,
            ["error[source-unreachable] book hz", "refused"],
        ),
    ] {
        refused(&site, &before, &config, exit, &words);
    }

    let slow = odbc(&source, "postgres", "SELECT '1001' AS account, pg_sleep(300)::text AS name, 'asset' AS class");
    fs::write(site.path("slow.toml"), slow).unwrap();
    let pull = start(&site, &["-c", "slow.toml", "pull", "--full"]);
    let reader = soon("the reader", || {
        let asleep = server.sql(
            "postgres",
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(300)%' AND pid <> pg_backend_pid()",
        );
        readers(pull.id()).first().copied().filter(|_| asleep.trim() == "1")
    });
    let shown = String::from_utf8_lossy(&fs::read(format!("/proc/{reader}/cmdline")).unwrap()).into_owned();
    assert!(shown.contains("reader") && !shown.contains(PASSWORD), "a secret in the process list: {shown}");
    // While the book is being read, nobody else works on it.
    site.refused(&["pull", "--full"], 3, &["error[book-locked] book hz", "hint: "]);
    assert!(Command::new("kill").args(["-9", &reader.to_string()]).status().unwrap().success());
    let out = pull.wait_with_output().unwrap();
    named(&out, 3, &["error[reader-failed] book hz", "signal: 9", "hint: "]);
    unchanged(&site, &before, "");
    // The lock went with the process.
    site.ok(&["pull", "--full"]);
    secrets(&site);
}

fn named(out: &Output, exit: i32, words: &[&str]) {
    let message = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(exit), "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
    assert!(!message.contains(PASSWORD) && !String::from_utf8_lossy(&out.stdout).contains(PASSWORD), "a secret in: {message}");
}

/// The password is in no file that the program wrote.
fn secrets(site: &Site) {
    let mut folders = vec![site.path("taizhang-state")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                assert!(!bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()), "a secret in {}", path.display());
            }
        }
    }
}

/// Runs a script where `taizhang` is the program; `before` is what the shell is started by.
fn script(site: &Site, before: &[&str], script: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_taizhang")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let words: Vec<&str> = before.iter().copied().chain(["sh", "-c", script]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(site.folder.path()).env("PATH", path).output().unwrap()
}

/// Whether tests run as root, who is forbidden nothing.
fn root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

#[test]
fn a_file_size_limit_is_a_full_disk() {
    let (site, before) = sealed();
    // The signal must be ignored, as it is for services: otherwise the system ends the process, and the state is as it was too.
    for (limit, signal) in [(1, "trap '' XFSZ; "), (8, "trap '' XFSZ; ")] {
        let out = script(&site, &[], &format!("{signal}ulimit -f {limit}; exec taizhang --lang en pull --full"));
        named(&out, 3, &["error[disk-full]", "hint: Make room"]);
        unchanged(&site, &before, "");
    }
    let out = script(&site, &[], "ulimit -c 0; ulimit -f 8; exec taizhang --lang en pull --full");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&out.status), Some(25), "SIGXFSZ");
    // What the ended process left is taken away by the next one.
    site.ok(&["pull"]);
    unchanged(&site, &before, "");
}

/// Measures are written with every pull, as all of them are read; entries only where they changed.
#[test]
fn measures_meet_a_full_disk_too_and_leave_nothing_behind() {
    let site = Site::tryton(&format!("{BOOK}variables.sales = true\nvariables.stock = true\n"));
    let sealed = site.ok(&["pull", "--format", "csv"]);
    assert!(sealed.lines().count() > 10, "{sealed}");
    let before = kept(&site);
    let measures = site.path("taizhang-state/snapshots/hz+measures");
    assert!(before.files.keys().any(|path| path.starts_with(&measures)), "{:?}", before.files);
    let out = script(&site, &[], "trap '' XFSZ; ulimit -f 1; exec taizhang --lang en pull");
    named(&out, 3, &["error[disk-full]", "hint: Make room"]);
    site.ok(&["pull"]);
    unchanged(&site, &before, "a pull with room");
}

#[test]
fn a_full_disk_is_named_and_leaves_what_was_sealed() {
    let site = Site::tryton(&format!("[state]\ndir = \"disk/state\"\n\n{BOOK}"));
    fs::create_dir(site.path("disk")).unwrap();
    let own: &[&str] = if root() { &["unshare", "--mount"] } else { &["unshare", "--map-root-user", "--mount"] };
    if !script(&site, own, "mount -t tmpfs -o size=64k tmpfs disk").status.success() {
        // Where containers forbid mounting, the limit on file sizes above stands for it.
        return;
    }
    // A disk of its own that nobody else sees and that goes with the shell: filled to the brim, then with too little room.
    let out = script(
        &site,
        own,
        "set -e; mount -t tmpfs -o size=32m tmpfs disk
         say() { taizhang --lang en log show --format json; taizhang --lang en balances --period 2025-06 --format csv; find disk/state/snapshots -name '*.*' ! -name .lock | sort; }
         taizhang --lang en pull > out.txt; say > before.txt
         for room in 0 48 160; do
           head -c 64m /dev/zero > disk/fill 2> out.txt || true
           truncate -s -${room}k disk/fill
           status=0; taizhang --lang en pull --full > out.txt 2> $room.txt || status=$?
           echo $status >> $room.txt; rm disk/fill; say > after.txt; cmp before.txt after.txt
         done",
    );
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    for room in ["0", "48", "160"] {
        let said = fs::read_to_string(site.path(&format!("{room}.txt"))).unwrap();
        assert!(
            said.contains("error[disk-full] disk/state") && said.contains("hint: Make room") && said.ends_with("\n3\n"),
            "{room}: {said}"
        );
    }
}

#[test]
fn a_state_folder_that_cannot_be_written_is_named() {
    let (site, before) = sealed();
    // Root without the capability to pass over rights is forbidden what others are.
    let own: &[&str] = &["setpriv", "--inh-caps", "-all", "--bounding-set", "-dac_override,-dac_read_search"];
    let own = if root() { own } else { &[] };
    let folders = ["taizhang-state/snapshots/hz", "taizhang-state/snapshots", "taizhang-state"].map(|path| site.path(path));
    let rights = |mode: u32| {
        folders.iter().for_each(|folder| fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap());
        for (path, mode) in [("state.sqlite", mode & 0o666), ("snapshots/hz/.lock", mode & 0o666)] {
            fs::set_permissions(site.path("taizhang-state").join(path), Permissions::from_mode(mode)).unwrap();
        }
    };
    rights(0o555);
    let pull = script(&site, own, "taizhang --lang en pull --full");
    rights(0o755);
    named(&pull, 3, &["error[file-forbidden] taizhang-state", "hint: Give the account"]);
    unchanged(&site, &before, "");

    fs::create_dir(site.path("shut")).unwrap();
    fs::set_permissions(site.path("shut"), Permissions::from_mode(0o555)).unwrap();
    fs::write(site.path("shut.toml"), format!("[state]\ndir = \"shut/state\"\n{BOOK}")).unwrap();
    named(&script(&site, own, "taizhang -c shut.toml --lang en pull"), 3, &["error[file-forbidden] shut/state"]);
    unchanged(&site, &before, "");
}

#[test]
fn indicators_in_a_circle_and_divisions_by_zero_are_named_and_build_nothing() {
    let (site, before) = sealed();
    fs::write(site.path("forms.toml"), format!("{BOOK}\n[[form]]\ncode = \"B203\"\nmapping = [\"layer.toml\"]\n")).unwrap();
    let layer = |cells: &[(&str, &str)]| {
        let cell = |(code, formula): &(&str, &str)| format!("[cell.\"B203:{code}\"]\nformula = \"{formula}\"\nwhy = \"x\"\n");
        fs::write(site.path("layer.toml"), format!("title = \"x\"\n{}", cells.iter().map(cell).collect::<String>())).unwrap();
    };
    for verb in [&["mapping", "check"][..], &["build", "--period", "2025-06"][..]] {
        let args = [&["-c", "forms.toml"], verb].concat();
        layer(&[("201", "[202] + 1"), ("202", "[201] - 1")]);
        let circle = "B203:201 → B203:202 → B203:201";
        site.refused(&args, 2, &["error[indicators-cyclic] layer.toml:3:12: ", circle, "\n    hint: "]);
        unchanged(&site, &before, "a circle");
        layer(&[("201", "QM(1.1.1.01) / 0")]);
        site.refused(&args, 2, &["error[division-by-zero] layer.toml:3:27: ", "\n    hint: "]);
        unchanged(&site, &before, "a written zero");
    }
    // A zero that only this month has is found when the figures are there.
    layer(&[("201", "QM(1.1.1.01) / (QM(1.1.1.01) - QM(1.1.1.01))")]);
    site.ok(&["-c", "forms.toml", "mapping", "check"]);
    let words = ["error[division-by-zero] B203:201 (layer.toml:3:12)", "\n    hint: "];
    site.refused(&["-c", "forms.toml", "build", "--period", "2025-06"], 1, &words);
    unchanged(&site, &before, "a zero of the month");
}
