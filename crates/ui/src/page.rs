/*! What pages are made of: the frame around every page, notices, badges, buttons. Pages need no script; the script adds keys. */

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{Lang, label};

/// The style sheet of every page.
pub const STYLE: &str = include_str!("../assets/style.css");
/// The script of every page: keys and the clipboard.
pub const SCRIPT: &str = include_str!("../assets/script.js");

/// What stands around a page.
pub struct Frame<'a> {
    /// Language that comes first.
    pub lang: Lang,
    /// Of the page.
    pub title: &'a str,
    /// Whose pages they are.
    pub owner: &'a str,
    /// Addresses of style and script; they change with what is in them, so that browsers may keep them.
    pub assets: [&'a str; 2],
    /// Pages that can be reached from everywhere: address, name of its label, whether it is this one, and how much waits there.
    pub nav: &'a [(&'a str, &'a str, bool, usize)],
    /// Who is signed in, with the token that acts carry.
    pub person: Option<(&'a str, &'a str)>,
    /// The way here: address and text.
    pub crumbs: &'a [(String, String)],
}

/// A whole page.
pub fn page(frame: &Frame<'_>, body: &Markup) -> String {
    let lang = frame.lang;
    let markup = html! {
        (DOCTYPE)
        html lang=(if lang == Lang::Zh { "zh-CN" } else { "en" }) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (frame.title) " · " (frame.owner) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(frame.assets[0]);
                script src=(frame.assets[1]) defer {}
            }
            body {
                a.skip href="#main" { (label(lang, "page-skip")) }
                header.top {
                    a.brand href="/" { (label(lang, "page-brand")) }
                    // On a narrow screen, what follows is folded until this is opened.
                    @if frame.person.is_some() { details.menu { summary { (label(lang, "page-menu")) } } }
                    nav aria-label=(label(lang, "page-nav")) {
                        @for (href, name, here, waiting) in frame.nav {
                            a href=(href) aria-current=[here.then_some("page")] { (label(lang, name)) @if *waiting > 0 { " " (badge(Tone::Warn, &waiting.to_string())) } }
                        }
                    }
                    @if let Some((name, token)) = frame.person {
                        a.who href="/account" title=(label(lang, "page-account")) { (name) }
                        (switch(lang, token))
                        (button("/logout", token, &label(lang, "page-logout"), true, &[]))
                    }
                }
                main id="main" {
                    @if !frame.crumbs.is_empty() {
                        p.crumbs { @for (at, (href, text)) in frame.crumbs.iter().enumerate() { @if at > 0 { " › " } a href=(href) { (text) } } }
                    }
                    h1 { (frame.title) }
                    (body)
                }
            }
        }
    };
    let text = markup.into_string();
    if lang == Lang::En { crate::terms::page(&text) } else { text }
}

/// The other language.
fn switch(lang: Lang, token: &str) -> Markup {
    let (code, name) = if lang == Lang::Zh { ("en", "English") } else { ("zh", "中文") };
    button("/lang", token, name, true, &[("lang", code)])
}

/// A button that acts: a form of its own, with the token that says whose page it was on.
pub fn button(action: &str, token: &str, text: &str, plain: bool, fields: &[(&str, &str)]) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="token" value=(token);
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button class=(if plain { "plain" } else { "" }) { (text) }
        }
    }
}

/// How something is to be seen: as good, as asking for somebody, as wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to say.
    Plain,
    /// Done.
    Good,
    /// Somebody should look.
    Warn,
    /// It holds something up.
    Bad,
}

/// A word in a frame.
pub fn badge(tone: Tone, text: &str) -> Markup {
    let tone = match tone {
        Tone::Plain => "",
        Tone::Good => " good",
        Tone::Warn => " warn",
        Tone::Bad => " bad",
    };
    html! { span class=(format!("badge{tone}")) { (text) } }
}

/// What is wrong or worth knowing: level (`error`, `warning`, `note`), code, place, and what it says with what to do.
pub fn notice<N: AsRef<str>, V: AsRef<str>>(lang: Lang, level: &str, code: &str, place: &str, values: &[(N, V)]) -> Markup {
    told(lang, [level, code, place], values, crate::hint(lang, code, values), &raw(String::new()))
}

/// The same where a page has the act that the hint names as a command: `label-do-<code>` says what to do there, and `more` leads to it.
pub fn advised<N: AsRef<str>, V: AsRef<str>>(
    lang: Lang,
    level: &str,
    code: &str,
    place: &str,
    values: &[(N, V)],
    more: &Markup,
) -> Markup {
    let act = format!("do-{code}");
    let own = format!("label-{act}");
    let hint = if crate::knows(&own) { Some(crate::text(lang, &own, values)) } else { crate::hint(lang, code, values) };
    told(lang, [level, code, place], values, hint, more)
}

fn told<N: AsRef<str>, V: AsRef<str>>(
    lang: Lang,
    [level, code, place]: [&str; 3],
    values: &[(N, V)],
    hint: Option<String>,
    more: &Markup,
) -> Markup {
    let none: [(&str, &str); 0] = [];
    html! {
        div class=(format!("note {level}")) role=(if level == "error" { "alert" } else { "note" }) {
            p { strong { (crate::text(lang, &format!("level-{level}"), &none)) } " " (crate::text(lang, code, values)) }
            @if let Some(hint) = hint { p.hint { (label(lang, "hint")) (hint) " " (more) } } @else if !more.0.is_empty() { p.hint { (more) } }
            p { code { (code) @if !place.is_empty() { " · " (place) } } }
        }
    }
}

/// Facts side by side: name and value.
pub fn facts(rows: &[(String, Markup)]) -> Markup {
    html! { dl.facts { @for (name, value) in rows { div { dt { (name) } dd { (value) } } } } }
}

/// A digest: the first digits are what people compare, the rest is there to be copied.
pub fn digest(text: &str) -> Markup {
    html! { span.digest { (text) } }
}

/// Text that is markup already.
pub const fn raw(text: String) -> PreEscaped<String> {
    PreEscaped(text)
}
