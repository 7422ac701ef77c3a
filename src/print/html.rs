/*! A page to read and to print: one file, nothing is loaded from anywhere. */

use maud::{DOCTYPE, Markup, PreEscaped, html};
use ui::Lang;

use super::{Mark, Print, Sheet, squares};
use crate::output::label;

const STYLE: &str = "\
body{font:14px/1.5 'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei','PingFang SC','WenQuanYi Micro Hei',sans-serif;color:#111;margin:24px}\
section{margin:0 0 32px}h1{font-size:20px;text-align:center;margin:8px 0}h2{font-size:15px;margin:16px 0 4px}\
dl{display:grid;grid-template-columns:1fr 1fr;gap:2px 24px;margin:8px 0}dl div{display:flex;gap:8px}dt{color:#555}dd{margin:0}\
table{border-collapse:collapse;width:100%}th,td{border:1px solid #888;padding:3px 6px;text-align:left;vertical-align:top}\
th{background:#eef2f6}td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}td.m{color:#777}\
small{display:block;color:#666;font-weight:normal;font-size:11px}.warn{border:1px solid #b45309;padding:4px 8px;color:#7c2d12}\
.digest{font-family:'DejaVu Sans Mono',Consolas,monospace;overflow-wrap:anywhere}.mark{display:flex;gap:16px;align-items:center}\
.sign{display:grid;grid-template-columns:1fr 1fr;gap:24px;margin-top:24px}.sign div{border-bottom:1px solid #111;padding-top:28px}\
@media print{body{margin:0;font-size:11px}section{break-after:page}section:last-of-type{break-after:auto}thead{display:table-header-group}tr{break-inside:avoid}}\
@page{size:A4 landscape;margin:12mm}";

/// The print as a page.
pub fn html(print: &Print) -> String {
    let title = print.forms.first().filter(|_| print.title.is_empty()).map_or(print.title.as_str(), |form| form.title.as_str());
    let page = html! {
        (DOCTYPE)
        html lang=(if print.lang == Lang::Zh { "zh-CN" } else { "en" }) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                @if !print.title.is_empty() { h1 { (print.title) } }
                @if let Some(mark) = &print.mark { (digest(mark, print.lang)) }
                @for form in &print.forms { (sheet(form, print.lang)) }
                @if print.signing { (signing(print)) }
            }
        }
    };
    let text = page.into_string();
    if print.lang == Lang::En { ui::terms::page(&text) } else { text }
}

fn digest(mark: &Mark, lang: Lang) -> Markup {
    let squares = squares(&mark.code);
    let size = squares.len() + 8;
    let mut path = String::new();
    for (y, row) in squares.iter().enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
            path.push_str(&format!("M{} {}h1v1h-1z", x + 4, y + 4));
        }
    }
    html! {
        div class="mark" {
            svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {size} {size}")) width="120" height="120" role="img" aria-label=(mark.code) {
                rect width=(size) height=(size) fill="#fff" {}
                path d=(path) fill="#000" {}
            }
            div { (label(lang, mark.name)) div class="digest" { (mark.digest) } }
        }
    }
}

fn sheet(form: &Sheet, lang: Lang) -> Markup {
    html! {
        section {
            h1 { (form.title) }
            dl { @for (name, value) in &form.facts { div { dt { (name) } dd { (value) } } } }
            @if !form.marks.is_empty() { p class="warn" { (form.marks.join("；")) } }
            table {
                thead { tr { @for (name, _) in &form.columns { th scope="col" { (name) } } } }
                tbody {
                    @for row in &form.rows {
                        tr {
                            @for (field, (_, number)) in row.iter().zip(&form.columns) {
                                td class=(match (number, field.missing) { (true, true) => "n m", (true, false) => "n", (false, _) => "" }) {
                                    (field.text)
                                    @if !field.below.is_empty() { small { (field.below) } }
                                }
                            }
                        }
                    }
                }
            }
            (notes(&form.adjustments, ["code", "adjustment", "adjustment-reason", "by"], "sheet-adjustments", lang))
            (notes(&form.explanations, ["rule", "cause", "explanation", "by"], "sheet-explanations", lang))
            dl { @for (name, value) in form.foot.iter().chain(&form.remarks) { div { dt { (name) } dd class=(if value.len() == 64 { "digest" } else { "" }) { (value) } } } }
        }
    }
}

fn notes(rows: &[[String; 4]], columns: [&str; 4], title: &str, lang: Lang) -> Markup {
    html! {
        @if !rows.is_empty() {
            h2 { (label(lang, title)) }
            table {
                thead { tr { @for name in columns { th scope="col" { (label(lang, name)) } } } }
                tbody { @for row in rows { tr { @for text in row { td translate="no" { (text) } } } } }
            }
        }
    }
}

/// Lines for a hand, beside the digest that it signs.
fn signing(print: &Print) -> Markup {
    html! {
        @if let Some(mark) = &print.mark { p { (label(print.lang, mark.name)) " " span class="digest" { (mark.digest) } } }
        div class="sign" {
            @for name in ["paper-signature", "paper-date"] { div { (label(print.lang, name)) } }
        }
    }
}
