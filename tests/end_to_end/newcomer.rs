//! What a newcomer stumbles over: rights that lack, files that do not parse, months that are not there, drafts that are out of date.

use std::fs;

use serde_json::Value;

use crate::{
    Site, csv, data,
    servers::{PASSWORD, Postgres},
};

const CONFIG: &str = r#"
[unit]
name = "杭州西溪精密机械有限公司"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1

[[form]]
code = "B203"
mapping = ["layer.toml"]
"#;

/// 营业外收入: an account that the book does not have.
const ABSENT: &str = "\n[cell.\"B203:325\"]\nformula = \"coalesce(SL(6301,, 贷), 0)\"\nwhy = \"没有这类收入\"\n";

fn site() -> Site {
    let site = Site::tryton(CONFIG);
    fs::write(site.path("layer.toml"), "title = \"本单位\"\n").unwrap();
    site
}

/// What a verb says on stderr; it must succeed.
fn told(site: &Site, args: &[&str]) -> String {
    let out = site.run(args);
    let text = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{args:?}: {text}");
    text
}

fn export(site: &Site, period: &str) -> Value {
    serde_json::from_str(&site.ok(&["draft", "export", "--form", "B203", "--period", period, "--to", "json"])).unwrap()
}

fn cell<'a>(draft: &'a Value, id: &str) -> &'a Value {
    draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == id).unwrap()
}

