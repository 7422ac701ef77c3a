/*! The committed OpenAPI document is the one of the code, and its schemas are those of the wire types. */
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::{collections::BTreeSet, fs, path::Path};

use exchange::{
    Consistency, Health, Inclusion, Message, Messages, NewMessage, OPERATIONS, Pack, Packs, Place, Problem, UploadOrder,
    UploadState, openapi,
};
use serde_json::{Value, json};

#[test]
fn the_committed_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let made = serde_json::to_string_pretty(&openapi()).unwrap() + "\n";
    if fs::read_to_string(&path).unwrap_or_default() != made {
        fs::write(&path, made).unwrap();
        panic!("openapi.json was not that of the operations; it is now: look at the change and commit it");
    }
}

fn validator(name: &str) -> jsonschema::Validator {
    let document = openapi();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": document["components"],
    });
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_wire_type_is_as_its_schema_says() {
    let digest = "a".repeat(64);
    let message = Message {
        id: 7,
        at: "2026-01-02T03:04:05Z".to_owned(),
        kind: "query".to_owned(),
        by: "bureau".to_owned(),
        form: "B203".to_owned(),
        period: "2025-11".to_owned(),
        payload: digest.clone(),
        subject: "301".to_owned(),
        reply_to: Some(3),
        text: "请核实".to_owned(),
    };
    let bare = Message { form: String::new(), period: String::new(), payload: String::new(), reply_to: None, ..message.clone() };
    let pack = Pack {
        kind: "form".to_owned(),
        edition: "2025".to_owned(),
        form: "B203".to_owned(),
        revision: 2,
        sha256: digest.clone(),
        length: 5,
        at: message.at.clone(),
    };
    let health = Health { status: "ok".to_owned(), time: message.at.clone(), version: "1".to_owned(), sandbox: false };
    let inclusion =
        Inclusion { leaf: digest.clone(), index: 0, size: 1, proof: vec![digest.clone()], checkpoint: "x".to_owned() };
    let samples: Vec<(&str, Value)> = vec![
        ("Problem", serde_json::to_value(Problem::new(409, "x").with("offset", 4)).unwrap()),
        ("Health", serde_json::to_value(health).unwrap()),
        ("UploadOrder", serde_json::to_value(UploadOrder { sha256: digest.clone(), length: 9 }).unwrap()),
        ("UploadState", serde_json::to_value(UploadState { sha256: digest.clone(), length: 9, offset: 3 }).unwrap()),
        ("Inclusion", serde_json::to_value(inclusion).unwrap()),
        ("Consistency", serde_json::to_value(Consistency { from: 1, to: 2, proof: vec![digest] }).unwrap()),
        ("Message", serde_json::to_value(&message).unwrap()),
        ("Message", serde_json::to_value(&bare).unwrap()),
        ("Messages", serde_json::to_value(Messages { messages: vec![message, bare], next: 7, more: false }).unwrap()),
        (
            "NewMessage",
            serde_json::to_value(NewMessage { key: "k-1".to_owned(), reply_to: Some(7), text: "已核实".to_owned() }).unwrap(),
        ),
        ("Pack", serde_json::to_value(&pack).unwrap()),
        ("Packs", serde_json::to_value(Packs { packs: vec![pack] }).unwrap()),
    ];
    let mut seen = BTreeSet::new();
    for (name, sample) in samples {
        let wrong: Vec<String> = validator(name).iter_errors(&sample).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
        seen.insert(name);
    }
    let document = openapi();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let types = schemas.iter().filter(|(_, schema)| schema["type"] == "object").map(|(name, _)| name.as_str());
    assert_eq!(types.collect::<BTreeSet<_>>(), seen, "a wire type without a sample");
}

#[test]
fn operations_are_told_apart_and_name_their_parameters() {
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for operation in OPERATIONS {
        assert!(ids.insert(operation.id), "{} twice", operation.id);
        assert!(places.insert((operation.path, operation.method)), "{} twice", operation.path);
        let named: BTreeSet<&str> = operation
            .parameters
            .iter()
            .filter(|parameter| parameter.place == Place::Path)
            .map(|parameter| parameter.name)
            .collect();
        let written: BTreeSet<&str> =
            operation.path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        assert_eq!(named, written, "{}", operation.path);
        let statuses: Vec<u16> = operation.answers().iter().map(|answer| answer.status).collect();
        assert!(statuses.is_sorted_by(|a, b| a < b), "{}: {statuses:?}", operation.id);
    }
}

/// What can be sent: no schema of a request has a place for a figure.
#[test]
fn nothing_but_a_signed_package_can_carry_a_figure() {
    let schemas = openapi()["components"]["schemas"].clone();
    let mut sent = BTreeSet::new();
    for operation in OPERATIONS {
        let Some(body) = operation.request else { continue };
        let fields = schemas[body.schema]["properties"].as_object();
        sent.extend(fields.into_iter().flatten().map(|(name, _)| name.clone()));
        let closed = schemas[body.schema]["type"] != "object" || schemas[body.schema]["additionalProperties"] == false;
        assert!(closed, "{}: anything can be sent", operation.id);
    }
    assert_eq!(sent, ["sha256", "length", "key", "reply_to", "text"].map(str::to_owned).into());
}
