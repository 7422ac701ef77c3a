//! Logs, checkpoints and voucher proofs, recomputed by Python and OpenSSL from the specifications alone.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

#[path = "../../../tests/peers/mod.rs"]
mod peers;

use std::{fs, process::Command};

use peers::{openssl, run, works};
use seal::{
    Algorithm, Checkpoint, Digest, Note, Proof, SecretKey, Signer as _, VoucherProof, countersign, log,
    voucher::{Path, leaf, put_amount, put_text, root},
};
use serde_json::json;

/// RFC 6962, section 2.1, word for word: the root of a list, and the proof of one entry; and RFC 9162's check of a proof file.
const LOG: &str = r#"
import base64, hashlib, sys
def sha(data): return hashlib.sha256(data).digest()
def split(n):
    k = 1
    while k * 2 < n: k *= 2
    return k
def mth(d):
    if not d: return sha(b"")
    if len(d) == 1: return sha(b"\0" + d[0])
    k = split(len(d))
    return sha(b"\1" + mth(d[:k]) + mth(d[k:]))
def path(m, d):
    if len(d) == 1: return []
    k = split(len(d))
    return path(m, d[:k]) + [mth(d[k:])] if m < k else path(m - k, d[k:]) + [mth(d[:k])]
def subproof(m, d, b):
    if m == len(d): return [] if b else [mth(d)]
    k = split(len(d))
    return subproof(m, d[:k], b) + [mth(d[k:])] if m <= k else subproof(m - k, d[k:], False) + [mth(d[:k])]
"#;

#[test]
fn roots_and_proofs_are_those_of_the_rfc() {
    let tree: log::Tree = (0..37_u32).map(|number| number.to_string()).collect();
    let mut ours = String::new();
    for size in 1..=37 {
        ours.push_str(&format!("{}\n", log::root(&tree, size).unwrap()));
        for index in 0..size {
            let lines = [log::inclusion(&tree, index, size).unwrap(), log::consistency(&tree, index + 1, size).unwrap()];
            lines.iter().for_each(|line| ours.push_str(&format!("{line:?}\n")));
        }
    }
    let script = format!(
        r#"{LOG}
def show(hashes): return "[" + ", ".join(hash.hex() for hash in hashes) + "]"
entries = [str(number).encode() for number in range(37)]
for size in range(1, 38):
    d = entries[:size]
    print(mth(d).hex())
    for index in range(size):
        print(show(path(index, d)))
        print(show(subproof(index + 1, d, True)))
"#
    );
    assert_eq!(run(Command::new("python3").args(["-c", &script])), ours);
}

#[test]
fn openssl_verifies_checkpoints_and_python_their_proofs() {
    for algorithm in [Algorithm::P256, Algorithm::Sm2] {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (SecretKey::generate(algorithm).unwrap(), SecretKey::generate(algorithm).unwrap());
        let entries: Vec<String> = (0..100).map(|number| format!("entry {number}")).collect();
        let tree: log::Tree = entries.iter().collect();
        let checkpoint = Checkpoint { origin: "taizhang/bureau/x".to_owned(), size: 100, root: log::root(&tree, 100).unwrap() };
        let note = countersign(&checkpoint.sign(&own).unwrap(), "taizhang/unit/y", &other).unwrap();
        let proof = Proof { index: 42, path: log::inclusion(&tree, 42, 100).unwrap(), note };
        let text = proof.to_string();
        fs::write(folder.path().join("proof"), &text).unwrap();
        for (name, key) in [("own", &own), ("other", &other)] {
            fs::write(folder.path().join(format!("{name}.der")), key.public_key().der()).unwrap();
        }
        let script = format!(
            r#"{LOG}
head, rest = open("proof").read().split("\n\n", 1)
name, index, *hashes = head.split("\n")
assert name == "c2sp.org/tlog-proof@v1" and index == "index 42"
hashes = [base64.b64decode(hash) for hash in hashes]
entries = [f"entry {{number}}".encode() for number in range(100)]
assert hashes == path(42, entries)
text, signatures = rest.rsplit("\n\n", 1)
text += "\n"
origin, size, root = text.split("\n")[:3]
assert (origin, size, base64.b64decode(root)) == ("taizhang/bureau/x", "100", mth(entries))
open("text", "w").write(text)
for file, line in zip(["own", "other"], signatures.splitlines()):
    dash, name, value = line.split(" ")
    assert dash == "\u2014"
    value = base64.b64decode(value)
    key = open(file + ".der", "rb").read()
    id = sha(key) if sys.argv[1] == "p256" else sha(name.encode() + b"\n\xfftaizhang/sm2-sm3" + key)
    assert value[:4] == id[:4], line
    open(file + ".sig", "wb").write(value[4:])
"#
        );
        let kind = if algorithm == Algorithm::P256 { "p256" } else { "sm2" };
        run(Command::new("python3").current_dir(folder.path()).args(["-c", &script, kind]));
        let digest = if algorithm == Algorithm::P256 { "sha256" } else { "sm3 -pkeyopt distid:1234567812345678" };
        let verify = |name: &str| {
            openssl(
                folder.path(),
                &format!(
                    "pkeyutl -verify -rawin -digest {digest} -pubin -keyform DER -inkey {name}.der -in text -sigfile {name}.sig"
                ),
            )
        };
        run(&mut verify("own"));
        run(&mut verify("other"));
        fs::write(folder.path().join("text"), "other").unwrap();
        assert!(!works(&mut verify("own")));
        // And so do we.
        let read = Proof::parse(&text).unwrap();
        assert_eq!(read, proof);
        assert_eq!(read.verify(b"entry 42", own.public_key()), Ok(checkpoint));
        assert_eq!(read.verify(b"entry 43", own.public_key()).unwrap_err().code, "log-proof-wrong");
        assert_eq!(read.verify(b"entry 42", other.public_key()).unwrap_err().code, "checkpoint-unsigned");
        assert_eq!(read.note.verify("taizhang/unit/y", other.public_key()), Ok(()));
        let changed = text.replacen("\n100\n", "\n101\n", 1);
        assert_eq!(
            Proof::parse(&changed).unwrap().verify(b"entry 42", own.public_key()).unwrap_err().code,
            "checkpoint-signature-wrong"
        );
        for (from, to) in
            [("index 42", "index 042"), ("\n100\n", "\n0100\n"), ("— ", "- "), ("tlog-proof@v1", "tlog-proof@v2"), ("\n\n", "\n")]
        {
            assert!(Proof::parse(&text.replacen(from, to, 1)).is_err(), "{from}");
        }
    }
}