#[test]
fn check_names_every_query_that_the_account_may_not_run() {
    let server = Postgres::start();
    server.load("tryton", &data("tryton/dump.sql.gz"));
    let reader = format!("CREATE ROLE taizhang LOGIN PASSWORD '{PASSWORD}'");
    for sql in
        [&*reader, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO taizhang", "REVOKE SELECT ON account_move_line FROM taizhang"]
    {
        server.sql("tryton", sql);
    }
    let odbc = server.odbc("tryton").replace("UID=postgres", "UID=taizhang");
    let source = format!("source.odbc = \"{odbc}\"\nsource.password = {{ env = \"TAIZHANG_TEST_PASSWORD\" }}");
    let site =
        Site::new(&CONFIG.replace("source.sqlite = \"tryton.sqlite\"", &source).replace("mapping = [\"layer.toml\"]\n", ""));
    // Told once, with every query that it stops.
    let message = site.refused(&["check"], 3, &["error[source-forbidden] book hz, entries", "account_move_line", "fingerprint"]);
    assert_eq!(message.matches("source-forbidden").count(), 1, "{message}");
    server.sql("tryton", "GRANT SELECT ON account_move_line TO taizhang");
    site.ok(&["check"]);
    // A wrong password stops everything, and is told once for both books.
    let twice = fs::read_to_string(site.path("agent.toml")).unwrap();
    let second = twice[twice.find("[[book]]").unwrap()..twice.find("[[form]]").unwrap()].replace("id = \"hz\"", "id = \"hz2\"");
    fs::write(site.path("agent.toml"), format!("{twice}\n{second}").replace("UID=taizhang", "UID=nobody")).unwrap();
    let message = site.refused(&["check"], 3, &["book hz", "book hz2"]);
    assert_eq!(message.matches("error[").count(), 1, "{message}");
}

#[test]
fn a_changed_mapping_is_told_apart_from_changed_vouchers() {
    let site = site();
    site.ok(&["build", "--period", "2025-06"]);
    let layer = format!("{}{ABSENT}", fs::read_to_string(site.path("layer.toml")).unwrap());
    fs::write(site.path("layer.toml"), layer).unwrap();
    let args = ["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "csv"];
    let message = told(&site, &args);
    assert!(message.contains("warning[mapping-changed]") && !message.contains("evidence-changed"), "{message}");
    let message = told(&site, &["explain", "B203:325", "--period", "2025-06"]);
    assert!(!message.contains("evidence-changed"), "{message}");
    assert!(site.ok(&["draft", "show", "--form", "B203", "--period", "2025-06"]).contains("mapping changed"));
    let notes = export(&site, "2025-06")["findings"].as_array().unwrap().clone();
    assert!(notes.iter().any(|note| note["code"] == "mapping-changed"), "{notes:?}");
    // Nobody hands in what the mapping would not build again.
    let config = format!("{CONFIG}\n[[person]]\nid = \"wu\"\nname = \"吴静\"\nroles = [\"preparer\"]\n");
    fs::write(site.path("agent.toml"), config).unwrap();
    let review = ["review", "--form", "B203", "--period", "2025-06", "--as", "wu"];
    site.refused(&review, 1, &["error[mapping-changed] B203, 2025-06, book hz"]);
    // The ERP changes too: both are told.
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let sql = "UPDATE account_move_line SET account = (SELECT id FROM account_account WHERE code = '5.2.2.04' AND company = 1) WHERE id IN \
               (SELECT l.id FROM account_move_line l JOIN account_move m ON m.id = l.move JOIN account_account a ON a.id = l.account \
               WHERE m.company = 1 AND m.state = 'posted' AND a.code = '5.2.2.03' AND m.date LIKE '2025-06%')";
    assert!(database.execute(sql, []).unwrap() > 0);
    site.ok(&["pull", "--full"]);
    let message = told(&site, &args);
    assert!(message.contains("mapping-changed") && message.contains("evidence-changed"), "{message}");
    // What was built again is up to date; what moved is counted once.
    let built = csv(&site.ok(&["build", "--period", "2025-06", "--format", "csv"]));
    assert_eq!((built[0]["version"].as_str(), built[0]["result"].as_str()), ("2", "built"));
    let moved: u32 = built[0]["moved"].parse().unwrap();
    assert!(moved >= 2, "the cell of the layer and those of the vouchers: {moved}");
    let again = csv(&site.ok(&["build", "--period", "2025-06", "--format", "csv"]));
    assert_eq!((again[0]["version"].as_str(), again[0]["moved"].as_str(), again[0]["result"].as_str()), ("2", "0", "unchanged"));
    assert_eq!(again[0]["operation"], built[0]["operation"]);
    assert!(!told(&site, &args).contains("-changed"));
    let versions = csv(&site.ok(&["ledger", "versions", "B203:325", "--period", "2025-06", "--format", "csv"]));
    assert_eq!(versions.iter().map(|row| row["version"].as_str()).collect::<Vec<_>>(), ["1", "2"]);
    // A layer that cannot be read does not hide the draft.
    fs::write(site.path("layer.toml"), "title = \n").unwrap();
    assert!(told(&site, &args).contains("warning[text-unquoted]"));
}

#[test]
fn a_form_that_is_added_changes_nothing_for_those_that_do_not_refer_to_it() {
    let site = site();
    let person = "\n[[person]]\nid = \"wu\"\nname = \"吴静\"\nroles = [\"preparer\"]\n";
    fs::write(site.path("agent.toml"), format!("{CONFIG}{person}")).unwrap();
    site.ok(&["build", "--period", "2025-06"]);
    let added = |form: &str, more: &str| {
        let config = format!("{CONFIG}{person}\n[[form]]\ncode = \"{form}\"\nedition = \"2025\"\nbook = \"hz\"\n{more}");
        fs::write(site.path("agent.toml"), config).unwrap();
        told(&site, &["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "csv"])
    };
    assert!(!added("F203", "").contains("-changed"));
    // Its own layer, with nothing in it that B203 asks for.
    let layer = "title = \"服务业\"\n[cell.\"F203:325\"]\nformula = \"1 - 1\"\nwhy = \"没有\"\n";
    fs::write(site.path("services.toml"), layer).unwrap();
    assert!(!added("F203", "mapping = [\"services.toml\"]\n").contains("-changed"));
    let built = csv(&site.ok(&["build", "--period", "2025-06", "--format", "csv"]));
    let versions: Vec<_> = built.iter().map(|row| (row["form"].as_str(), row["result"].as_str())).collect();
    assert_eq!(versions, [("B203", "unchanged"), ("F203", "built")]);
    // A layer that says what an item is says it to every form.
    let item = format!("{layer}\n[item.other_income]\nformula = \"2 - 2\"\nwhy = \"没有\"\n");
    fs::write(site.path("services.toml"), item).unwrap();
    let message = told(&site, &["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "csv"]);
    assert!(message.contains("warning[mapping-changed]"), "{message}");
    site.refused(&["review", "--form", "B203", "--period", "2025-06", "--as", "wu"], 1, &["error[mapping-changed] B203"]);
    // Rules of B203 look at B204-1, and apply once it is there.
    assert!(added("B204-1", "").contains("warning[mapping-changed]"));
}

#[test]
fn a_month_that_was_not_read_has_no_figures_and_is_not_kept() {
    let site = site();
    fs::write(site.path("layer.toml"), format!("title = \"本单位\"\n{ABSENT}")).unwrap();
    site.ok(&["pull"]);
    for (month, code, status) in
        [("2027-05", "period-beyond", "not_read"), ("2024-06", "before-first-period", "before_first_period")]
    {
        site.refused(&["build", "--period", month], 1, &[&format!("error[{code}] B203, {month}, book hz")]);
        let draft = export(&site, month);
        for id in ["301", "325", "213", "320"] {
            assert_eq!(cell(&draft, id)["status"], status, "{month} {id}");
        }
        assert!(draft["findings"].as_array().unwrap().iter().any(|note| note["code"] == code));
        let shown = site.run(&["draft", "show", "--form", "B203", "--period", month]);
        assert!(String::from_utf8_lossy(&shown.stderr).contains(&format!("warning[{code}]")));
    }
    assert!(site.ok(&["draft", "show", "--form", "B203", "--period", "2027-05", "--lang", "zh"]).contains("【未读到】"));
    // Looking writes nothing, whatever the month.
    export(&site, "2025-06");
    site.ok(&["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "xlsx", "--out", "b.xlsx"]);
    assert_eq!(csv(&site.ok(&["draft", "list", "--format", "csv"])).len(), 0);
    assert_eq!(csv(&site.ok(&["ledger", "show", "--format", "csv"])).len(), 0);
    assert_eq!(csv(&site.ok(&["log", "show", "--format", "csv"])).len(), 1);
    // Months that the ERP has opened before the first entry are not sealed.
    let folder = site.path("taizhang-state/snapshots/hz");
    let sealed = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(
        sealed
            .min_by(|a, b| a.trim_start_matches('.').cmp(b.trim_start_matches('.')))
            .map(|name| name[..7].to_owned())
            .as_deref(),
        Some("2024-12")
    );
    for (period, code) in [("2024-06", "before-books"), ("2025-03+adj", "adjustment-none"), ("2026-04", "period-beyond")] {
        let message = told(&site, &["balances", "--period", period]);
        assert!(message.contains(&format!("warning[{code}] book hz, {period}")), "{message}");
    }
    let message = told(&site, &["balances", "--period", "2025-12+adj", "--without-closing"]);
    assert!(message.contains("note[turnover-without-closing]"), "{message}");
}

#[test]
fn explain_takes_codes_of_the_standard_and_says_which_accounts_there_are() {
    let site = site();
    let lines = |account: &str| {
        let args = ["explain", "B203:301", "--period", "2026-02", "--account", account, "--lines", "0", "--format", "csv"];
        csv(&site.ok(&args)).len()
    };
    assert_eq!((lines("4.1.1.01"), lines("6001"), lines("6051")), (12, 12, 1));
    let said = ["error[account-not-in-figure]", "4.1.1.01 主营业务收入—产品销售收入、4.1.2.01"];
    site.refused(&["explain", "B203:301", "--period", "2026-02", "--account", "9999"], 2, &said);
    // As people type it, and why a layer says something else.
    fs::write(site.path("layer.toml"), format!("title = \"本单位\"\n{ABSENT}")).unwrap();
    let text = site.ok(&["explain", "b203：325", "--period", "2026年2月", "--lang", "zh"]);
    assert!(text.contains("理由：没有这类收入") && text.contains("(0.00 元"), "{text}");
}

#[test]
fn what_is_wrong_with_a_configuration_has_its_line() {
    let site = site();
    let config = CONFIG.replace("[unit]\n", "[unit]\ncode = \"91330106MA00000007\"\n");
    let refused = |from: &str, to: &str, said: &str| {
        fs::write(site.path("agent.toml"), config.replacen(from, to, 1)).unwrap();
        site.refused(&["check"], 2, &[said]);
    };
    refused("x", "x", "error[credit-code-unfit] agent.toml:3:8: ");
    refused("x", "x", "check character 3");
    refused("MA00000007", "MA0000000", "error[credit-code-length] agent.toml:3:8: ");
    refused("\"tryton\"", "\"trytn\"", "error[connector-unknown] agent.toml:8:13, book hz");
    refused("company = 1", "compani = 1", "error[variable-unknown] agent.toml:10:21, book hz");
    refused("\"B203\"", "\"b203\"", "error[form-unknown] agent.toml:13:8");
    refused("\"B203\"", "\"b203\"", "the nearest is B203");
    refused("code = \"B203\"", "code = \"B203\"\nbook = \"hx\"", "error[book-unknown] agent.toml:14:8");
    refused("[unit]\n", "[unit]\naccounting_standard = \"CAS\"\n", "error[standard-unknown] agent.toml:3:23");
    // The book of another company: which there are, with their names.
    refused("company = 1", "company = 99", "there are: company = 1 (杭州西溪精密机械有限公司), company = 2 (");
    let message = site.refused(&["check"], 2, &["book-absent"]);
    assert!(!message.contains("Integer") && !message.contains("chart-empty"), "{message}");
    // An account that the book does not have, in a layer.
    fs::write(site.path("agent.toml"), CONFIG).unwrap();
    fs::write(site.path("layer.toml"), "title = \"x\"\n[accounts.\"4.1.1.1\"]\nis = \"6001\"\nwhy = \"x\"\n").unwrap();
    let message = told(&site, &["mapping", "check"]);
    assert!(message.contains("warning[decision-idle] book hz, layer.toml:2:11") && message.contains("4.1.1.01"), "{message}");
    fs::write(site.path("layer.toml"), "title = \"x\"\n[accounts.\"4.1.1.01\"]\nis = \"6002\"\n").unwrap();
    site.refused(&["mapping", "check"], 2, &["error[key-missing] layer.toml:2:1: why"]);
    // A folder that is not there starts where the person is.
    fs::write(site.path("layer.toml"), "title = \"x\"\n").unwrap();
    let args = ["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "json", "--out", "none/x.json"];
    site.refused(&args, 2, &["error[folder-missing] none/x.json", "--out starts where you are"]);
    // The kind may be said as a format.
    assert!(site.ok(&["draft", "export", "--form", "B203", "--period", "2025-06", "--format", "csv"]).starts_with("form,"));
}

#[test]
fn the_command_line_is_told_in_chinese_too() {
    let site = site();
    for (args, said) in [
        (vec!["build", "--period", "2025-13"], "参数 --period <PERIOD> 的值“2025-13”不可用：月份写成 YYYY-MM"),
        (vec!["build"], "缺少参数：--period <PERIOD>"),
        (vec!["biuld"], "没有命令 biuld，是否要写 build"),
        (vec!["pull", "--ful"], "没有参数 --ful，是否要写 --full"),
    ] {
        let chinese = [&args[..], &["--lang", "zh"]].concat();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_taizhang"));
        let out = command.current_dir(site.folder.path()).args(&chinese).output().unwrap();
        let message = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(2) && message.starts_with(&format!("错误：{said}")), "{message}");
        assert!(!site.refused(&args, 2, &["error: "]).contains("错误"));
    }
}

#[test]
fn init_writes_the_forms_and_takes_packs_of_ones_own() {
    let site = Site::tryton("");
    fs::remove_file(site.path("agent.toml")).unwrap();
    site.refused(&["init", "--sqlite", "tryton.sqlite", "--form", "B230"], 2, &["error[form-unknown] --form", "nearest is B203"]);
    let pack = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/connectors/tryton/connector.toml")).unwrap();
    fs::create_dir(site.path("own")).unwrap();
    fs::write(site.path("own/connector.toml"), pack.replacen("name = \"tryton\"", "name = \"own\"", 1)).unwrap();
    let message = told(&site, &["init", "--sqlite", "tryton.sqlite", "--form", "b203", "--industry", "C3489", "--pack", "own"]);
    assert!(message.contains("note[config-complete]"), "{message}");
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    assert!(config.contains("industry = \"C3489\"") && config.contains("\n[[form]]\ncode = \"B203\""), "{config}");
    site.ok(&["build", "--period", "2025-06"]);
    // A database that is like nothing known.
    rusqlite::Connection::open(site.path("empty.sqlite")).unwrap().execute("CREATE TABLE other (x)", []).unwrap();
    site.refused(&["init", "--sqlite", "empty.sqlite", "--out", "x.toml"], 1, &["error[erp-unknown]"]);
}

#[test]
fn a_misspelt_variable_of_a_pack_is_named_with_its_query() {
    let pack = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/connectors/tryton/connector.toml")).unwrap();
    let site = Site::tryton(&CONFIG.replace("\"tryton\"", "\"./own\"").replace("mapping = [\"layer.toml\"]\n", ""));
    fs::create_dir(site.path("own")).unwrap();
    let at = pack.find("[extract.periods]").unwrap();
    let wrong = format!("{}{}", &pack[..at], pack[at..].replacen("{company}", "{compny}", 1));
    fs::write(site.path("own/connector.toml"), wrong).unwrap();
    let said = ["warning[variable-stray] book hz, periods", "Did you mean {company}", "book hz, periods: the database refused"];
    for verb in [&["check"][..], &["connector", "test"]] {
        site.refused(verb, 2, &said);
    }
}

#[test]
fn notes_of_one_kind_are_told_with_what_each_of_them_says() {
    let site = site();
    let message = told(&site, &["build", "--period", "2025-06"]);
    assert_eq!(message.matches("[account-missing]").count(), 1, "{message}");
    for line in ["    B203:322 (", "    B203:325 ("] {
        assert!(message.contains(line), "{message}");
    }
    assert!(message.contains("6111") && message.contains("6301"), "each with its own account: {message}");
    // Nothing of an owner's is missed on a form of activity.
    let rows = csv(&site.ok(&["mapping", "coverage", "--format", "csv"]));
    let left = rows.iter().filter(|row| row["reach"] == "none" && row["class"] != "equity");
    let left = left.map(|row| row["amount"].parse::<model::Amount>().unwrap());
    let left = left.fold(model::Amount::ZERO, |sum, amount| {
        sum.checked_add(if amount < model::Amount::ZERO { amount.checked_neg().unwrap() } else { amount }).unwrap()
    });
    let message = told(&site, &["mapping", "coverage"]);
    assert_eq!(message.contains("money-unmapped"), !left.is_zero(), "{message}");
    assert!(left.is_zero() || message.contains(&left.fixed(2)), "{message}");
}
