/*!
Who may come where: every route × every role × the own area and another, against a matrix that is written here by hand and not taken from the table.
And what stands in the log afterwards of whoever saw values.
*/
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::collections::BTreeSet;

use bureau::pages::ROUTES;
use common::{
    Bureau, OTHER, Order, UNIT,
    people::{Visitor, ask},
    period, receipt,
};

/// Each route, and for admin, reviewer, reader, town, officer whether it may come: `y` or `-`. `unit`: about a unit, so only of the own area.
/// `person`: about somebody of the bureau, so only of the own area.
const MATRIX: &[(&str, &str, &str, &str)] = &[
    ("GET", "/", "yyyyy", ""),
    ("GET", "/units", "-yyy-", ""),
    ("GET", "/units/{unit}", "-yyy-", "unit"),
    ("GET", "/units/{unit}/{form}/{edition}/{period}", "-yy--", "unit values"),
    ("GET", "/units/{unit}/{form}/{edition}/{period}/changes", "-yy--", "unit values"),
    ("GET", "/units/{unit}/{form}/{edition}/{period}/package", "-yy--", "unit values"),
    ("GET", "/units/{unit}/{form}/{edition}/{period}/receipt", "-yy--", "unit values"),
    ("GET", "/units/{unit}/{form}/{edition}/{period}/csv", "-yy--", "unit values"),
    ("POST", "/units/{unit}/{form}/{edition}/{period}/query", "-y---", "unit values"),
    ("POST", "/units/{unit}/{form}/{edition}/{period}/return", "-y---", "unit values"),
    ("POST", "/units/{unit}/{form}/{edition}/{period}/accept", "-y---", "unit values"),
    ("GET", "/queries", "-yy--", ""),
    ("GET", "/staff", "y----", ""),
    ("POST", "/staff", "y----", ""),
    ("GET", "/staff/{person}", "y----", "person"),
    ("POST", "/staff/{person}/change", "y----", "person"),
    ("POST", "/staff/{person}/invite", "y----", "person"),
    ("POST", "/staff/{person}/close", "y----", "person"),
    ("GET", "/views", "y---y", ""),
    ("GET", "/account", "yyyyy", ""),
    ("POST", "/account/password", "yyyyy", ""),
    ("POST", "/account/second", "yyyyy", ""),
    ("POST", "/account/second/code", "yyyyy", ""),
    ("POST", "/account/second/end", "yyyyy", ""),
    ("POST", "/account/sessions", "yyyyy", ""),
    ("POST", "/lang", "yyyyy", ""),
    ("GET", "/login", "yyyyy", "open"),
    ("GET", "/welcome", "yyyyy", "open"),
    ("POST", "/login", "yyyyy", "open"),
    ("POST", "/login/code", "yyyyy", "open"),
    ("POST", "/welcome", "yyyyy", "open"),
    ("POST", "/logout", "yyyyy", ""),
];

const ROLES: [&str; 5] = ["admin", "reviewer", "reader", "town", "officer"];

/// Where the own area is, and where another.
const AREA: &str = "350100";
const TOWN: &str = "350100001";

/// A bureau with a unit here and one elsewhere that have reported, and somebody of each role.
fn peopled() -> (Bureau, Vec<Visitor>) {
    let mut bureau = Bureau::new().with_pages();
    // The register knows the towns: a unit of which it knows the county alone is in no town.
    let towns = format!("code,name,region\n{UNIT},示例机械有限公司,350100001012\n{OTHER},示例商贸有限公司,350200001012\n");
    std::fs::write(bureau.path("towns.csv"), towns).unwrap();
    bureau.run(&["unit", "import", "towns.csv"]);
    for role in ROLES {
        bureau.works(&format!("{role}1"), &[role], if role == "town" { TOWN } else { AREA });
    }
    bureau.works("here", &["reader"], AREA);
    bureau.works("there", &["reader"], "350200");
    bureau.serve();
    for unit in [UNIT, OTHER] {
        let site = bureau.unit(unit);
        let first = site.package(&Order::default());
        let (status, answer) = bureau.submit(unit, &first.write(seal::Limits::default()).unwrap(), &[]);
        receipt(&answer);
        assert_eq!(status, 201);
        let order = Order { figure: 200, supersedes: Some(first.digest().to_string()), ..Order::default() };
        assert_eq!(bureau.submit(unit, &site.bytes(&order), &[]).0, 201);
    }
    let visitors = ROLES.iter().map(|role| bureau.signs_in(&format!("{role}1"))).collect();
    (bureau, visitors)
}

fn address(path: &str, unit: &str, person: &str) -> String {
    let filled =
        path.replace("{unit}", unit).replace("{form}", "B203").replace("{edition}", "2025").replace("{period}", &period());
    let filled = filled.replace("{person}", person);
    if filled.ends_with("/changes") { filled + "?old=1&new=2" } else { filled }
}

