//! Report drafts against hand calculations: every indicator, every column, every month.

use std::fs;

use serde_json::Value;

use crate::{
    Site, data,
    hand::{
        Books,
        How::{self, Expense, Missing, NoSource, Stock},
        MONTHS, Money, NONE, ODOO_ASSETS, ODOO_B203, ODOO_EQUITY, ODOO_LIABILITIES, ODOO_MORE,
        Side::{Credit, Debit},
        TRYTON_ASSETS, TRYTON_B203, TRYTON_EQUITY, TRYTON_LIABILITIES, TRYTON_MORE, columns, money, tables_are_whole, thousands,
        to_date, year_before,
    },
    servers::Postgres,
};

fn draft(site: &Site, form: &str, month: &str) -> Value {
    site.ok(&["build", "--form", form, "--period", month]);
    let text = site.ok(&["draft", "export", "--form", form, "--period", month, "--to", "json"]);
    let draft: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!((draft["form"].as_str(), draft["period"].as_str()), (Some(form), Some(month)));
    draft
}

fn cell<'a>(draft: &'a Value, id: &str) -> &'a Value {
    draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == id).unwrap_or_else(|| panic!("no cell {id}"))
}

fn raw(draft: &Value, id: &str, column: &str) -> Option<Money> {
    cell(draft, id)["columns"][column]["raw"].as_str().map(money)
}

/// Compares every indicator of a form, every column, every month; and the equations between them.
fn equals_hand_calculation(site: &Site, form: &str, books: &Books, tables: &[&[(&str, How)]], equity: How) {
    for month in MONTHS {
        let draft = draft(site, form, month);
        let mut known = 0;
        for cell in draft["cells"].as_array().unwrap() {
            let id = cell["id"].as_str().unwrap();
            let name = format!("{form}:{id} {}, {month}", cell["name"]);
            let (_, how) = tables.iter().copied().flatten().find(|(known, _)| *known == id).unwrap_or_else(|| panic!("{name}"));
            let status = cell["status"].as_str().unwrap();
            if matches!(how, Missing | NoSource) {
                let expected = if matches!(how, Missing) { "missing_account" } else { "missing_source" };
                assert_eq!(status, expected, "{name}");
                for (column, figure) in cell["columns"].as_object().unwrap() {
                    assert!(figure["value"].is_null() && figure["raw"].is_null(), "{name}, {column}: {figure}");
                }
                continue;
            }
            assert_eq!(status, "ok", "{name}");
            let columns = columns(*how, month);
            assert_eq!(cell["columns"].as_object().unwrap().len(), columns.len(), "{name}: {}", cell["columns"]);
            for (column, months) in columns {
                let figure = &cell["columns"][column];
                let Some(months) = months else {
                    assert_eq!(figure["status"], "before_first_period", "{name}, {column}");
                    assert!(figure["value"].is_null() && figure["raw"].is_null(), "{name}, {column}: {figure}");
                    continue;
                };
                let expected: Money = months.iter().map(|month| books.amount(*how, month)).sum();
                let raw = figure["raw"].as_str().map(money);
                assert_eq!(raw, Some(expected), "{name}, {column}: {figure}");
                assert_eq!(figure["value"].as_str(), Some(&*thousands(expected)), "{name}, {column}");
                known += 1;
            }
        }
        assert!(known > 30, "{known} figures in {month}");
        equations(&draft, form, books, equity, month);
    }
}

