/*!
What somebody typed, put back into the form that it was typed into, on whatever page that form stands: an act that is refused loses nothing.

Pages are made by this program and escaped as it escapes: every attribute stands in double quotes, and no `<`, `>` or `"` stands in a text. So a
form is found by its address and by the hidden fields that say what it is about, and its fields are filled by their names. Nothing is filled that a
page says of itself (hidden fields), and nothing that opens something (passwords) or comes from the person's own machine (files).
*/

use std::{
    collections::{BTreeSet, HashMap},
    hash::BuildHasher,
};

/// Hidden fields that say of when a page is, and not what a form is about.
const MOMENT: [&str; 3] = ["token", "digest", "seen"];

/// A tag: where it stands, and its text.
#[derive(Clone, Copy)]
struct Tag<'a> {
    start: usize,
    end: usize,
    text: &'a str,
}

impl<'a> Tag<'a> {
    fn is(&self, name: &str) -> bool {
        let rest = self.text.strip_prefix('<').and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with([' ', '>']))
    }

    /// Where an attribute stands in the text, with its value.
    fn found(&self, name: &str) -> Option<(usize, usize, &'a str)> {
        let mut at = self.text.find([' ', '>'])?;
        loop {
            let rest = &self.text[at..];
            let begin = at + rest.find(|letter: char| letter != ' ').filter(|skip| !rest[*skip..].starts_with('>'))?;
            let end = begin + self.text[begin..].find([' ', '=', '>'])?;
            let (after, value) = match self.text[end..].strip_prefix("=\"") {
                Some(rest) => {
                    let length = rest.find('"')?;
                    (end + 2 + length + 1, &rest[..length])
                }
                None => (end, ""),
            };
            if &self.text[begin..end] == name {
                return Some((begin, after, value));
            }
            at = after;
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        self.found(name).map(|(_, _, value)| plain(value))
    }

    /// The same tag without an attribute, and with another in its place.
    fn with(&self, name: &str, value: Option<&str>) -> String {
        let mut text = self.text.to_owned();
        if let Some((begin, end, _)) = self.found(name) {
            text.replace_range(begin.saturating_sub(1)..end, "");
        }
        if let Some(value) = value {
            let at = text.len() - 1;
            let more =
                if value.is_empty() && name != "value" { format!(" {name}") } else { format!(" {name}=\"{}\"", escaped(value)) };
            text.insert_str(at, &more);
        }
        text
    }
}

fn tags(html: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + html.get(at..)?.find('<')?;
        let end = start + html[start..].find('>')? + 1;
        at = end;
        Some(Tag { start, end, text: &html[start..end] })
    })
}

fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A form of a page.
#[derive(Default)]
struct Form {
    /// Where its tag begins and ends, and where it closes.
    at: [usize; 3],
    /// Tags that fold it away, from outside to inside.
    folded: Vec<usize>,
    /// Hidden fields: name and value.
    hidden: Vec<(String, String)>,
    /// Whether there is anything to type.
    typed: bool,
}

impl Form {
    /// How many of the hidden fields say that it is the form of these fields; none where one says otherwise.
    fn fits<S: BuildHasher>(&self, fields: &HashMap<String, String, S>) -> Option<usize> {
        let said = self.hidden.iter().filter(|(name, _)| !MOMENT.iter().any(|moment| name.rsplit('.').next() == Some(moment)));
        said.map(|(name, value)| fields.get(name).is_some_and(|own| own == value))
            .try_fold(0, |count, same| same.then_some(count + 1))
    }
}

fn forms(html: &str, to: &str) -> Vec<Form> {
    let (mut found, mut open, mut folded): (Vec<Form>, Option<Form>, Vec<usize>) = (Vec::new(), None, Vec::new());
    for tag in tags(html) {
        if tag.is("details") {
            folded.push(tag.start);
        } else if tag.text == "</details>" {
            folded.pop();
        } else if tag.is("form") {
            let own = tag.value("action").is_some_and(|action| action == to);
            open = own.then(|| Form { at: [tag.start, tag.end, html.len()], folded: folded.clone(), ..Form::default() });
        } else if tag.text == "</form>" {
            found.extend(open.take().map(|form| Form { at: [form.at[0], form.at[1], tag.start], ..form }));
        } else if let Some(form) = &mut open {
            let kind = tag.value("type").unwrap_or_default();
            if tag.is("input") && kind == "hidden" {
                form.hidden.extend(tag.value("name").map(|name| (name, tag.value("value").unwrap_or_default())));
            } else if tag.is("input") || tag.is("select") || tag.is("textarea") {
                form.typed = true;
            }
        }
    }
    found
}