#[test]
fn everybody_comes_where_the_matrix_says_and_nowhere_else() {
    let routes: BTreeSet<String> =
        ROUTES.iter().map(|route| format!("{} {}", if route.act { "POST" } else { "GET" }, route.path)).collect();
    let written: BTreeSet<String> = MATRIX.iter().map(|(method, path, ..)| format!("{method} {path}")).collect();
    assert_eq!(routes, written, "the table of routes and the matrix name the same");
    assert_eq!(ROUTES.len(), MATRIX.len());
    for route in ROUTES {
        let line = MATRIX.iter().find(|(method, path, ..)| *path == route.path && (*method == "POST") == route.act).unwrap();
        assert_eq!((route.area, route.values), (line.3.contains("unit"), line.3.contains("values")), "{}", route.path);
    }

    let (bureau, visitors) = peopled();
    let mut wrong = Vec::new();
    for (at, visitor) in visitors.iter().enumerate() {
        let token = visitor.token();
        for (method, path, may, about) in MATRIX {
            let may = may.as_bytes()[at] == b'y';
            let own = (UNIT, "here");
            let foreign = (OTHER, "there");
            for (here, (unit, person)) in [(true, own), (false, foreign)] {
                let bound = about.contains("unit") || about.contains("person");
                if !here && !bound {
                    continue;
                }
                let address = address(path, unit, person);
                let seen = match *method {
                    "GET" => visitor.get(&address),
                    // Signing out is the last line; what an act is given here is refused where it is understood, and never by rights.
                    _ => visitor.post(&address, &token, &[("id", "x y")]),
                };
                let right = match (may, here) {
                    (false, _) => seen.status == 403,
                    (true, false) => seen.status == 404,
                    (true, true) if *method == "GET" => seen.status == 200,
                    // Nothing that opens: no session comes of it.
                    (true, true) if about.contains("open") => {
                        matches!(seen.status, 401 | 403) && seen.header("set-cookie").is_none()
                    }
                    (true, true) => matches!(seen.status, 200 | 303 | 409 | 422) && !seen.location().starts_with("/login?"),
                };
                if !right {
                    wrong.push(format!("{} {method} {address}: {} {}", ROLES[at], seen.status, seen.location()));
                }
            }
        }
        // Whoever signed out is nobody.
        assert_eq!(visitor.get("/").location(), "/login?next=%2F&over=1");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // Without a session every page leads to signing in, and every act does nothing.
    for (method, path, _, about) in MATRIX.iter().filter(|line| line.3 != "open") {
        let seen = ask(bureau.pages(), &address(path, UNIT, "here"), if *method == "POST" { &["--data", "x=1"] } else { &[] });
        assert!(seen.status == 303 && seen.location().starts_with("/login"), "{method} {path} {about}: {}", seen.status);
    }

    // Each look at values that was let in is a row, and so an entry; of those that were not there is none.
    let looked = |who: &str| -> usize {
        let events = bureau.json(&["log", "list"]);
        events.iter().filter(|row| row["event"] == "viewed" && row["by"] == who && row["unit"] == UNIT).count()
    };
    assert_eq!((looked("reviewer1"), looked("reader1")), (8, 5));
    let all = bureau.json(&["log", "list"]);
    assert_eq!(all.iter().filter(|row| row["event"] == "viewed").count(), 13);
    let verified = bureau.output(&["log", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[test]
fn an_act_without_its_token_or_from_elsewhere_does_nothing() {
    let (bureau, visitors) = peopled();
    let reviewer = &visitors[1];
    let token = reviewer.token();
    let query = address("/units/{unit}/{form}/{edition}/{period}/query", UNIT, "");
    let fields = [("cause", "rule"), ("text", "请说明发生了什么，附合同。")];
    assert_eq!(reviewer.post(&query, "another token of that length, to be sure", &fields).status, 403);
    let sent = format!("token={token}&cause=rule&text=x");
    for header in ["Origin: https://elsewhere.example", "Sec-Fetch-Site: cross-site"] {
        assert_eq!(reviewer.with(&query, &["--header", header, "--data", &sent]).status, 403, "{header}");
    }
    assert_eq!(reviewer.with("/", &["--header", "Host: elsewhere.example"]).status, 421);
    assert!(bureau.json(&["messages"]).is_empty());
    let seen = reviewer.get(&address("/units/{unit}/{form}/{edition}/{period}", UNIT, ""));
    assert_eq!((seen.header("cache-control"), seen.header("x-frame-options")), (Some("no-store"), Some("DENY")));
    assert!(seen.header("content-security-policy").unwrap().starts_with("default-src 'none'"));

    // Another's token is no token either; a closed account is out with the next request.
    assert_eq!(reviewer.post(&query, &visitors[0].token(), &fields).status, 403);
    bureau.run(&["staff", "close", "reviewer1"]);
    assert_eq!(reviewer.get("/units").location(), "/login?next=%2Funits&over=1");
    // What the account was is no way back in, once it is opened again.
    bureau.run(&["staff", "change", "reviewer1"]);
    let form = ["person=reviewer1".to_owned(), format!("password={}", common::people::PASSWORD)];
    let sent: Vec<&str> = form.iter().flat_map(|field| ["--data-urlencode", field]).collect();
    assert_eq!(ask(bureau.pages(), "/login", &sent).status, 401);
    bureau.signs_in("reviewer1");
}
