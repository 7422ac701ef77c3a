//! Edition packs against their published JSON Schema, by a validator of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn packs() -> Vec<(String, Value)> {
    let mut folders = vec![root().join("mappings/examples/forms")];
    folders.extend(fs::read_dir(root().join("mappings/forms")).unwrap().map(|edition| edition.unwrap().path()));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    let value = |path: PathBuf| {
        let table: toml::Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        (path.display().to_string(), serde_json::to_value(table).unwrap())
    };
    files.map(value).collect()
}

fn validator() -> jsonschema::Validator {
    let text = fs::read_to_string(root().join("docs/specs/form-pack.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_pack_is_as_the_schema_says() {
    let (validator, packs) = (validator(), packs());
    assert!(packs.len() > 28, "{} packs", packs.len());
    for (path, pack) in packs {
        let wrong: Vec<String> =
            validator.iter_errors(&pack).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{path}: {wrong:#?}");
    }
}

/// What the program refuses, the schema refuses too.
#[test]
fn the_schema_refuses_what_is_wrong() {
    let validator = validator();
    let (_, whole) = packs().into_iter().find(|(path, _)| path.ends_with("B203.toml")).unwrap();
    assert!(validator.is_valid(&whole));
    let changes: [(&str, &str, Value); 9] = [
        ("", "frequency", "weekly".into()),
        ("", "colour", "red".into()),
        ("", "columns", Value::Array(Vec::new())),
        ("", "divisor", 0.into()),
        ("/row/0", "kind", "text".into()),
        ("/row/0", "fill", "unit.code".into()),
        ("/row/0", "choices", vec!["x"].into()),
        ("/rule/0", "severity", "hard".into()),
        ("/rule/0", "tolerance", (-1).into()),
    ];
    for (at, key, value) in changes {
        let mut pack = whole.clone();
        pack.pointer_mut(at).unwrap()[key] = value.clone();
        assert!(!validator.is_valid(&pack), "{at}/{key} = {value}");
    }
}
