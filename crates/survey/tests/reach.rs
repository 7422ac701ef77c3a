//! What a draft's mapping digest is made of: everything that its form can depend on, and nothing that only other forms have.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use survey::{Form, Mapping, Standard};

fn mapping(forms: &[&str], layers: &[&str]) -> Mapping {
    let standard = Standard::parse("cas.toml", survey::STANDARDS[0].1).0.unwrap();
    let packs = forms.iter().map(|code| {
        let (.., text) = survey::FORMS.iter().find(|(_, known, _)| known == code).unwrap();
        Form::parse(code, text).0.unwrap()
    });
    let layers: Vec<(String, String)> =
        layers.iter().enumerate().map(|(at, text)| (format!("{at}.toml"), format!("title = \"层\"\n{text}"))).collect();
    let (mapping, findings) = Mapping::assemble(&standard, packs.collect(), &layers);
    mapping.unwrap_or_else(|| panic!("{findings:?}"))
}

fn same(form: &str, a: &Mapping, b: &Mapping) -> bool {
    a.texts_of(form) == b.texts_of(form)
}

#[test]
fn another_form_is_nothing_to_one_that_does_not_refer_to_it() {
    let (one, more) = (mapping(&["B203"], &[]), mapping(&["F203", "B203", "E203", "102-1"], &[]));
    assert!(same("B203", &one, &more));
    assert!(same("E203", &mapping(&["E203", "F203"], &[]), &mapping(&["F203", "E203"], &[])), "their order says nothing");
    // Rules of B203 look at B204-1: that it is filled now makes them apply.
    let output = mapping(&["B203", "B204-1"], &[]);
    assert!(!same("B203", &one, &output));
    assert!(output.reach("B203").forms.contains("B204-1") && output.reach("B203").measures);
    // Its heads are entered by people; nothing of 101-1 is counted.
    assert!(one.reach("B203").measures && !mapping(&["101-1"], &[]).reach("101-1").measures);
}

#[test]
fn a_layer_counts_where_it_says_something_about_what_is_reached() {
    let forms = ["B203", "E203"];
    let plain = mapping(&forms, &[]);
    let told = |layer: &str| {
        let with = mapping(&forms, &[layer]);
        forms.map(|form| !same(form, &plain, &with))
    };
    assert_eq!(told("[cell.\"E203:301\"]\nformula = \"@revenue\"\nwhy = \"试\""), [false, true]);
    assert_eq!(told("[cell.\"B203:301\"]\nformula = \"@revenue\"\nwhy = \"试\""), [true, false]);
    assert_eq!(told("[item.revenue]\nformula = \"SL(6001,,贷)\"\nwhy = \"试\""), [true, true]);
    assert_eq!(told("[item.own]\nformula = \"SL(6001,,贷)\"\nwhy = \"试\""), [false, false], "nothing asks for it");
    assert_eq!(told("[accounts.\"100201\"]\nis = \"1002\"\nwhy = \"试\""), [true, true]);
    // What is reached only through a layer is reached, whichever month it is about.
    let through =
        ["[cell.\"B203:301\"]\nformula = \"[E203:301].上期 + @own\"\nwhy = \"试\"", "[item.own]\nformula = \"1\"\nwhy = \"试\""];
    let one = mapping(&forms, &through);
    assert!(one.reach("B203").forms.contains("E203") && one.reach("B203").items.contains("own"));
    let other = mapping(&forms, &[through[0], "[item.own]\nformula = \"2\"\nwhy = \"试\""]);
    assert!(!same("B203", &one, &other) && same("E203", &one, &other));
    let moved = mapping(&forms, &[through[0], through[1], "[cell.\"E203:307\"]\nformula = \"@cost_of_sales\"\nwhy = \"试\""]);
    assert!(!same("B203", &one, &moved) && !same("E203", &one, &moved));
}

/// Every formula of a form's own stands in what it reaches, for all forms that are shipped, together.
#[test]
fn nothing_that_a_form_asks_for_is_left_out() {
    let codes: Vec<&str> = survey::FORMS.iter().map(|(_, code, _)| *code).collect();
    let whole = mapping(&codes, &[]);
    for code in &codes {
        let reach = whole.reach(code);
        let own = whole.cells.iter().filter(|((of, _), _)| reach.forms.contains(of)).map(|(_, formula)| &formula.expr);
        let items = reach.items.iter().filter_map(|item| whole.items[item].as_ref()).map(|formula| &formula.expr);
        let rules = whole.rules.iter().filter(|rule| rule.form == *code).map(|rule| &rule.expr);
        for expr in own.chain(items).chain(rules) {
            for (form, name) in formula::references(expr) {
                let known = match (&form, name.strip_prefix('@')) {
                    (None, Some(item)) => reach.items.contains(item),
                    (Some(form), _) => reach.forms.contains(form) || whole.form(form).is_none(),
                    (None, None) => true,
                };
                assert!(known, "{code}: {expr}");
            }
        }
    }
}