/// 资产 = 负债 + 所有者权益; 营业利润 from its parts; 利润总额 = 营业利润 + 营业外收支.
fn equations(draft: &Value, form: &str, books: &Books, equity: How, month: &'static str) {
    let Stock { side, accounts, by_party } = equity else { unreachable!("equity is a balance") };
    for (column, at) in [("closing", Some(month)), ("prior_year", year_before(month))] {
        let Some(at) = at else { continue };
        let (assets, debts) = (raw(draft, "213", column).unwrap(), raw(draft, "217", column).unwrap());
        assert_eq!(assets, debts + books.stock(at, side, accounts, by_party), "{form}, {month}, {column}");
    }
    for column in ["this_month", "cumulative"] {
        let of = |id: &str| raw(draft, id, column).unwrap_or(0);
        let built = of("301") - ["307", "309", "312", "313", "331", "317", "320", "333"].map(of).iter().sum::<Money>()
            + ["321", "322", "332", "330"].map(of).iter().sum::<Money>();
        assert_eq!(of("323"), built, "{form}:323, {month}, {column}");
        assert_eq!(of("327"), of("323") + of("325") - of("326"), "{form}:327, {month}, {column}");
    }
}

pub fn site(book: &str, forms: &[&str], layer: &str) -> Site {
    let forms: String = forms
        .iter()
        .map(|form| format!("[[form]]\ncode = \"{form}\"\nedition = \"2025\"\nbook = \"book\"\nmapping = [\"{layer}\"]\n\n"))
        .collect();
    let unit = "[unit]\nname = \"示例\"\ncode = \"913301060000000000\"\naccounting_standard = \"cas\"\n\n";
    let site = Site::tryton(&format!("{unit}{book}\n\n{forms}"));
    let layers = data("../../mappings/examples");
    fs::copy(layers.join(layer), site.path(layer)).unwrap();
    site
}

pub fn tryton_book(company: &str, more: &str) -> String {
    format!(
        "[[book]]\nid = \"book\"\nconnector = \"tryton\"\nsource.sqlite = \"tryton.sqlite\"\nvariables.company = {company}\n{more}"
    )
}

/// Posted lines of accounts that are kept by party, as Tryton's tables have them. A year-end period comes after its month.
pub fn tryton_lines(site: &Site, company: &str) -> Vec<(String, String, String, Money)> {
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let sql = "SELECT substr(p.start_date, 1, 7) || CASE p.type WHEN 'adjustment' THEN '+' ELSE '' END, a.code,
                      coalesce(l.party, ''), CAST(l.debit AS TEXT), CAST(l.credit AS TEXT)
               FROM account_move_line l JOIN account_move m ON m.id = l.move JOIN account_period p ON p.id = m.period
               JOIN account_account a ON a.id = l.account
               WHERE m.state = 'posted' AND a.company = ? AND a.code IN ('1.2.1', '2.1.1', '5.1.5.01')";
    let mut statement = database.prepare(sql).unwrap();
    let line = |row: &rusqlite::Row<'_>| {
        let party: rusqlite::types::Value = row.get(2)?;
        let (debit, credit): (String, String) = (row.get(3)?, row.get(4)?);
        Ok((row.get(0)?, row.get(1)?, format!("{party:?}"), money(&debit) - money(&credit)))
    };
    statement.query_map([company], line).unwrap().map(Result::unwrap).collect()
}

fn odoo_lines(server: &Postgres, company: &str) -> Vec<(String, String, String, Money)> {
    let sql = format!(
        "SELECT to_char(l.date, 'YYYY-MM'), a.code_store ->> '{company}', coalesce(l.partner_id, 0), l.debit - l.credit
         FROM account_move_line l JOIN account_move m ON m.id = l.move_id JOIN account_account a ON a.id = l.account_id
         WHERE m.state = 'posted' AND l.company_id = {company} AND a.code_store ->> '{company}' IN ('112200', '220200')"
    );
    let text = server.sql("odoo", &sql);
    let line = |line: &str| {
        let parts: Vec<&str> = line.split('|').collect();
        (parts[0].to_owned(), parts[1].to_owned(), parts[2].to_owned(), money(parts[3]))
    };
    text.lines().map(line).collect()
}