#[test]
fn notes_of_other_shapes_are_refused() {
    let key = SecretKey::generate(Algorithm::P256).unwrap();
    let good = Checkpoint { origin: "log".to_owned(), size: 0, root: Digest::of(b"") }.sign(&key).unwrap();
    assert_eq!(Note::parse(&good.to_string()), Ok(good.clone()));
    assert_eq!(good.names().collect::<Vec<_>>(), ["log"]);
    assert_eq!(countersign(&good, "a name", &key).unwrap_err().code, "checkpoint-name");
    let text = good.to_string();
    for other in [
        "",
        "\n\n",
        &text.replace("log\n0", "log\n00"),
        &text.replace("\n\n", "\nextension\n\n"),
        text.trim_end(),
        &format!("{text}\n"),
    ] {
        assert_eq!(Note::parse(other).unwrap_err().code, "checkpoint-damaged", "{other:?}");
    }
}

#[test]
fn python_checks_a_disclosed_voucher_by_the_specification() {
    let line = |voucher: &str, account: &str, debit: i128, credit: i128| {
        let mut bytes = Vec::new();
        let texts = [Some(voucher), Some(account), None, Some("记"), Some("2026-10-31")];
        texts.into_iter().chain([None; 10]).for_each(|text| put_text(&mut bytes, text));
        [Some(debit), Some(credit), None, None].into_iter().for_each(|amount| put_amount(&mut bytes, amount));
        bytes
    };
    let unit = 1_000_000_000;
    let lines =
        |voucher: &str, amount: i128| vec![line(voucher, "6001", 0, amount * unit), line(voucher, "1122", amount * unit, 0)];
    let leaves: Vec<Digest> = (0..11).map(|number| leaf("2026-10", &mut lines(&number.to_string(), -number))).collect();
    let own = leaf("2026-10", &mut lines("7", -7));
    let shown = |account: &str, debit: &str, credit: &str| json!({ "voucher": "7", "account": account, "kind": "记", "date": "2026-10-31", "debit": debit, "credit": credit });
    let proof = VoucherProof {
        payload: Digest::of(b"package"),
        book: "main".to_owned(),
        period: "2026-10".to_owned(),
        root: root(leaves.clone()),
        path: Path::find(leaves, own).unwrap(),
        lines: vec![shown("1122", "-7", "0"), shown("6001", "0", "-7")],
    };
    assert_eq!(proof.verify(), Ok(()));
    let bytes = proof.to_bytes().unwrap();
    assert_eq!(VoucherProof::from_bytes(&bytes), Ok(proof.clone()));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("proof.json"), &bytes).unwrap();
    let script = r#"
import hashlib, json
from decimal import Decimal
proof = json.load(open("proof.json"))
def sha(data): return hashlib.sha256(data).digest()
def text(value):
    return b"\xff" * 4 if value is None else len(value.encode()).to_bytes(4, "big") + value.encode()
def amount(value):
    return b"\0" if value is None else b"\1" + int(Decimal(value) * 10**9).to_bytes(16, "big", signed=True)
texts = "voucher account number kind date line summary currency unit party product department project person closing".split()
amounts = "debit credit foreign_amount quantity".split()
def canonical(line):
    return b"".join(text(line.get(name)) for name in texts) + b"".join(amount(line.get(name)) for name in amounts)
lines = sorted(canonical(line) for line in proof["lines"])
hash = sha(b"\0" + text(proof["period"]) + len(lines).to_bytes(4, "big") + b"".join(lines))
place, count, siblings = proof["index"], proof["count"], [bytes.fromhex(sibling) for sibling in proof["siblings"]]
while count > 1:
    if place % 2: hash = sha(b"\1" + siblings.pop(0) + hash)
    elif place + 1 < count: hash = sha(b"\1" + hash + siblings.pop(0))
    place, count = place // 2, (count + 1) // 2
assert not siblings and hash.hex() == proof["root"]
"#;
    run(Command::new("python3").current_dir(folder.path()).args(["-c", script]));
    // Another amount, another voucher's line, a line less, a strange column.
    let other = |lines: Vec<serde_json::Value>| VoucherProof { lines, ..proof.clone() }.verify().unwrap_err().code;
    assert_eq!(other(vec![shown("1122", "-8", "0"), shown("6001", "0", "-7")]), "voucher-proof-wrong");
    assert_eq!(other(vec![shown("1122", "-7", "0")]), "voucher-proof-wrong");
    assert_eq!(other(Vec::new()), "voucher-proof-damaged");
    let mut strange = shown("6001", "0", "-7");
    strange["note"] = json!("x");
    assert_eq!(other(vec![shown("1122", "-7", "0"), strange]), "voucher-proof-damaged");
}
