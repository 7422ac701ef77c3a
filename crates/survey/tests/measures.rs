//! Measures against hand calculations: the daily average, weighted coefficients, the order of prices, and what is missing.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot set up its case must fail")]

use std::collections::{BTreeMap, BTreeSet};

use formula::{Aspect, Field, Figures, Gap, MeasureQuestion, Part, Question};
use model::{Amount, MeasureRow, Month};
use survey::{
    Rate, Rates,
    measures::{Basis, Beside, Energy, Entered, Kinds, Measures, PriceSource, counted},
};

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn row(month_of: &str, kind: &str, item: &str, quantity: &str, money: &str, document: &str) -> MeasureRow {
    let some = |text: &str| (!text.is_empty()).then(|| amount(text));
    MeasureRow {
        month: month(month_of),
        kind: kind.to_owned(),
        item: item.to_owned(),
        item_name: Some(format!("品种{item}")),
        class: Some("产成品".to_owned()),
        origin: Some(if item == "C" { "bought" } else { "made" }.to_owned()),
        unit: Some("台".to_owned()),
        quantity: some(quantity),
        amount: some(money),
        document: document.to_owned(),
        line: None,
        date: None,
    }
}

fn entry(kind: &str, item: &str, date: &str, quantity: &str, unit: &str) -> Entered {
    let row = MeasureRow {
        unit: (!unit.is_empty()).then(|| unit.to_owned()),
        date: (date.len() == 10).then(|| date.to_owned()),
        class: None,
        origin: None,
        item_name: None,
        ..row(&date[..7], kind, item, quantity, "", "录入")
    };
    Entered {
        row,
        key: format!("{kind}:{item}@{date}"),
        operation: 1,
        person: "p".to_owned(),
        basis: Basis::Change,
        purpose: None,
        composition: None,
        coefficient: None,
    }
}

struct NoBook;

impl Figures for NoBook {
    fn ask(&self, _: &Question) -> Result<Vec<Part>, Gap> {
        Err(Gap::new("missing_source", "x"))
    }
}

fn measures(rows: Vec<MeasureRow>, months: &[&str], entered: Vec<Entered>) -> Measures {
    let mut sealed: BTreeMap<Month, Vec<MeasureRow>> = months.iter().map(|text| (month(text), Vec::new())).collect();
    for row in rows {
        sealed.entry(row.month).or_default().push(row);
    }
    let (kinds, energy) = (Kinds::parse("k", survey::MEASURES).0.unwrap(), Energy::parse("e", survey::ENERGY).0.unwrap());
    let expected = BTreeMap::from([("energy".to_owned(), BTreeSet::from(["电力".to_owned()]))]);
    Measures::new(kinds, energy, sealed, entered, BTreeSet::from(["processing".to_owned()]), expected)
}

fn ask(measures: &Measures, kind: &str, aspect: Aspect, from: &str, to: &str, item: &str) -> Result<Amount, Gap> {
    ask_in(measures, kind, aspect, from, to, item, None)
}

fn ask_in(
    measures: &Measures,
    kind: &str,
    aspect: Aspect,
    from: &str,
    to: &str,
    item: &str,
    unit: Option<&str>,
) -> Result<Amount, Gap> {
    let fields = if item.is_empty() { Vec::new() } else { vec![(Field::Item, item.to_owned())] };
    let question = MeasureQuestion {
        kind: kind.to_owned(),
        aspect,
        fields,
        unit: unit.map(str::to_owned),
        from: month(from),
        to: month(to),
    };
    let beside = Beside { figures: &NoBook, measures: Some(measures), rates: None };
    let sum = |amounts: &mut dyn Iterator<Item = Amount>| amounts.fold(Amount::ZERO, |sum, one| sum.checked_add(one).unwrap());
    let parts = beside.measure(&question)?;
    let answer = sum(&mut parts.iter().map(|part| part.amount));
    // What `explain` shows adds up to the figure.
    assert_eq!(sum(&mut counted(Some(measures), None, &question)?.iter().map(|one| one.amount)), answer);
    Ok(answer)
}

fn code(outcome: Result<Amount, Gap>) -> (&'static str, &'static str) {
    let gap = outcome.unwrap_err();
    (gap.status, gap.code)
}