#[test]
fn tryton_drafts_equal_hand_calculations() {
    let site = site(&tryton_book("1", "first_period = \"2025-01\"\n"), &["B203", "E203"], "tryton-hz.toml");
    site.ok(&["pull"]);
    let books = Books::new("tryton", "1", &tryton_lines(&site, "1"));
    tables_are_whole(&books, [TRYTON_ASSETS, TRYTON_LIABILITIES, TRYTON_EQUITY]);
    // One figure worked out by hand, so that the tables themselves are held to something.
    // 营业收入 2025: 1,771,344.76 products + 16,800.00 repairs = 1,788,144.76 元 → 1,788 千元.
    assert_eq!(thousands(money("1788144.76")), "1788");
    let income = to_date("2025-12").iter().map(|month| books.amount(TRYTON_B203[6].1, month)).sum::<Money>();
    assert_eq!(income, money("1788144.76"));
    equals_hand_calculation(&site, "B203", &books, &[TRYTON_B203], TRYTON_EQUITY);
    equals_hand_calculation(&site, "E203", &books, &[TRYTON_B203, TRYTON_MORE], TRYTON_EQUITY);
}

#[test]
fn odoo_drafts_equal_hand_calculations() {
    let server = Postgres::start();
    server.load("odoo", &data("odoo/dump.sql.gz"));
    for (company, forms) in [("1", &["B203", "F203"][..]), ("4", &["B203"])] {
        let source = format!("source.odbc = \"{}\"\nsource.password.env = \"TAIZHANG_TEST_PASSWORD\"", server.odbc("odoo"));
        let book = format!(
            "[[book]]\nid = \"book\"\nconnector = \"odoo\"\nfirst_period = \"2025-01\"\n{source}\nvariables.company = {company}\n"
        );
        let site = site(&book, forms, "odoo-sz.toml");
        site.ok(&["pull"]);
        let books = Books::new("odoo", company, &odoo_lines(&server, company));
        tables_are_whole(&books, [ODOO_ASSETS, ODOO_LIABILITIES, ODOO_EQUITY]);
        for form in forms {
            equals_hand_calculation(&site, form, &books, &[ODOO_B203, ODOO_MORE], ODOO_EQUITY);
        }
    }
}

#[test]
fn a_branch_founded_in_the_year_has_a_whole_year() {
    let server = Postgres::start();
    server.load("odoo", &data("odoo/dump.sql.gz"));
    let source = format!("source.odbc = \"{}\"\nsource.password.env = \"TAIZHANG_TEST_PASSWORD\"", server.odbc("odoo"));
    let book =
        format!("[[book]]\nid = \"book\"\nconnector = \"odoo\"\nfirst_period = \"2025-01\"\n{source}\nvariables.company = 7\n");
    let site = site(&book, &["F203"], "odoo-sz.toml");
    // 苏州分公司 pays its selling expenses in cash that it does not have, from June on; it has no capital, no debts and no income.
    let books = Books::new("odoo", "7", &[]);
    let cash = Stock { side: Debit, accounts: &["100100"], by_party: NONE };
    let loss = Stock { side: Credit, accounts: &["660100"], by_party: NONE };
    for month in ["2025-05", "2025-06", "2025-12", "2026-02"] {
        let draft = draft(&site, "F203", month);
        assert_eq!(raw(&draft, "213", "closing"), Some(books.amount(cash, month)), "{month}");
        assert_eq!(raw(&draft, "217", "closing"), Some(0), "{month}");
        assert_eq!(raw(&draft, "218", "closing"), Some(books.amount(loss, month)), "{month}");
        let spent: Money = to_date(month).iter().map(|month| books.amount(Expense(&["660100"]), month)).sum();
        assert_eq!(raw(&draft, "312", "cumulative"), Some(spent), "{month}");
        assert_eq!(raw(&draft, "323", "cumulative"), Some(-spent), "{month}");
        assert_eq!(raw(&draft, "301", "this_month"), Some(0), "{month}: in the chart, without a line");
        equations(&draft, "F203", &books, loss, month);
    }
}

