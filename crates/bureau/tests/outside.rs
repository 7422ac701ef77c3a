/*! What others keep of the log and the log of today; states of other versions; certificates for requests that are carried by hand. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::fs;

use common::{Bureau, Order, UNIT, receipt};
use rusqlite::Connection;
use seal::Limits;

fn state(bureau: &Bureau, name: &str) -> std::path::PathBuf {
    bureau.path(&format!("bureau-state/{name}"))
}

/// All of the state in one file.
fn settled(bureau: &Bureau) -> Vec<u8> {
    let connection = Connection::open(state(bureau, "bureau.sqlite")).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    fs::read(state(bureau, "bureau.sqlite")).unwrap()
}

fn put_back(bureau: &Bureau, bytes: &[u8]) {
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(state(bureau, &format!("bureau.sqlite{ending}")));
    }
    fs::write(state(bureau, "bureau.sqlite"), bytes).unwrap();
}

#[test]
fn a_log_that_was_cut_off_or_written_anew_is_found_by_what_others_keep() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = bureau.unit(UNIT);
    let before = settled(&bureau);
    let (status, answer) = bureau.submit(UNIT, &site.package(&Order::default()).write(Limits::default()).unwrap(), &[]);
    assert_eq!(status, 201);
    receipt(&answer);
    fs::write(bureau.path("r.asice"), &answer).unwrap();
    let checkpoint = bureau.run(&["log", "checkpoint"]);
    fs::write(bureau.path("kept"), &checkpoint).unwrap();
    let kept = ["log", "verify", "--checkpoint", "kept", "--checkpoint", "r.asice"];
    bureau.run(&kept);
    bureau.run(&["enroll", UNIT]);
    let said = String::from_utf8(bureau.output(&kept).stderr).unwrap();
    assert_eq!(said.matches("bureau-log-extends").count(), 2, "{said}");
    bureau.kill();
    // The backup of before: whole for whoever sees nothing else.
    put_back(&bureau, &before);
    bureau.run(&["log", "verify"]);
    for name in ["kept", "r.asice"] {
        let (exit, said) = bureau.fails(&["log", "verify", "--checkpoint", name]);
        assert!(exit == 1 && said.contains(&format!("bureau-log-cut] {name}")), "{said}");
    }
    // It goes on from there: another history of the same length, signed with the same key.
    bureau.run(&["enroll", UNIT]);
    bureau.run(&["enroll", UNIT]);
    bureau.run(&["log", "verify"]);
    for name in ["kept", "r.asice"] {
        let (exit, said) = bureau.fails(&["log", "verify", "--checkpoint", name]);
        assert!(exit == 1 && said.contains(&format!("bureau-log-rewritten] {name}")), "{said}");
    }
    // What was kept counts as it was signed, to the byte.
    for at in (0..checkpoint.len()).step_by(3) {
        let mut bytes = checkpoint.clone().into_bytes();
        bytes[at] ^= 1;
        fs::write(bureau.path("changed"), bytes).unwrap();
        let (exit, said) = bureau.fails(&["log", "verify", "--checkpoint", "changed"]);
        assert!(exit == 1 && said.contains("[checkpoint-"), "byte {at}: {said}");
    }
    // A receiver of the same name, and another.
    let other = Bureau::new();
    fs::write(bureau.path("other"), other.run(&["log", "checkpoint"])).unwrap();
    assert!(bureau.fails(&["log", "verify", "--checkpoint", "other"]).1.contains("checkpoint-unsigned"));
    bureau.run(&["-c", "b/bureau.toml", "init", "--code", "350200", "--name", "别处", "--host", "localhost"]);
    fs::write(bureau.path("other"), bureau.run(&["-c", "b/bureau.toml", "log", "checkpoint"])).unwrap();
    assert!(bureau.fails(&["log", "verify", "--checkpoint", "other"]).1.contains("[checkpoint-"));
    fs::copy(bureau.path("bureau-keys/receiver.pem"), bureau.path("b/bureau-keys/receiver.pem")).unwrap();
    let (_, said) = bureau.fails(&["-c", "b/bureau.toml", "log", "verify", "--checkpoint", "kept"]);
    assert!(said.contains("checkpoint-of-another-log"), "{said}");
}

#[test]
fn a_state_of_another_version_is_refused_by_its_name_and_left_as_it_is() {
    let bureau = Bureau::new();
    for (version, code) in [(1, "bureau-state-older"), (99, "state-newer")] {
        Connection::open(state(&bureau, "bureau.sqlite")).unwrap().pragma_update(None, "user_version", version).unwrap();
        let before = settled(&bureau);
        for verb in [&["log", "verify"][..], &["reports"], &["unit", "list"], &["enroll", UNIT], &["serve"]] {
            let (exit, said) = bureau.fails(verb);
            assert!(exit == 2 && said.contains(&format!("[{code}]")), "{verb:?}: {said}");
        }
        assert!(settled(&bureau) == before);
    }
}

#[test]
fn a_request_that_is_carried_by_hand_gets_its_certificate() {
    let bureau = Bureau::new();
    let subject = format!("/organizationIdentifier={UNIT}/CN=王五/title=填表人");
    bureau.openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "wu.key"]);
    bureau.openssl(&["req", "-new", "-utf8", "-key", "wu.key", "-subj", &subject, "-out", "wu.csr"]);
    // Somebody else's request is not his, and nothing is issued for it.
    let wrong = ["enroll", UNIT, "--person", "张三", "--role", "head", "--csr", "wu.csr"];
    assert!(bureau.fails(&wrong).1.contains("enrolment-subject-differs"));
    assert!(bureau.json(&["certificates"]).is_empty() && !bureau.path("wu.crt").exists());
    let right = ["enroll", UNIT, "--person", "王五", "--role", "preparer", "--csr", "wu.csr", "--as", "陈科员"];
    bureau.run(&right);
    bureau.openssl(&["verify", "-CAfile", "bureau-keys/authority.pem", "wu.crt"]);
    let said = bureau.openssl(&["x509", "-in", "wu.crt", "-noout", "-subject", "-nameopt", "utf8,sep_comma_plus"]);
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains(UNIT) && said.contains("王五") && said.contains("填表人"), "{said}");
    // The file that is there is not written over, and no other certificate is issued for it.
    assert!(bureau.fails(&right).1.contains("bureau-file-exists"));
    assert_eq!(bureau.json(&["certificates"]).len(), 1);
    bureau.run(&["log", "verify"]);
    // The log says who did it, and not whom it was done for.
    let events = bureau.json(&["log", "list"]);
    let code = events.iter().find(|event| event["event"] == "enrolment").unwrap();
    assert_eq!((code["by"].as_str(), code["about"].as_str()), (Some("陈科员"), Some("王五 填表人")));
}