#[test]
fn the_daily_average_is_the_sum_of_daily_heads_by_calendar_days() {
    let level = |date: &str, heads: &str| Entered { basis: Basis::Level, ..entry("headcount", "在岗职工", date, heads, "") };
    let change = |date: &str, heads: &str| entry("headcount", "在岗职工", date, heads, "");
    let known = measures(
        vec![],
        &[],
        vec![
            level("2025-01-01", "100"),
            change("2025-01-11", "10"),
            change("2025-01-21", "-5"),
            // A count on a day that also has a change: counted first.
            change("2025-02-15", "3"),
            level("2025-02-15", "110"),
            change("2025-03-01", "0"),
        ],
    );
    let average = |from: &str, to: &str| ask(&known, "从业人员", Aspect::Average, from, to, "");
    // January: 10 days of 100, 10 of 110, 11 of 105 = 3255 ÷ 31 = 105.
    assert_eq!(average("2025-01", "2025-01"), Ok(amount("105")));
    // February: 14 days of 105, 14 of 113 = 3052 ÷ 28 = 109.
    assert_eq!(average("2025-02", "2025-02"), Ok(amount("109")));
    // March: 113. The quarter: (105 + 109 + 113) ÷ 3 = 109; not (105 + 113) ÷ 2.
    assert_eq!(average("2025-01", "2025-03"), Ok(amount("109")));
    assert_eq!(ask(&known, "headcount", Aspect::Closing, "2025-01", "2025-03", ""), Ok(amount("113")));
    assert_eq!(ask(&known, "headcount", Aspect::Closing, "2025-01", "2025-01", "在岗职工"), Ok(amount("105")));
    // Nobody has said anything about April, nor about the year before.
    assert_eq!(code(average("2025-01", "2025-04")), ("missing_source", "measure-not-entered"));
    assert_eq!(code(average("2024-12", "2025-01")), ("missing_source", "measure-not-entered"));
    // The number at the end never stands in for the average, nor a bare quantity for either.
    assert_eq!(code(ask(&known, "headcount", Aspect::Quantity, "2025-01", "2025-01", "")), ("error", "measure-aspect-unfit"));
    // Changes alone say nothing of how many there were.
    let loose = measures(vec![], &[], vec![change("2025-01-11", "10")]);
    let outcome = ask(&loose, "headcount", Aspect::Average, "2025-01", "2025-01", "");
    assert_eq!(code(outcome), ("missing_source", "heads-not-begun"));
    let late = measures(vec![], &[], vec![level("2025-01-11", "10")]);
    let outcome = ask(&late, "headcount", Aspect::Average, "2025-01", "2025-01", "");
    assert_eq!(code(outcome), ("missing_source", "heads-not-begun"));
}

/// Every year of heads by a loop over its days, for many changes.
#[test]
fn the_yearly_average_agrees_with_a_loop_over_the_days() {
    let mut entered = vec![Entered { basis: Basis::Level, ..entry("headcount", "甲", "2024-01-01", "37", "") }];
    let (mut heads, mut months) = (37_i128, Vec::new());
    let mut seed = 7_u32;
    for at in 1..=12_u8 {
        let of = Month::new(2024, at).unwrap();
        let days = survey::measures::days_in(of);
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let (on, more) = ((seed >> 16) as u8 % days + 1, i128::from((seed >> 8) % 9) - 4);
        entered.push(entry("headcount", "甲", &format!("{of}-{on:02}"), &more.to_string(), ""));
        let mut sum = 0;
        for day in 1..=days {
            if day == on {
                heads += more;
            }
            sum += heads;
        }
        months.push((sum, i128::from(days)));
    }
    // Σ of twelve quotients ÷ 12, to nine decimals: over the common denominator 377580 = lcm(28, …, 31).
    let numerator: i128 = months.iter().map(|(sum, days)| sum * (377_580 / days)).sum();
    let expected = Amount::from_whole(numerator).unwrap().div_round(377_580 * 12, 9).unwrap();
    let known = measures(vec![], &[], entered);
    assert_eq!(ask(&known, "headcount", Aspect::Average, "2024-01", "2024-12", ""), Ok(expected));
    assert_eq!(survey::measures::days_in(month("2024-02")), 29);
    assert_eq!(survey::measures::days_in(month("1900-02")), 28);
}

