/*! Screens among units over a real store: their verdicts are those of a computation in another language over what was sent. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    process::{Command, Stdio},
};

use common::{Bureau, Order, Site, month_ago, period};
use model::{Amount, CreditCode, CreditCodeError};
use seal::Limits;
use serde_json::{Value, json};
use survey::{document::Draft, filing::Report};

/// Made units: their codes are as the standard wants them.
fn units(count: usize) -> Vec<String> {
    let code = |at: usize| {
        let stem = format!("91350100MA{at:07}");
        match format!("{stem}0").parse::<CreditCode>() {
            Err(CreditCodeError::Check { wanted }) => format!("{stem}{wanted}"),
            _ => format!("{stem}0"),
        }
    };
    (1..=count).map(code).collect()
}

/// A number that looks like chance and is the same in every run.
fn chance(words: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in words.join("/").bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 29;
    hash.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

/// Figures of a unit's report: units are of very different sizes, most change a little, and some stand out.
fn fill(report: &mut Report) {
    let (unit, period) = (report.unit.code.clone(), report.period.clone());
    for cell in &mut report.forms[0].cells {
        let size = 20 + chance(&[&unit, &cell.id]) % 10_u64.pow(2 + (chance(&[&unit]) % 4) as u32);
        let columns = &mut cell.columns;
        for (name, column) in [
            ("this_month", &mut columns.this_month),
            ("cumulative", &mut columns.cumulative),
            ("closing", &mut columns.closing),
            ("prior_year", &mut columns.prior_year),
        ] {
            let Some(column) = column else { continue };
            let seed = [unit.as_str(), &period, &cell.id, name];
            let percent = 90 + chance(&seed) % 20;
            let wild = chance(&[&seed.concat(), "wild"]).is_multiple_of(25);
            let value = if wild { size * (1 + chance(&[&seed.concat(), "how"]) % 40) } else { size * percent / 100 };
            // Some have nothing to report, and some do not say.
            column.value = match chance(&[&seed.concat(), "gap"]) % 30 {
                0 => Some("0".to_owned()),
                1 => None,
                _ => Some(value.to_string()),
            };
        }
    }
}

/// Figures of a correction: three times as much.
fn corrected(report: &mut Report) {
    fill(report);
    for column in report.forms[0].cells.iter_mut().filter_map(|cell| cell.columns.cumulative.as_mut()) {
        column.value = column.value.as_ref().map(|value| (value.parse::<u64>().unwrap() * 3).to_string());
    }
}

fn sent(site: &Site, order: &Order) -> (Vec<u8>, String, Draft) {
    let package = site.package(order);
    let report: Report = serde_json::from_slice(package.payload().get("report.json").unwrap()).unwrap();
    (package.write(Limits::default()).unwrap(), package.digest().to_string(), report.forms[0].clone())
}

fn python(asked: &Value) -> Value {
    let script = format!("{}/tests/quality.py", env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Scores are good to about a thousandth, quartiles to the last of nine decimals but one.
fn near(ours: &Value, theirs: &Value, part: i128) -> bool {
    let [ours, theirs] = [ours, theirs].map(|value| value.as_str().unwrap().parse::<Amount>().unwrap().units());
    (ours - theirs).abs() <= (theirs.abs() / part).max(1_000_000_000 / part)
}

const OWN: &str = r#"
[[peers.ratio]]
id = "cost-within-revenue"
forms = ["B203"]
left = "[307]"
right = "[301]"
least = "0.2"
most = "5"
text = "成本与收入"
"#;

#[test]
fn units_are_compared_as_another_language_compares_them() {
    let bureau = Bureau::new();
    let units = units(30);
    let mut register = "统一社会信用代码,单位详细名称,行政区划代码,行业代码,直报表号\n".to_owned();
    for (at, unit) in units.iter().enumerate() {
        register += &format!("{unit},示例{at}公司,350100,{},B203\n", if at < 6 { "2511" } else { "3411" });
    }
    fs::write(bureau.path("units.csv"), register).unwrap();
    bureau.run(&["unit", "import", "units.csv"]);
    fs::create_dir(bureau.path("mappings")).unwrap();
    let thresholds = bureau.path("mappings/quality.toml");
    fs::write(&thresholds, survey::quality::THRESHOLDS.to_owned() + OWN).unwrap();

    let months = [month_ago(3), period()];
    let mut reports = [BTreeMap::new(), BTreeMap::new()];
    let take = |site: &Site, order: &Order| {
        let (bytes, digest, draft) = sent(site, order);
        fs::write(bureau.path("p.asice"), bytes).unwrap();
        bureau.run(&["import", "p.asice"]);
        (digest, draft)
    };
    for (at, site) in bureau.sites(&units).iter().enumerate() {
        // The last one is new: it has no month before.
        for (back, month) in months.iter().enumerate().skip(usize::from(at == 29)) {
            let (digest, draft) = take(site, &Order { period: month.clone(), report: fill, ..Order::default() });
            reports[back].insert(site.unit.clone(), draft);
            if back == 1 && at == 3 {
                // The correction counts, a test delivery does not.
                let second = Order { supersedes: Some(digest), report: corrected, ..Order::default() };
                reports[1].insert(site.unit.clone(), take(site, &second).1);
                take(site, &Order { trial: true, figure: 7, ..Order::default() });
            }
        }
    }
    // What was returned awaits a correction, and is compared with nobody.
    let (returned, now) = (units[7].as_str(), months[1].as_str());
    bureau.run(&["return", returned, "--form", "B203", "--edition", "2025", "--period", now, "--text", "请核对"]);
    reports[1].remove(returned);

    let log = bureau.run(&["log", "list"]);
    let asked = ["quality", "--form", "B203", "--period", now];
    let hits = bureau.json(&asked);
    let ranges = bureau.json(&[&asked[..], &["--ranges"]].concat());
    let given = json!({ "form": "B203", "thresholds": thresholds, "before": reports[0], "now": reports[1] });
    let theirs = python(&given);

    let key = |hit: &Value| ["screen", "indicator", "unit"].map(|name| hit[name].as_str().unwrap().to_owned());
    let mut ours: Vec<_> = hits.iter().map(|hit| (key(hit), hit["score"].clone())).collect();
    let mut others: Vec<_> = theirs["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| ([&hit[0], &hit[1], &hit[2]].map(|text| text.as_str().unwrap().to_owned()), hit[3].clone()))
        .collect();
    ours.sort_by(|one, other| one.0.cmp(&other.0));
    others.sort_by(|one, other| one.0.cmp(&other.0));
    let keys = |list: &[([String; 3], Value)]| list.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&ours), keys(&others));
    assert!(ours.iter().zip(&others).all(|((_, ours), (_, theirs))| near(ours, theirs, 1000)));
    for screen in ["before", "year", "level", "ratio"] {
        assert!(ours.iter().any(|(key, _)| key[0] == screen), "no hit of {screen}: agreement would show nothing");
    }
    let spreads = theirs["spreads"].as_array().unwrap().iter().filter(|spread| spread[2].as_u64() > Some(0));
    let spreads: BTreeMap<_, _> =
        spreads.map(|spread| ((spread[0].as_str().unwrap(), spread[1].as_str().unwrap()), spread)).collect();
    assert_eq!(ranges.len(), spreads.len());
    for range in &ranges {
        let theirs = spreads[&(range["screen"].as_str().unwrap(), range["indicator"].as_str().unwrap())];
        assert_eq!(range["units"].as_str().unwrap(), theirs[2].to_string(), "{range}");
        let quartiles = ["lower", "middle", "upper"].iter().enumerate();
        assert!(quartiles.into_iter().all(|(at, name)| near(&range[*name], &theirs[3][at], 10_000_000)), "{range} {theirs}");
    }

    // Each tells why and what to do.
    let told = |hit: &Value, name: &str| hit["sentence"].as_str().unwrap().contains(hit[name].as_str().unwrap());
    assert!(hits.iter().all(|hit| ["indicator", "one", "other", "limit"].iter().all(|name| told(hit, name))));
    assert!(hits.iter().all(|hit| hit["to_do"].as_str().unwrap().contains("taizhang-bureau query")));
    let out = bureau.output(&asked);
    let (told, notes) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    assert!(told.contains("【比上年同期的变动】") && told.contains("示例"), "{told}");
    assert!(notes.contains("[peers-returned]"), "{notes}");

    // A trade of six is too small to be compared, except with bounds.
    let few = [&asked[..], &["--trade", "25"]].concat();
    assert!(bureau.json(&few).iter().all(|hit| hit["screen"] == "ratio"));
    assert!(String::from_utf8_lossy(&bureau.output(&few).stderr).contains("[peers-few]"));
    assert!(bureau.fails(&[&asked[..], &["--trade", "99"]].concat()).1.contains("[peers-none]"));
    assert!(bureau.fails(&["quality", "--form", "E203", "--period", now]).1.contains("[peers-none]"));
    fs::write(&thresholds, survey::quality::THRESHOLDS.to_owned() + &OWN.replace("[307]", "[307")).unwrap();
    let (exit, said) = bureau.fails(&asked);
    assert!(exit == 2 && said.contains("[peer-formula-unfit]"), "{said}");

    // Nothing was written by it, and no door of the API leads to it.
    assert_eq!(bureau.run(&["log", "list"]), log);
    bureau.run(&["log", "verify"]);
    let api = exchange::openapi().to_string();
    assert!(api.contains("/v1/messages") && ["quality", "peer", "median", "quartile"].iter().all(|word| !api.contains(word)));
}
