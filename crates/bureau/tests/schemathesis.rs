/*! The API against its document, by schemathesis (PyPI): no 5xx, no status and no body that the document does not have. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;
#[path = "../../../tests/peers/mod.rs"]
mod peers;

use std::process::Command;

use common::{Bureau, Order, UNIT};

/// All that say something of an answer by the document; the others guess at what a request should have been.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,negative_data_rejection,missing_required_header,unsupported_method";

/// What is no JSON goes as the bytes that it is.
const HOOKS: &str = r#"
import schemathesis

@schemathesis.serializer("application/pkcs10", "application/offset+octet-stream", "application/vnd.etsi.asic-e+zip")
def plain(context, value):
    value = getattr(value, "data", value)
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
"#;

#[test]
fn nothing_answers_what_the_document_does_not_say() {
    let python = peers::python(&["schemathesis==4.32.5"]);
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    // Something to be found by digest.
    assert_eq!(bureau.submit(UNIT, &site.bytes(&Order::default()), &[]).0, 201);
    let document = serde_json::to_string(&exchange::openapi()).unwrap();
    common::write(&bureau.path("openapi.json"), document.as_bytes());
    common::write(&bureau.path("hooks.py"), HOOKS.as_bytes());
    let code = bureau.code(&[UNIT]);
    let out = Command::new(python.with_file_name("schemathesis"))
        .args(["run", "openapi.json", "--url", bureau.url()])
        .args(["--checks", CHECKS])
        .args(["--max-examples", "40", "--seed", "20250101", "--workers", "2", "--no-color", "--generation-database", "none"])
        .args(["--request-cert", &format!("{UNIT}.pem"), "--request-cert-key", &format!("{UNIT}.key"), "--tls-verify"])
        .arg(bureau.authority())
        .args(["--auth", &format!("{UNIT}:{code}")])
        .current_dir(bureau.folder.path())
        .envs([("PYTHONUTF8", "1"), ("SCHEMATHESIS_HOOKS", "hooks"), ("PYTHONPATH", ".")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}\n{}", String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("No issues found") || said.contains("passed"), "{said}");
    bureau.run(&["log", "verify"]);
}