/// Tryton, company 2, keeps its book in US dollars.
#[test]
fn a_book_in_dollars_has_figures_only_with_rates() {
    let unit = |rates: &str| format!("{rates}{}", tryton_book("2", "first_period = \"2025-01\"\n"));
    let bare = site(&unit(""), &["E203"], "tryton-hz.toml");
    // A finding that blocks, a draft without a figure.
    bare.refused(&["build", "--form", "E203", "--period", "2025-06"], 1, &["USD", "2025-06"]);
    let text = bare.ok(&["draft", "export", "--form", "E203", "--period", "2025-06", "--to", "json"]);
    let draft: Value = serde_json::from_str(&text).unwrap();
    assert!(draft["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "rate-missing"), "{text}");
    for cell in draft["cells"].as_array().unwrap() {
        for (column, figure) in cell["columns"].as_object().unwrap() {
            assert!(figure["value"].is_null() && figure["raw"].is_null(), "{} {column}: {figure}", cell["id"]);
        }
    }
    for id in ["213", "217", "218", "301", "323", "401"] {
        assert_eq!(cell(&draft, id)["status"], "no_rate", "{id}");
    }

    // Rates that no two months share; the average of a month is not its last day's.
    let rate = |month: &str| 72_000 + 37 * MONTHS.iter().position(|at| *at == month).unwrap() as Money;
    let average = |month: &str| rate(month) - 11;
    let decimal = |rate: Money| format!("{}.{:04}", rate / 10_000, rate % 10_000);
    let mut table = "month,currency,rate,average\n".to_owned();
    for month in MONTHS {
        table += &format!("{month},EUR,8.0,8.1\n{month},USD,{},{}\n", decimal(rate(month)), decimal(average(month)));
    }
    let site = site(&unit("[rates]\nfile = \"rates.csv\"\n\n"), &["E203"], "tryton-hz.toml");
    fs::write(site.path("rates.csv"), &table).unwrap();
    // Nothing was kept of the draft without figures, so that a table is all that the first site lacked.
    assert_eq!(crate::csv(&bare.ok(&["draft", "list", "--format", "csv"])).len(), 0);
    fs::copy(site.path("agent.toml"), bare.path("agent.toml")).unwrap();
    fs::write(bare.path("rates.csv"), &table).unwrap();
    assert!(raw(&self::draft(&bare, "E203", "2025-06"), "213", "closing").is_some());
    let books = Books::new("tryton", "2", &tryton_lines(&site, "2"));
    for month in ["2025-01", "2025-06", "2025-12", "2026-02"] {
        let draft = self::draft(&site, "E203", month);
        for (id, how) in TRYTON_B203.iter().chain(TRYTON_MORE) {
            let present = draft["cells"].as_array().unwrap().iter().any(|cell| cell["id"] == *id);
            if !present || matches!(how, Missing | NoSource) {
                continue;
            }
            for (column, months) in columns(*how, month) {
                let Some(months) = months else { continue };
                let name = format!("{id}, {month}, {column}");
                let figure = &cell(&draft, id)["columns"][column];
                // Balances at the last day's rate; what happened, month by month at the average.
                let at = |month: &str| if matches!(how, Stock { .. }) { rate(month) } else { average(month) };
                let dollars: Money = months.iter().map(|month| books.amount(*how, month)).sum();
                let yuan: Money = months.iter().map(|month| books.amount(*how, month) * at(month)).sum();
                assert_eq!(yuan % 10_000, 0, "cents times four decimals are exact");
                let yuan = yuan / 10_000;
                assert_eq!(figure["raw"].as_str().map(money), Some(yuan), "{name}: {figure}");
                assert_eq!(figure["value"].as_str(), Some(&*thousands(yuan)), "{name}");
                assert_eq!(figure["original"]["currency"], "USD", "{name}: {figure}");
                assert_eq!(figure["original"]["raw"].as_str().map(money), Some(dollars), "{name}");
            }
        }
        let of = |id| raw(&draft, id, "closing").unwrap();
        assert_eq!(of("213"), of("217") + of("218"), "{month}");
    }

    // The rate of June's last day is put right. A draft that stands on it says so and is not handed in; others have no balance of June.
    let people = format!(
        "{}\n[[person]]\nid = \"wu\"\nname = \"吴静\"\nroles = [\"preparer\"]\n",
        fs::read_to_string(site.path("agent.toml")).unwrap()
    );
    fs::write(site.path("agent.toml"), people).unwrap();
    let told = |month: &str| {
        let out = site.run(&["draft", "show", "--form", "E203", "--period", month]);
        String::from_utf8(out.stderr).unwrap().lines().find(|line| line.contains("[rates-changed]")).map(str::to_owned)
    };
    let (old, new) = (rate("2025-06"), rate("2025-06") + 10_000);
    let june = |rate: Money| format!("2025-06,USD,{},", decimal(rate));
    assert_eq!(table.matches(&june(old)).count(), 1);
    // What it does not use does not matter.
    fs::write(site.path("rates.csv"), table.replace(",EUR,8.0,", ",EUR,8.2,")).unwrap();
    assert_eq!(told("2025-06"), None);
    fs::write(site.path("rates.csv"), table.replace(&june(old), &june(new))).unwrap();
    let line = told("2025-06").unwrap();
    assert!(
        line.starts_with("warning")
            && line.ends_with("the rates of USD for 2025-06 changed in the table since the draft was built"),
        "{line}"
    );
    for month in ["2025-01", "2025-12", "2026-02"] {
        assert_eq!(told(month), None, "{month}");
    }
    // So do the lists, for that month alone.
    let listed = |args: &[&str], month: &str| {
        let rows = crate::csv(&site.ok(args));
        rows.iter().find(|row| row["form"] == "E203" && row["period"] == month).map(|row| row["stale"].clone())
    };
    let (list, status) = (["draft", "list", "--format", "csv"], ["status", "--date", "2025-07-10", "--format", "csv"]);
    for (month, marks) in [("2025-01", ""), ("2025-06", "rates-changed"), ("2025-12", "")] {
        assert_eq!(listed(&list, month).as_deref(), Some(marks), "{month}");
    }
    assert_eq!(listed(&status, "2025-06").as_deref(), Some("rates-changed"));
    assert!(site.ok(&["draft", "list"]).contains("rates changed, build again"));
    let review = ["review", "--form", "E203", "--period", "2025-06", "--as", "wu"];
    site.refused(&review, 1, &["error[rates-changed] E203, 2025-06, book book"]);
    let before = raw(&bare_draft(&site, "2025-06"), "213", "closing").unwrap();
    let after = raw(&self::draft(&site, "E203", "2025-06"), "213", "closing").unwrap();
    assert_eq!(before * new, after * old, "the same dollars");
    assert_eq!(told("2025-06"), None);
    assert_eq!([listed(&list, "2025-06"), listed(&status, "2025-06")], [Some(String::new()), Some(String::new())]);
}

/// A draft as it is kept, whatever has changed since.
fn bare_draft(site: &Site, month: &str) -> Value {
    serde_json::from_str(&site.ok(&["draft", "export", "--form", "E203", "--period", month, "--to", "json"])).unwrap()
}

/// Without `first_period` the books themselves say where they begin: balances with the opening voucher, turnover with the month after.
#[test]
fn last_year_is_missing_where_the_books_do_not_reach() {
    let site = site(&tryton_book("1", ""), &["B203"], "tryton-hz.toml");
    // The opening voucher of 2024-12 says what there was at the end of that year.
    let draft = draft(&site, "B203", "2025-12");
    // 52,000 cash + 3,860,000 bank + 640,000 receivable + 2,400,000 machines − 360,000 depreciation.
    assert_eq!(raw(&draft, "213", "prior_year"), Some(money("6592000.00")));
    // 455,000 payable + 1,000,000 loan + 118,000 wages.
    assert_eq!(raw(&draft, "217", "prior_year"), Some(money("1573000.00")));
    // It says nothing about what was sold in it.
    for column in ["prior_year_month", "prior_year"] {
        let figure = &cell(&draft, "301")["columns"][column];
        assert!(figure["value"].is_null() && figure["raw"].is_null(), "{figure}");
        assert_eq!(figure["status"], "before_first_period");
    }
}