/// A page with what was typed in its form again, and a notice beside it; at its beginning where the page has no such form. The notice is told what
/// could not be put back.
pub fn refill<S: BuildHasher>(
    html: &str,
    to: &str,
    fields: &HashMap<String, String, S>,
    notice: impl FnOnce(&[(&str, &str)]) -> String,
) -> String {
    let fit = |form: &Form| form.fits(fields);
    let mut best: Option<(usize, Form)> = None;
    for form in forms(html, to) {
        if let Some(count) = fit(&form).filter(|_| form.typed)
            && best.as_ref().is_none_or(|(most, _)| count > *most)
        {
            best = Some((count, form));
        }
    }
    let mut names: Vec<&str> =
        fields.iter().filter(|(_, value)| !value.trim().is_empty()).map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let left = |seen: &BTreeSet<String>| -> Vec<(&str, &str)> {
        let open = names.iter().filter(|name| !seen.contains(**name));
        open.map(|name| (*name, fields[*name].as_str())).collect()
    };
    let Some((_, form)) = best else {
        return format!("{}{html}", notice(&left(&MOMENT.map(str::to_owned).into())));
    };
    let (inner, seen) = filled(&html[form.at[1]..form.at[2]], fields);
    let mut out = String::with_capacity(html.len() + inner.len());
    let mut at = 0;
    for start in form.folded {
        let end = start + "<details".len();
        out.push_str(&html[at..end]);
        at = end;
        let tag = tags(&html[start..]).next();
        if tag.is_some_and(|tag| tag.found("open").is_none()) {
            out.push_str(" open");
        }
    }
    out.push_str(&html[at..form.at[1]]);
    out.push_str(&notice(&left(&seen)));
    out.push_str(&inner);
    out.push_str(&html[form.at[2]..]);
    out
}