#[test]
fn measured_coefficients_weigh_by_quantity() {
    let coal = |date: &str, tonnes: &str, measured: &str| Entered {
        coefficient: (!measured.is_empty()).then(|| amount(measured)),
        key: format!("{date} {tonnes}"),
        ..entry("energy", "原煤", date, tonnes, "吨")
    };
    let power = |date: &str, quantity: &str| entry("energy", "电力", date, quantity, "千瓦时");
    let known = measures(
        vec![],
        &[],
        vec![
            coal("2025-01", "100", "0.7"),
            coal("2025-01", "300", "0.6"),
            coal("2025-01", "40", ""),
            power("2025-01", "250000"),
            coal("2025-02", "50", ""),
            power("2025-02", "100000"),
        ],
    );
    let tonnes = |from: &str, to: &str, item: &str| ask(&known, "energy", Aspect::Coal, from, to, item);
    // 100 × 0.7 + 300 × 0.6 = 250; the average 250 ÷ 400 = 0.625, so that 40 more are 25. Not the plain mean of 0.65.
    assert_eq!(tonnes("2025-01", "2025-01", "原煤"), Ok(amount("275")));
    // Without a measurement in February the coefficient of the data: 50 × 0.7143.
    assert_eq!(tonnes("2025-02", "2025-02", "原煤"), Ok(amount("35.715")));
    // 25 and 10 万千瓦时 × 1.229.
    assert_eq!(tonnes("2025-01", "2025-02", "电力"), Ok(amount("43.015")));
    assert_eq!(tonnes("2025-01", "2025-02", ""), Ok(amount("353.73")));
    let kwh = |unit: Option<&str>, item: &str| ask_in(&known, "energy", Aspect::Quantity, "2025-01", "2025-02", item, unit);
    assert_eq!(kwh(Some("万千瓦时"), "电力"), Ok(amount("35")));
    // Tonnes and kilowatt hours are never added, and one is never the other.
    assert_eq!(code(kwh(None, "")), ("error", "measure-units-mixed"));
    assert_eq!(code(kwh(Some("万千瓦时"), "")), ("missing_source", "measure-unit-unknown"));
    // A sheet expects electricity every month: without it, coal alone is no answer.
    assert_eq!(code(tonnes("2025-01", "2025-03", "原煤")), ("missing_source", "measure-not-entered"));
    let half = measures(vec![], &[], vec![coal("2025-01", "100", "0.7")]);
    assert_eq!(code(ask(&half, "energy", Aspect::Coal, "2025-01", "2025-01", "")), ("missing_source", "measure-not-entered"));
}

#[test]
fn a_measured_coefficient_is_of_the_goods_in_whatever_unit_they_are_written() {
    let coal = |date: &str, quantity: &str, unit: &str, measured: &str| Entered {
        coefficient: (!measured.is_empty()).then(|| amount(measured)),
        key: format!("{date} {quantity}"),
        ..entry("energy", "原煤", date, quantity, unit)
    };
    let power = || entry("energy", "电力", "2025-01", "1", "千瓦时");
    let tonnes = |entered: Vec<Entered>| {
        let known = measures(vec![], &[], [entered, vec![power()]].concat());
        ask(&known, "energy", Aspect::Coal, "2025-01", "2025-01", "原煤")
    };
    // 100 × 0.7 + 300 × 0.6 = 250, and 40 t more at 250 ÷ 400 are 25, whether they are written as 40 吨, 40 t or 40000 千克.
    for (quantity, unit) in [("40", "吨"), ("40", "t"), ("40000", "千克")] {
        let entered = vec![
            coal("2025-01-05", "100", "吨", "0.7"),
            coal("2025-01-15", "300", "吨", "0.6"),
            coal("2025-01-25", quantity, unit, ""),
        ];
        assert_eq!(tonnes(entered), Ok(amount("275")), "{quantity} {unit}");
    }
    // 100000 千克 × 0.0007 = 70, and 40 吨 more at 0.7 are 28.
    let entered = vec![coal("2025-01-05", "100000", "千克", "0.0007"), coal("2025-01-25", "40", "吨", "")];
    assert_eq!(tonnes(entered), Ok(amount("98")));
    // 200000 千克 × 0.0006 + 100 t × 0.75 = 195 on 300 t, 0.65 a tonne, and 10 t more are 6.5.
    let entered = vec![
        coal("2025-01-05", "200000", "千克", "0.0006"),
        coal("2025-01-15", "100", "t", "0.75"),
        coal("2025-01-25", "10", "吨", ""),
    ];
    assert_eq!(tonnes(entered), Ok(amount("201.5")));
}

