//! The reference keeps its word: every example of docs/reference/formula.md is read here.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot set up its case must fail")]

use formula::parse;

/// Lines of the fenced blocks of one kind that are no remarks.
fn examples(kind: &str) -> Vec<&'static str> {
    let document = include_str!("../../../docs/reference/formula.md");
    let mut found = Vec::new();
    let mut open: Option<&str> = None;
    for line in document.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(_), Some(_)) => open = None,
            (Some(of), None) => open = Some(of),
            (None, Some(of)) if of == kind && !line.is_empty() && !line.starts_with('#') => found.push(line),
            _ => {}
        }
    }
    assert!(found.len() > 5, "too few examples of {kind}: the document has changed its shape");
    found
}

#[test]
fn examples_are_formulas() {
    for text in examples("formula") {
        let (read, faults) = parse(text);
        assert_eq!(faults, [], "{text}");
        let read = read.unwrap();
        assert_eq!(parse(&read.to_string()).0, Some(read), "{text}");
    }
}

#[test]
fn formulas_of_ufo_mean_what_the_document_says() {
    for line in examples("ufo") {
        let (ufo, ours) = line.split_once(" ⇒ ").unwrap();
        let (read, faults) = parse(ufo);
        assert_eq!(faults, [], "{ufo}");
        assert_eq!(read.unwrap().to_string(), ours, "{ufo}");
    }
}

#[test]
fn faults_are_the_ones_the_document_names() {
    for line in examples("fault") {
        let (code, text) = line.split_once(": ").unwrap();
        let codes: Vec<&str> = parse(text).1.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, [code], "{text}");
    }
}
