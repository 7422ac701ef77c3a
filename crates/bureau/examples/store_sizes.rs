/*!
How large tables and indexes of a province are in PostgreSQL, what the receiver's statements cost there, and whether partitions by period would help.

`store_sizes UNITS MONTHS` fills a private server with made rows (three forms a package, one receipt and one entry each; bytes of packages elsewhere, receipts and
entries cut short, because only their number matters to an index) and prints lines of `name value unit`.
*/
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that cannot start must fail, and reports on the terminal"
)]

#[path = "../tests/common/postgres.rs"]
mod postgres;

use std::time::Instant;

use bureau::{db::Server, sql::MIGRATIONS};
use postgres::Postgres;

/// Made codes, digests and periods: `u` is a unit, `m` a month, `n` the number of a package.
const CODE: &str = "'91350100M' || lpad(CAST(u AS TEXT), 9, '0')";
const PERIOD: &str = "to_char(DATE '2024-11-01' + CAST(m || ' months' AS INTERVAL), 'YYYY-MM')";
const DIGEST: &str = "encode(sha256(convert_to(CAST(n AS TEXT), 'UTF8')), 'hex')";

fn main() {
    let mut args = std::env::args().skip(1).map(|text| text.parse::<u64>().unwrap());
    let (units, months) = (args.next().unwrap_or(10_000), args.next().unwrap_or(24));
    let server = Postgres::start(&["fsync=off", "max_wal_size=8GB", "maintenance_work_mem=256MB", "shared_buffers=512MB"]);
    Server::new(&server.url("owner"), None).unwrap().migrate(MIGRATIONS, "receiver", "2026-11-25T00:00:00Z").unwrap();
    let sql = |text: &str| server.sql("bureau", text);
    let all = format!(
        "(SELECT u, m, m * {units} + u + 1 AS n FROM generate_series(0, {months} - 1) m, generate_series(0, {units} - 1) u) AS made"
    );
    let begun = Instant::now();
    for (table, columns, values) in [
        ("unit", "id, at, code, name, region, industry, channels, source", "n, '', {code}, 'unit', '350100', '3411', '{}', ''"),
        ("blob", "sha256, bytes", "{digest}, ''"),
        ("package", "id, at, unit, payload, content, trial", "n, '2026-11-25T00:00:00Z', {code}, {digest}, {digest}, 0"),
        (
            "receipt",
            "id, at, unit, payload, content, accepted, reasons, leaf, body",
            "n, '2026-11-25T00:00:00Z', {code}, {digest}, {digest}, 1, '[]', n - 1, sha256('')",
        ),
        ("entry", "leaf, kind, hash, record", "n - 1, 'receipt', {digest}, sha256('')"),
    ] {
        let values = values.replace("{code}", CODE).replace("{digest}", DIGEST);
        let one = if table == "unit" { "WHERE m = 0" } else { "" };
        sql(&format!("INSERT INTO {table} ({columns}) SELECT {values} FROM {all} {one} ORDER BY n"));
    }
    sql(&format!(
        "INSERT INTO node SELECT l, p, sha256('') FROM generate_series(0, 40) l, LATERAL generate_series(0, {} / CAST(2 ^ l AS BIGINT) - 1) p",
        units * months
    ));
    let report = "id, package, unit, form, edition, period, file, channel, trial, version, previous";
    let reports = format!(
        "SELECT (n - 1) * 3 + f + 1, n, {CODE}, ('{{B203,B204-1,205-1}}'::text[])[f + 1], '2025', {PERIOD}, 'report.json', 'official', 0, 1, NULL \
         FROM {all}, generate_series(0, 2) f ORDER BY 1"
    );
    sql(&format!("INSERT INTO report ({report}) {reports}"));
    sql("ANALYZE");
    println!("filled {} s", begun.elapsed().as_secs());
    println!("units {units} units\nmonths {months} months\nreports {} rows", sql("SELECT COUNT(*) FROM report").trim());
    let sizes = "SELECT c.relname, pg_relation_size(c.oid) FROM pg_class c WHERE c.relkind IN ('r', 'i') \
                 AND c.relnamespace = 'public'::regnamespace AND pg_relation_size(c.oid) > 1000000 ORDER BY 2 DESC";
    for line in sql(sizes).lines() {
        let (name, bytes) = line.split_once('|').unwrap();
        println!("{name} {} MiB", bytes.parse::<u64>().unwrap() >> 20);
    }
    // The same reports in a table that is parted by period, with an empty part for a month to come.
    sql("CREATE TABLE parted (LIKE report, UNIQUE (unit, form, edition, period, trial, version)) PARTITION BY LIST (period);
         CREATE INDEX ON parted (package)");
    for month in 0..=months {
        let count = 2024 * 12 + 10 + month;
        let period = format!("{}-{:02}", count / 12, count % 12 + 1);
        sql(&format!("CREATE TABLE parted_{month} PARTITION OF parted FOR VALUES IN ('{period}')"));
    }
    sql("INSERT INTO parted SELECT * FROM report; ANALYZE parted");
    let code = format!("91350100M{:09}", units / 2);
    let time = |name: &str, text: &str| {
        // PostgreSQL says milliseconds with three decimals: without the point they are microseconds.
        let run = || {
            let said = sql(&format!("EXPLAIN (ANALYZE, SUMMARY) {text}"));
            let line =
                said.lines().find_map(|line| line.strip_prefix("Execution Time: ")).unwrap().trim_end_matches(" ms").to_owned();
            let whole: String = line.chars().filter(char::is_ascii_digit).collect();
            whole.parse::<u64>().unwrap()
        };
        let best = (0..5).map(|_| run()).min().unwrap();
        println!("{name} {best} us");
    };
    for table in ["report", "parted"] {
        let where_ = format!("unit = '{code}' AND form = 'B203' AND edition = '2025' AND period = '2025-06' AND trial = 0");
        time(&format!("{table}_newest"), &format!("SELECT id FROM {table} WHERE {where_} ORDER BY version DESC LIMIT 1"));
        time(
            &format!("{table}_of_unit"),
            &format!(
                "SELECT form FROM {table} WHERE unit = '{code}' AND period = '2025-06' AND trial = 0 ORDER BY form, version"
            ),
        );
        time(&format!("{table}_of_month"), &format!("SELECT form, COUNT(*) FROM {table} WHERE period = '2025-06' GROUP BY form"));
        let begun = Instant::now();
        let more = units.min(100_000);
        sql(&format!(
            "INSERT INTO {table} SELECT 1000000000 + u, 1, {CODE}, 'B203', '2025', (SELECT MAX(period) FROM {table}), 'f', 'official', 1, 1, NULL \
             FROM generate_series(0, {more} - 1) u ORDER BY random()"
        ));
        println!("{table}_insert {} rows/s", more * 1000 / u64::try_from(begun.elapsed().as_millis()).unwrap().max(1));
    }
}