#[test]
fn prices_come_in_the_order_of_the_data_and_never_from_costs() {
    let months = ["2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06"];
    let price = Entered {
        row: MeasureRow { amount: Some(amount("9")), ..entry("price", "B", "2025-03", "", "台").row },
        ..entry("price", "B", "2025-03", "", "台")
    };
    let rows = vec![
        row("2025-01", "sales", "A", "10", "1000", "I1"),
        row("2025-01", "sales", "A", "-2", "-200", "R1"),
        row("2025-01", "sales", "A", "4", "400.02", "I2"),
        row("2025-01", "output", "A", "7", "", "M1"),
        row("2025-01", "output", "A", "5", "", "M2"),
        row("2025-01", "output", "B", "3", "", "M3"),
        // What was bought is of another origin: no price of what is made.
        row("2025-02", "sales", "C", "1", "9999", "I3"),
        row("2025-02", "output", "A", "1", "", "M4"),
        row("2025-03", "output", "B", "2", "", "M5"),
        row("2025-06", "output", "A", "1", "777", "M6"),
    ];
    let known = measures(rows, &months, vec![price]);
    let value = |at: &str, item: &str| ask(&known, "产量", Aspect::Value, at, at, item);
    // January: (1000 − 200 + 400.02) ÷ 12 = 100.001667 at six decimals.
    assert_eq!(value("2025-01", "A"), Ok(amount("1200.020004")));
    // B has no invoice and no entered price in January: its class sold at A's average.
    assert_eq!(value("2025-01", "B"), Ok(amount("300.005001")));
    assert_eq!(value("2025-01", ""), Ok(amount("1500.025005")));
    // February: no invoice of A; nothing of its class and origin either; three months before: January's.
    assert_eq!(value("2025-02", "A"), Ok(amount("100.001667")));
    // March: entered.
    assert_eq!(value("2025-03", "B"), Ok(amount("18")));
    // June: nothing. The cost on the receipt is no price, and the year has no value then.
    assert_eq!(code(value("2025-06", "A")), ("missing_source", "output-without-price"));
    assert_eq!(code(ask(&known, "output", Aspect::Value, "2025-01", "2025-06", "")), ("missing_source", "output-without-price"));
    let sheet = known.priced(known.of_month("output", month("2025-01")), month("2025-01")).unwrap();
    let sources: Vec<_> =
        sheet.iter().map(|one| (one.like.item.as_str(), one.price.as_ref().map(|price| price.source))).collect();
    assert_eq!(sources, [("A", Some(PriceSource::Invoiced)), ("B", Some(PriceSource::Class))]);
    assert_eq!(sheet[0].price.as_ref().unwrap().documents, ["I1", "R1", "I2"]);
}

