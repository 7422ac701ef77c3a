//! Calendars against dates worked out by hand with a wall calendar.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use jiff::civil::{Date, date};
use survey::{Calendar, Calendars, Due, Form};

fn calendars() -> Calendars {
    let read = |(year, text): &(&str, &str)| {
        let (calendar, findings) = Calendar::parse(year, text);
        assert_eq!(findings, [], "{year}");
        let calendar = calendar.unwrap();
        assert_eq!(calendar.year.to_string(), *year);
        calendar
    };
    Calendars(survey::CALENDARS.iter().map(read).collect())
}

fn form(code: &str) -> Form {
    let text = survey::FORMS.iter().find(|(_, known, _)| *known == code).unwrap().2;
    Form::parse(code, text).0.unwrap()
}

fn due(code: &str, month: &str) -> Option<Due> {
    calendars().due(&form(code), month.parse().unwrap())
}

/// Last days of the enterprise and the county.
fn days(code: &str, month: &str) -> (Date, Option<Date>) {
    let due = due(code, month).unwrap_or_else(|| panic!("{code} {month} is not due"));
    (due.enterprise, due.county)
}

#[test]
fn deadlines_move_past_weekends_and_holidays() {
    // 2025-03-18 is a Tuesday.
    assert_eq!(days("B203", "2025-02"), (date(2025, 3, 18), Some(date(2025, 3, 20))));
    // 2025-05-18 is a Sunday.
    assert_eq!(days("B203", "2025-04"), (date(2025, 5, 19), Some(date(2025, 5, 21))));
    // 2025-10-08 is the last day of the holiday; the 9th and 10th are Thursday and Friday, and Saturday the 11th is worked.
    assert_eq!(days("B204-1", "2025-09"), (date(2025, 10, 9), Some(date(2025, 10, 11))));
    // 2026-02-18 lies in the Spring Festival from the 15th to Monday the 23rd.
    assert_eq!(days("F203", "2026-01"), (date(2026, 2, 24), Some(date(2026, 2, 26))));
    // 2026-01-18 is a Sunday: December's report, by the calendar of 2025 with the holidays of 2026.
    assert_eq!(days("B203", "2025-12"), (date(2026, 1, 19), Some(date(2026, 1, 21))));
    // A quarter's report, on a Friday; the Monday after is the first working day for the county.
    assert_eq!(days("E203", "2025-03"), (date(2025, 4, 18), Some(date(2025, 4, 22))));
    assert_eq!(days("B210", "2025-12"), (date(2026, 1, 7), Some(date(2026, 1, 9))));
    // The annual report of 2025, by the calendar of 2026: a Tuesday.
    assert_eq!(days("102-1", "2025-12"), (date(2026, 3, 10), Some(date(2026, 3, 12))));
}

#[test]
fn days_of_weekends_that_are_worked_count() {
    let calendars = calendars();
    for worked in [date(2025, 1, 26), date(2025, 2, 8), date(2025, 9, 28), date(2026, 2, 28), date(2026, 10, 10)] {
        assert!(calendars.is_workday(worked), "{worked}");
    }
    for free in [
        date(2025, 1, 1),
        date(2025, 1, 28),
        date(2025, 2, 4),
        date(2025, 4, 5),
        date(2026, 1, 2),
        date(2026, 9, 25),
        date(2026, 9, 26),
    ] {
        assert!(!calendars.is_workday(free), "{free}");
    }
    assert!(calendars.is_workday(date(2025, 2, 5)));
}

#[test]
fn january_is_exempt_and_reported_with_february() {
    assert_eq!(due("B203", "2025-01"), None);
    let february = due("B203", "2025-02").unwrap();
    assert_eq!(february.from.to_string(), "2025-01");
    assert_eq!(due("B203", "2025-03").unwrap().from.to_string(), "2025-03");
    assert_eq!(due("E203", "2025-02"), None, "no quarter ends");
    assert_eq!(due("102-1", "2025-06"), None);
    assert_eq!(due("B203", "2024-12"), None, "no calendar of that year");
}

