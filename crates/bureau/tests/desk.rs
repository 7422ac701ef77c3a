/*! A reviewer's desk over HTTP: what awaits, queries with their days, letters that steer, and what is decided about which version. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::{thread::sleep, time::Duration};

use common::{Bureau, Order, UNIT, period};

#[test]
fn what_awaits_a_reviewer_is_what_was_not_looked_at() {
    let mut bureau = Bureau::new().with_pages();
    bureau.works("lina", &["reviewer"], "350100");
    bureau.serve();
    let site = bureau.unit(UNIT);
    let first = site.package(&Order::default());
    assert_eq!(bureau.submit(UNIT, &first.write(seal::Limits::default()).unwrap(), &[]).0, 201);
    let lina = bureau.signs_in("lina");
    let count = |name: &str| {
        let page = lina.get("/").body;
        let (_, rest) = page.split_once(&format!("<h2 id=\"{name}\">")).unwrap_or_else(|| panic!("{page}"));
        let (heading, _) = rest.split_once("</h2>").unwrap();
        heading.rsplit("</span>").nth(1).and_then(|text| text.rsplit('>').next()).unwrap().parse::<usize>().unwrap()
    };
    let counts = || ["bureau-answers-unread", "bureau-arrived-unseen", "bureau-queries-open"].map(count);
    assert_eq!(counts(), [0, 1, 0]);
    let report = format!("/units/{UNIT}/B203/2025/{}", period());
    sleep(Duration::from_millis(1100));
    let page = lina.get(&report);
    assert_eq!(page.status, 200);
    assert_eq!(counts(), [0, 0, 0]);

    // A letter that steers is refused; nothing that was typed is lost.
    let (token, payload) = (page.token(), first.digest().to_string());
    let ask = |text: &str| {
        lina.post(
            &format!("{report}/query"),
            &token,
            &[("payload", &payload), ("subject", "301"), ("cause", "month"), ("text", text)],
        )
    };
    let refused = ask("请把营业收入改为 1200 千元");
    assert!(refused.status == 409 && refused.body.contains("letter-steers"), "{}", refused.body);
    assert!(
        refused.body.contains(">请把营业收入改为 1200 千元</textarea>")
            && refused.body.contains("<option value=\"301\" selected>")
    );
    assert!(bureau.json(&["messages"]).is_empty());
    let (_, told) =
        bureau.fails(&["query", UNIT, "--form", "B203", "--edition", "2025", "--period", &period(), "--text", "增长不低于 8%"]);
    assert!(told.contains("letter-steers"), "{told}");
    assert_eq!(ask("请说明比上月多一倍的原因，附合同。").status, 303);
    let said = bureau.json(&["messages"]);
    let text = said[0]["text"].as_str().unwrap();
    assert!(text.starts_with("请说明比上月多一倍的原因，附合同。\n\n【为什么问】") && said[0]["by"] == "某人 (lina)", "{said:?}");
    assert_eq!(counts(), [0, 0, 1]);

    // The unit answers, in the very second of a look: that waits until the report is looked at again.
    assert_eq!(lina.get(&report).status, 200);
    let answer =
        format!("{{\"key\":\"a-1\",\"reply_to\":{},\"text\":\"甲公司一次性订货\"}}", said[0]["message"].as_str().unwrap());
    let sent = ["--header", "Content-Type: application/json", "--data", &answer];
    assert_eq!(bureau.ask(UNIT, "/v1/messages", &sent).0, 201);
    assert_eq!(counts(), [1, 0, 0]);
    sleep(Duration::from_millis(1100));
    assert!(lina.get(&report).body.contains("甲公司一次性订货"));
    assert_eq!(counts(), [0, 0, 0]);

    // A correction comes while the page is open: what is decided about the version before is not done.
    sleep(Duration::from_millis(1100));
    let order = Order { figure: 200, supersedes: Some(payload.clone()), ..Order::default() };
    assert_eq!(bureau.submit(UNIT, &site.bytes(&order), &[]).0, 201);
    let late = lina.post(&format!("{report}/accept"), &token, &[("payload", &payload), ("text", "受理")]);
    assert!(
        late.status == 409 && late.body.contains("version-overtaken") && late.body.contains(">受理</textarea>"),
        "{}",
        late.body
    );
    let changes = lina.get(&format!("{report}/changes?old=1&new=2")).body;
    assert!(changes.contains("<td class=\"n diff-old\">100</td><td class=\"n changed\">200</td>"), "{changes}");
    let sheet = lina.get(&format!("{report}/csv?version=1"));
    assert!(
        sheet.body.contains(&format!("{UNIT},B203,2025,{},1,301,", period())) && sheet.body.contains(",100\n"),
        "{}",
        sheet.body
    );
}