#[test]
fn missing_is_not_zero() {
    let rows = vec![
        row("2025-02", "output", "A", "5", "", "M1"),
        row("2025-02", "stock", "A", "5", "", "M1"),
        row("2025-03", "stock", "A", "-2", "", "D1"),
        row("2025-04", "stock", "B", "1", "", "D2"),
    ];
    let known = measures(rows, &["2025-02", "2025-03", "2025-04"], vec![]);
    let quantity = |kind: &str, from: &str, to: &str, item: &str| ask(&known, kind, Aspect::Quantity, from, to, item);
    // The ERP keeps output: a month without it is a zero.
    assert_eq!(quantity("output", "2025-03", "2025-03", "A"), Ok(Amount::ZERO));
    assert_eq!(quantity("output", "2025-02", "2025-04", ""), Ok(amount("5")));
    assert_eq!(code(quantity("output", "2025-01", "2025-02", "")), ("before_first_period", "before-first-period"));
    assert_eq!(code(quantity("output", "2025-04", "2025-05", "")), ("missing_source", "month-not-read"));
    assert_eq!(code(quantity("output", "2025-02", "2025-02", "Z")), ("missing_source", "measure-item-unknown"));
    assert_eq!(code(quantity("export", "2025-02", "2025-02", "")), ("missing_source", "measure-without-source"));
    assert_eq!(code(quantity("美貌", "2025-02", "2025-02", "")), ("error", "measure-kind-unknown"));
    // Nothing of it, as the unit has declared.
    assert_eq!(ask(&known, "processing", Aspect::Amount, "2025-02", "2025-02", ""), Ok(Amount::ZERO));
    // Stock is what is there at the end, from all changes before.
    assert_eq!(quantity("stock", "2025-04", "2025-04", "A"), Ok(amount("3")));
    assert_eq!(quantity("stock", "2025-02", "2025-02", "品种A"), Ok(amount("5")));
    // The documents have no money.
    assert_eq!(
        code(ask(&known, "output", Aspect::Amount, "2025-02", "2025-02", "")),
        ("missing_source", "measure-without-amount")
    );
}

/// A plan is entered once and stands; what is counted each month does not.
#[test]
fn an_entry_that_stands_is_good_until_the_next_one() {
    let money = |kind: &str, item: &str, at: &str, money: &str, key: &str| {
        let entry = entry(kind, item, at, "", "");
        Entered { row: MeasureRow { amount: Some(amount(money)), ..entry.row.clone() }, key: key.to_owned(), ..entry }
    };
    let known = measures(
        vec![],
        &[],
        vec![
            money("project_plan", "P1", "2025-02", "500", "a"),
            money("project_plan", "P1", "2025-05", "620", "b"),
            // Two papers of one month are one plan.
            money("project_plan", "P2", "2025-03", "30", "c"),
            money("project_plan", "P2", "2025-03", "12", "d"),
            money("invested_before", "P1", "2024-12", "90", "e"),
        ],
    );
    let plan = |at: &str, item: &str| ask(&known, "计划总投资", Aspect::Amount, "2025-01", at, item);
    assert_eq!(code(plan("2025-01", "P1")), ("missing_source", "measure-not-entered"));
    assert_eq!([plan("2025-02", "P1"), plan("2025-04", "P1")], [Ok(amount("500")), Ok(amount("500"))]);
    assert_eq!([plan("2025-05", "P1"), plan("2026-12", "P1")], [Ok(amount("620")), Ok(amount("620"))]);
    assert_eq!(
        [plan("2025-02", ""), plan("2025-04", "P2"), plan("2025-06", "")].map(Result::unwrap),
        ["500", "42", "662"].map(amount)
    );
    let before = |at: &str| ask(&known, "invested_before", Aspect::Amount, at, at, "P1");
    assert_eq!(before("2024-12"), Ok(amount("90")));
    assert_eq!(code(before("2025-12")), ("missing_source", "measure-not-entered"));
}

#[test]
fn money_of_a_foreign_book_is_converted_month_by_month() {
    let rows = vec![
        row("2025-01", "sales", "A", "1", "100", "I1"),
        row("2025-02", "sales", "A", "1", "100", "I2"),
        row("2025-01", "stock", "A", "1", "10", "S1"),
    ];
    let known = measures(rows, &["2025-01", "2025-02"], vec![]);
    let mut rates = Rates::default();
    for (at, closing, average) in [("2025-01", "7", "7.1"), ("2025-02", "7.2", "7.3")] {
        rates.add(month(at), Rate { closing: amount(closing), average: amount(average) });
    }
    let beside = Beside { figures: &NoBook, measures: Some(&known), rates: Some((&rates, "USD")) };
    let money = |kind: &str| {
        let question = MeasureQuestion {
            kind: kind.to_owned(),
            aspect: Aspect::Amount,
            fields: vec![],
            unit: None,
            from: month("2025-01"),
            to: month("2025-02"),
        };
        beside.measure(&question).unwrap()[0].amount
    };
    assert_eq!(money("sales"), amount("1440"));
    assert_eq!(money("stock"), amount("72"));
}