/// The inside of a form with its fields filled, and the names that it has a place for.
fn filled<S: BuildHasher>(html: &str, fields: &HashMap<String, String, S>) -> (String, BTreeSet<String>) {
    let (mut out, mut seen, mut at) = (String::with_capacity(html.len()), BTreeSet::new(), 0);
    let mut chosen: Option<(String, String)> = None;
    for tag in tags(html) {
        if tag.start < at {
            continue;
        }
        out.push_str(&html[at..tag.start]);
        at = tag.end;
        let name = tag.value("name").unwrap_or_default();
        let typed = fields.get(&name).map(String::as_str);
        if tag.is("input") {
            let kind = tag.value("type").unwrap_or_default();
            seen.insert(name);
            out.push_str(&match (kind.as_str(), typed) {
                ("hidden" | "password" | "file" | "submit", _) => tag.text.to_owned(),
                ("checkbox" | "radio", typed) => {
                    let own = tag.value("value").unwrap_or_else(|| "on".to_owned());
                    tag.with("checked", typed.filter(|typed| *typed == own).map(|_| ""))
                }
                (_, Some(typed)) => tag.with("value", Some(typed)),
                (_, None) => tag.text.to_owned(),
            });
        } else if tag.is("textarea") {
            seen.insert(name);
            out.push_str(tag.text);
            if let Some(typed) = typed {
                // A line end that comes first is no part of what stands in a box.
                out.push_str(&format!("\n{}", escaped(typed)));
                at += html[at..].find("</textarea>").unwrap_or(0);
            }
        } else if tag.is("select") {
            out.push_str(tag.text);
            chosen = typed.map(|typed| (name, typed.to_owned()));
        } else if let Some((name, typed)) = chosen.as_ref().filter(|_| tag.is("option")) {
            let same = tag.value("value").unwrap_or_default() == *typed;
            out.push_str(&tag.with("selected", same.then_some("")));
            // One that cannot be chosen any more is told.
            seen.extend(same.then(|| name.clone()));
        } else {
            if tag.text == "</select>" {
                chosen = None;
            }
            out.push_str(tag.text);
        }
    }
    out.push_str(&html[at..]);
    (out, seen)
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    /// Two forms of one address, told apart by what they are about; folded away.
    fn page() -> String {
        let form = |rule: &str| {
            html! {
                form method="post" action="/explain" {
                    input type="hidden" name="token" value="now";
                    input type="hidden" name="digest" value="new";
                    input type="hidden" name="rule" value=(rule);
                    select name="cause" { option value="" selected { "?" } option value="policy" { "P" } option value="order" { "O" } }
                    textarea name="text" required { "before" }
                    input name="amount" value="1";
                    input name="secret" type="password";
                    input type="radio" name="as" value="a" checked; input type="radio" name="as" value="b";
                    button { "send" }
                }
            }
        };
        html! { h2 { "<" } details.card { summary { "s" } (form("A")) } details { (form("B")) } }.into_string()
    }

    fn typed(fields: &[(&str, &str)]) -> HashMap<String, String> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_was_typed_stands_in_its_form_again_and_nothing_that_the_page_says() {
        let fields = typed(&[
            ("token", "old"),
            ("digest", "old"),
            ("rule", "B"),
            ("cause", "order"),
            ("text", "\"甲\" <b> & 乙\n二"),
            ("amount", "1\"2"),
            ("secret", "never"),
            ("as", "b"),
            ("gone", "lost & found"),
        ]);
        let told = refill(&page(), "/explain", &fields, |left| format!("<p id=told>{left:?}</p>"));
        let (first, second) = told.split_at(told.rfind("<details").unwrap());
        assert_eq!(first, &page()[..page().rfind("<details").unwrap()], "the other form is as it was");
        assert!(second.starts_with("<details open><form"), "{second}");
        for part in [
            "<form method=\"post\" action=\"/explain\"><p id=told>[(\"gone\", \"lost & found\")]</p>",
            "name=\"token\" value=\"now\"",
            "name=\"digest\" value=\"new\"",
            "<option value=\"\">",
            "<option value=\"order\" selected>",
            "required>\n&quot;甲&quot; &lt;b&gt; &amp; 乙\n二</textarea>",
            "<input name=\"amount\" value=\"1&quot;2\">",
            "<input name=\"secret\" type=\"password\">",
            "<input type=\"radio\" name=\"as\" value=\"a\">",
            "<input type=\"radio\" name=\"as\" value=\"b\" checked>",
        ] {
            assert!(second.contains(part), "{part}: {second}");
        }
        assert!(!told.contains("never"));
    }

    #[test]
    fn without_its_form_everything_is_told_at_the_beginning() {
        let fields = typed(&[("token", "old"), ("digest", "old"), ("rule", "C"), ("text", "words")]);
        let told = refill(&page(), "/explain", &fields, |left| format!("{left:?}"));
        assert_eq!(told, format!("[(\"rule\", \"C\"), (\"text\", \"words\")]{}", page()));
        let other = refill(&page(), "/elsewhere", &fields, |left| format!("{}", left.len()));
        assert_eq!(other, format!("2{}", page()));
    }

    #[test]
    fn a_table_whose_lines_have_moved_is_not_filled() {
        let table = |keys: [&str; 2]| {
            html! {
                form action="/enter" { @for (at, key) in keys.iter().enumerate() {
                    input type="hidden" name=(format!("r{at}.seen")) value=(at); input type="hidden" name=(format!("r{at}.item")) value=(key);
                    input name=(format!("r{at}.quantity")) value="";
                } }
            }
            .into_string()
        };
        let fields = typed(&[("r0.seen", "9"), ("r0.item", "电"), ("r0.quantity", "5"), ("r1.item", "煤"), ("r1.quantity", "")]);
        assert!(refill(&table(["电", "煤"]), "/enter", &fields, |_| String::new()).contains("name=\"r0.quantity\" value=\"5\""));
        let moved = refill(&table(["水", "电"]), "/enter", &fields, |left| format!("{}|", left.len()));
        assert_eq!(moved.split_once('|').unwrap().1, table(["水", "电"]));
    }
}