/// The fourth economic census, as its plan said: 602 by 2019-03-10 to its end, accepted by 03-31; 605-1 and 601 by 04-15.
#[test]
fn a_census_puts_its_forms_and_dates_in_the_place_of_others() {
    let text = "year = 2019\ntime_zone = \"Asia/Shanghai\"\n\
        [[due]]\nforms = [\"102-1\", \"B103-1\"]\nfrequency = \"annual\"\nenterprise = { months = 3, day = 31 }\nstatus = \"recalled\"\n\
        [due.on.\"2018-12\"]\nprovince = \"2019-04-30\"\n\
        [[census]]\nform = \"102-1\"\nby = \"602\"\nperiod = \"2018-12\"\nenterprise = \"2019-03-10\"\nprovince = \"2019-03-31\"\nstatus = \"confirmed\"\n";
    let (calendar, findings) = Calendar::parse("2019.toml", text);
    assert_eq!(findings, []);
    let calendars = Calendars(vec![calendar.unwrap()]);
    let labour = calendars.due(&form("102-1"), "2018-12".parse().unwrap()).unwrap();
    assert_eq!((labour.replaced_by.as_deref(), labour.enterprise), (Some("602"), date(2019, 3, 10)));
    assert_eq!((labour.county, labour.province), (None, Some(date(2019, 3, 31))));
    let finance = calendars.due(&form("B103-1"), "2018-12".parse().unwrap()).unwrap();
    // 2019-03-31 is a Sunday; the date of one month is said outright.
    assert_eq!((finance.replaced_by, finance.enterprise, finance.province), (None, date(2019, 4, 1), Some(date(2019, 4, 30))));
}

#[test]
fn a_day_shows_what_was_due_and_what_comes_next() {
    let around = |code: &str, today: Date| {
        let dues = calendars().around(&form(code), today, 62, 99);
        dues.iter().map(|due| (due.period.to_string(), due.days_left(today))).collect::<Vec<_>>()
    };
    let at = |period: &str, days: i32| (period.to_owned(), days);
    assert_eq!(around("B203", date(2025, 5, 19)), [at("2025-02", -62), at("2025-03", -31), at("2025-04", 0)]);
    assert_eq!(around("B203", date(2025, 5, 20)), [at("2025-03", -32), at("2025-04", -1), at("2025-05", 29)]);
    assert_eq!(around("102-1", date(2025, 12, 1)), [at("2025-12", 99)]);
    assert_eq!(around("102-1", date(2025, 11, 30)), []);
    assert_eq!(around("201-1", date(2025, 12, 1)), []);
}

#[test]
fn every_form_with_a_frequency_has_deadlines_of_that_frequency() {
    for calendar in calendars().0 {
        let known: Vec<_> = calendar.forms().collect();
        for (_, code, _) in survey::FORMS {
            let form = form(code);
            let found = known.iter().find(|(known, _)| known == code).map(|(_, frequency)| *frequency);
            let periodic = !["on_change", "census"].contains(&form.frequency.name());
            assert_eq!(found, periodic.then_some(form.frequency), "{code} in {}", calendar.year);
        }
    }
}

#[test]
fn all_that_is_wrong_with_a_calendar_is_found_at_once() {
    let text = "year = 2025\ntime_zone = \"Asia/Shanghai\"\n\
        [[holiday]]\nname = \"x\"\nfrom = \"2025-02-01\"\nto = \"2025-01-01\"\nstatus = \"recalled\"\n\
        [[due]]\nforms = [\"A\", \"A\"]\nfrequency = \"monthly\"\nenterprise = { months = 1, day = 32 }\nstatus = \"recalled\"\n";
    let (calendar, findings) = Calendar::parse("2025.toml", text);
    assert!(calendar.is_none());
    let codes: Vec<_> = findings.iter().map(|finding| finding.code.as_ref()).collect();
    assert_eq!(codes, ["calendar-form-doubled", "holiday-unfit", "deadline-unfit"]);
}
