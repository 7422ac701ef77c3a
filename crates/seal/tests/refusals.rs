//! What is refused, each with its name: other people's certificates, other files, other times, and any byte that is not as it was.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

mod house;

use std::collections::BTreeMap;

use house::{BUREAU, House, Person, UNIT, payload, subject, time};
use proptest::prelude::*;
use seal::{
    Algorithm, Authority, Checkpoint, Demands, Digest, Finding, Form, Limits, Moment, Package, Payload, Profile, Proof, Receipt,
    Received, RevocationList, Role, Scan, Signer as _, Time, Trust, Verdict, container, countersign, log,
};

const ALL: [Algorithm; 2] = [Algorithm::P256, Algorithm::Sm2];

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code.as_ref()).collect()
}

fn signed_at() -> Time {
    time("2026-11-05T08:00:00Z")
}

/// A package signed by one person in one role.
fn signed(person: &Person, role: Role, at: Time) -> Package {
    let mut package = Package::new(payload()).unwrap();
    package.sign(&person.identity(), role, at).unwrap();
    package
}

fn verify(package: &Package, trust: &Trust) -> Vec<String> {
    package.verify(trust, &Demands::default()).findings.into_iter().map(|finding| finding.code.into_owned()).collect()
}

#[test]
fn certificates_that_do_not_hold_are_named() {
    let (house, other) = (House::new(Algorithm::P256), House::new(Algorithm::P256));
    let now = Moment::At(time("2026-11-06T00:00:00Z"));
    let trust = house.trust(now);
    let of = |profile, from: &str, until: &str, at: &str| {
        let person = house.person_of(profile, &subject(UNIT, "王芳", &[Role::Preparer]), from, until);
        signed(&person, Role::Preparer, time(at))
    };
    let (year, next) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    let good = of(Profile::Person, year, next, "2026-11-05T08:00:00Z");
    assert_eq!(verify(&good, &trust), [""; 0]);
    assert_eq!(verify(&good, &other.trust(now)), ["certificate-untrusted"]);
    let expired = of(Profile::Person, year, "2026-11-05T12:00:00Z", "2026-11-05T08:00:00Z");
    assert_eq!(verify(&expired, &trust), ["certificate-expired"]);
    // In an archive it is judged by when it was signed.
    assert_eq!(verify(&expired, &house.trust(Moment::Signed(time("2030-01-01T00:00:00Z")))), [""; 0]);
    let early = of(Profile::Person, "2026-11-05T12:00:00Z", next, "2026-11-05T08:00:00Z");
    assert_eq!(verify(&early, &trust), ["signature-time"]);
    let late = of(Profile::Person, year, next, "2026-11-06T00:05:01Z");
    assert_eq!(verify(&late, &trust), ["signature-time"]);
    let skewed = of(Profile::Person, year, next, "2026-11-06T00:05:00Z");
    assert_eq!(verify(&skewed, &trust), [""; 0]);
    let future = of(Profile::Person, "2026-12-01T00:00:00Z", next, "2026-12-02T00:00:00Z");
    assert_eq!(verify(&future, &trust), ["signature-time", "certificate-not-yet-valid"]);
    let authority = of(Profile::Authority(0), year, next, "2026-11-05T08:00:00Z");
    assert_eq!(verify(&authority, &trust), ["certificate-purpose"]);

    let authority = Authority::new(house.authority.identity()).unwrap();
    let (from, until) = (time("2026-11-01T00:00:00Z"), time("2026-12-01T00:00:00Z"));
    let person = house.person(UNIT, "王芳", &[Role::Preparer]);
    let good = signed(&person, Role::Preparer, signed_at());
    let revoked = |since: &str| {
        let list = authority.revocation_list(1, &BTreeMap::from([(person.chain[0].serial(), time(since))]), from, until).unwrap();
        Trust { revoked: vec![RevocationList::from_der(&list).unwrap()], ..trust.clone() }
    };
    assert_eq!(verify(&good, &revoked("2026-11-01T00:00:00Z")), ["certificate-revoked"]);
    assert_eq!(verify(&good, &revoked("2026-11-07T00:00:00Z")), [""; 0]);
    // A list that somebody else made under the same name is no list.
    let false_authority = Authority::new(other.authority.identity()).unwrap();
    let list = false_authority.revocation_list(1, &BTreeMap::new(), from, until).unwrap();
    let wrong = Trust { revoked: vec![RevocationList::from_der(&list).unwrap()], ..trust.clone() };
    assert_eq!(verify(&good, &wrong), ["revocation-list-wrong"]);
}

#[test]
fn who_is_no_authority_cannot_issue() {
    let house = House::new(Algorithm::P256);
    let person = house.person(UNIT, "王芳", &[Role::Preparer]);
    assert_eq!(Authority::new(person.identity()).err().unwrap().code, "certificate-no-authority");
    // An authority that may have none below it.
    let below =
        house.person_of(Profile::Authority(0), &subject(BUREAU, "下级", &[]), "2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
    let issuer = Authority::new(below.identity()).unwrap();
    let own = issuer.issue(
        person.chain[0].public_key(),
        person.chain[0].subject(),
        Profile::Person,
        signed_at(),
        time("2027-01-01T00:00:00Z"),
    );
    let chain = [&[own.unwrap()], &below.chain[..]].concat();
    let person = Person { key: person.key, chain };
    let package = signed(&person, Role::Preparer, signed_at());
    assert_eq!(verify(&package, &house.trust(Moment::At(signed_at()))), ["certificate-no-authority"]);
    // Certificates that lead nowhere are not carried along.
    let extra = house.person(UNIT, "李明", &[]);
    let good = house.person(UNIT, "王芳", &[Role::Preparer]);
    let more = Person { key: good.key, chain: [&good.chain[..], &extra.chain[..1]].concat() };
    let package = signed(&more, Role::Preparer, signed_at());
    assert_eq!(verify(&package, &house.trust(Moment::At(signed_at()))), ["certificate-superfluous"]);
}

#[test]
fn roles_units_and_persons_must_agree() {
    let house = House::new(Algorithm::P256);
    let trust = house.trust(Moment::At(signed_at()));
    let all = [Role::Preparer, Role::StatisticsHead, Role::UnitHead];
    let one = house.person(UNIT, "王芳", &all);
    let stranger = house.person("91330100MA2H2BBX4L", "李明", &all);
    let head = house.person(UNIT, "李明", &[Role::StatisticsHead]);
    let mut package = signed(&one, Role::Preparer, signed_at());
    let demands = Demands { unit: Some(UNIT.to_owned()), roles: all.to_vec() };
    let found = |package: &Package, demands: &Demands| package.verify(&trust, demands).findings;
    assert_eq!(codes(&found(&package, &demands)), ["signature-missing", "signature-missing"]);
    assert_eq!(package.sign(&head.identity(), Role::UnitHead, signed_at()).unwrap_err().code, "signature-role-refused");
    assert_eq!(package.sign(&one.identity(), Role::Preparer, signed_at()).unwrap_err().code, "signature-doubled");
    let mut same = package.clone();
    same.sign(&one.identity(), Role::StatisticsHead, signed_at()).unwrap();
    assert_eq!(codes(&found(&same, &Demands::default())), ["signature-same-person"]);
    package.sign(&stranger.identity(), Role::StatisticsHead, signed_at()).unwrap();
    assert_eq!(codes(&found(&package, &Demands::default())), ["signature-of-another-unit"]);
    let other = Demands { unit: Some("91330100MA2H2BBX4L".to_owned()), roles: Vec::new() };
    assert_eq!(codes(&found(&package, &other)), ["signature-of-another-unit"]);
    let nobody = house.person("", "王芳", &[Role::Preparer]);
    assert_eq!(verify(&signed(&nobody, Role::Preparer, signed_at()), &trust), ["certificate-subject"]);
    let unsigned = Package::new(payload()).unwrap();
    assert_eq!(codes(&found(&unsigned, &Demands::default())), ["package-unsigned"]);
}

#[test]
fn a_print_signed_on_paper_is_attested() {
    let house = House::new(Algorithm::P256);
    let trust = house.trust(Moment::At(signed_at()));
    let preparer = house.person(UNIT, "王芳", &[Role::Preparer]);
    let head = house.person(UNIT, "李明", &[Role::StatisticsHead]);
    let mut package = signed(&preparer, Role::Preparer, signed_at());
    package.sign(&head.identity(), Role::StatisticsHead, signed_at()).unwrap();
    let digest = package.digest();
    let scan = |bytes: Vec<u8>| Scan { kind: "pdf".to_owned(), bytes };
    let whole = [&b"%PDF-1.7 scan\n"[..], &[b' '; 2000], b"%%EOF\n"].concat();
    for torn in [b"%PDF-1.7 scan %%EOF".to_vec(), whole[..2000].to_vec(), whole[1..].to_vec()] {
        let refused = package.sign_on_paper(&preparer.identity(), Role::UnitHead, scan(torn), signed_at());
        assert_eq!(refused.unwrap_err().code, "scan-unreadable");
    }
    let scan = scan(whole);
    package.sign_on_paper(&preparer.identity(), Role::UnitHead, scan, signed_at()).unwrap();
    let bytes = package.write(Limits::default()).unwrap();
    let read = Package::read(&bytes, Limits::default()).unwrap();
    // The scan is no part of what was approved: its digest is printed on the paper.
    assert_eq!(read.digest(), digest);
    let demands = Demands { unit: Some(UNIT.to_owned()), roles: vec![Role::Preparer, Role::StatisticsHead, Role::UnitHead] };
    let verification = read.verify(&trust, &demands);
    assert_eq!(verification.findings, []);
    assert_eq!(verification.signed(Role::UnitHead).unwrap().scan.as_deref(), Some("attachments/head.pdf"));
    assert_eq!(verification.signed(Role::UnitHead).unwrap().by.name, "王芳");
    let mut files = container::read(&bytes, Limits::default()).unwrap();
    files.insert("attachments/head.pdf".to_owned(), b"%PDF-1.7 other".to_vec());
    let other = Package::read(&container::write(&files, Limits::default()).unwrap(), Limits::default()).unwrap();
    assert_eq!(codes(&other.verify(&trust, &demands).findings), ["package-file-changed"]);
    files.remove("attachments/head.pdf");
    let without = Package::read(&container::write(&files, Limits::default()).unwrap(), Limits::default()).unwrap();
    assert_eq!(codes(&without.verify(&trust, &demands).findings), ["package-file-missing", "signature-role-refused"]);
}

#[test]
fn files_that_come_and_go_are_named() {
    let house = House::new(Algorithm::P256);
    let trust = house.trust(Moment::At(signed_at()));
    let person = house.person(UNIT, "王芳", &[Role::Preparer]);
    let package = signed(&person, Role::Preparer, signed_at());
    let files = container::read(&package.write(Limits::default()).unwrap(), Limits::default()).unwrap();
    type Files = BTreeMap<String, Vec<u8>>;
    let found = |change: &dyn Fn(&mut Files)| {
        let mut files = files.clone();
        change(&mut files);
        let bytes = container::write(&files, Limits::default()).unwrap();
        match Package::read(&bytes, Limits::default()) {
            Ok(package) => verify(&package, &trust),
            Err(finding) => vec![finding.code.into_owned()],
        }
    };
    assert_eq!(found(&|_| {}), [""; 0]);
    assert_eq!(found(&|files| drop(files.insert("more.txt".to_owned(), Vec::new()))), ["package-file-unlisted"]);
    assert_eq!(found(&|files| drop(files.remove("page.html"))), ["package-file-missing"]);
    assert_eq!(found(&|files| drop(files.insert("page.html".to_owned(), Vec::new()))), ["package-file-changed"]);
    assert_eq!(found(&|files| drop(files.insert("META-INF/more.xml".to_owned(), Vec::new()))), ["package-file-unexpected"]);
    assert_eq!(found(&|files| drop(files.insert("attachments/agent.pdf".to_owned(), Vec::new()))), ["signature-incomplete"]);
    assert_eq!(found(&|files| drop(files.remove("META-INF/signature-preparer.p7s"))), ["signature-incomplete"]);
    assert_eq!(found(&|files| files.retain(|name, _| name.starts_with("META-INF"))), ["package-empty"]);
    // A signature of another package, of another role, and of nobody.
    let mut other = Payload::new();
    other.insert("other.txt", "other").unwrap();
    let mut other = Package::new(other).unwrap();
    other.sign(&person.identity(), Role::Preparer, signed_at()).unwrap();
    let (manifest, cms) = other.signature(Role::Preparer).unwrap();
    assert_eq!(
        found(&|files| drop(files.insert("META-INF/signature-preparer.p7s".to_owned(), cms.to_vec()))),
        ["signature-of-other-content"]
    );
    let both = found(&|files| {
        files.insert("META-INF/signature-preparer.p7s".to_owned(), cms.to_vec());
        files.insert("META-INF/ASiCManifest-preparer.xml".to_owned(), manifest.to_vec());
    });
    assert_eq!(both, ["package-file-unlisted", "package-file-unlisted", "package-file-missing"]);
    let renamed = found(&|files| {
        for (from, to) in [
            ("META-INF/signature-preparer.p7s", "META-INF/signature-head.p7s"),
            ("META-INF/ASiCManifest-preparer.xml", "META-INF/ASiCManifest-head.xml"),
        ] {
            let bytes = files.remove(from).unwrap();
            files.insert(to.to_owned(), bytes);
        }
    });
    assert_eq!(renamed, ["manifest-damaged", "signature-role-refused"]);
    assert_eq!(
        found(&|files| drop(files.insert("META-INF/signature-preparer.p7s".to_owned(), Vec::new()))),
        ["signature-unreadable"]
    );
}

/// A receipt of `package` in a log with a few entries, signed.
fn receipt(house: &House, package: &Package) -> Package {
    let bureau = house.person_of(
        Profile::Receiver,
        &subject(BUREAU, "接收机", &[Role::Receiver]),
        "2026-01-01T00:00:00Z",
        "2028-01-01T00:00:00Z",
    );
    let agent = house.person(UNIT, "台账机", &[Role::Agent]);
    let bytes = package.write(Limits::default()).unwrap();
    let receipt = Receipt {
        payload: package.digest(),
        package: Digest::of(&bytes),
        unit: UNIT.to_owned(),
        channel: "companion".to_owned(),
        test: false,
        forms: vec![Form { form: "B203-1".to_owned(), edition: "2026".to_owned(), period: "2026-10".to_owned(), version: 1 }],
        received: signed_at(),
        receiver: (BUREAU.to_owned(), "示例区统计局".to_owned()),
        verdict: Verdict::Refused,
        reasons: vec![Finding::error("certificate-expired").at("preparer").with("until", "2026-01-01T00:00:00Z")],
        audit: serde_json::json!({ "mandatory_failed": 0 }),
    };
    let entry = receipt.to_bytes().unwrap();
    let tree: log::Tree = [&b"one"[..], b"two", &entry, b"four", b"five"].into_iter().collect();
    let origin = format!("taizhang/bureau/{BUREAU}");
    let root = log::root(&tree, tree.size()).unwrap();
    let note = Checkpoint { origin: origin.clone(), size: tree.size(), root }.sign(&bureau.key).unwrap();
    let proof = Proof { index: 2, path: log::inclusion(&tree, 2, tree.size()).unwrap(), note };
    let own = Checkpoint { origin: format!("taizhang/unit/{UNIT}"), size: 0, root: Digest::of(b"") }.sign(&agent.key).unwrap();
    let own = countersign(&own, &origin, &bureau.key).unwrap();
    let mut receipt = receipt.package(&proof, Some(&own)).unwrap();
    receipt.sign(&bureau.identity(), Role::Receiver, signed_at()).unwrap();
    receipt
}

#[test]
fn receipts_hold_and_name_their_package() {
    for algorithm in ALL {
        let house = House::new(algorithm);
        let person = house.person(UNIT, "王芳", &[Role::Preparer]);
        let package = signed(&person, Role::Preparer, signed_at());
        let bytes = receipt(&house, &package).write(Limits::default()).unwrap();
        let received = Received::read(&bytes, Limits::default()).unwrap();
        let verification = received.verify(&house.trust(Moment::At(signed_at())));
        assert_eq!(verification.findings, []);
        assert_eq!(verification.signatures[0].by.unit, BUREAU);
        assert_eq!(received.is_of(&package), Ok(()));
        assert_eq!(received.receipt.reasons[0].code, "certificate-expired");
        let mut other = Payload::new();
        other.insert("a", "b").unwrap();
        assert_eq!(received.is_of(&Package::new(other).unwrap()).unwrap_err().code, "receipt-of-another-package");
        // A person's signature makes no receipt.
        let unsigned = Package::new(received.package.payload().clone()).unwrap().write(Limits::default()).unwrap();
        let unsigned = Received::read(&unsigned, Limits::default()).unwrap();
        assert_eq!(codes(&unsigned.verify(&house.trust(Moment::At(signed_at()))).findings), ["signature-missing"]);
    }
}

/// The other value of an ECDSA signature, which anybody can compute: the order of P-256 minus the second number. Python does the sum.
fn negated(signature: &[u8]) -> Vec<u8> {
    let script = "import sys
n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
data = bytes.fromhex(sys.argv[1]); at = 4 + data[3]
r, s = data[2:at], int.from_bytes(data[at + 2:], 'big')
s = n - s; body = s.to_bytes((s.bit_length() + 8) // 8, 'big')
out = r + bytes([2, len(body)]) + body
print((bytes([48, len(out)]) + out).hex())";
    let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let out = std::process::Command::new("python3").args(["-c", script, &hex]).output().unwrap();
    let hex = String::from_utf8(out.stdout).unwrap();
    let hex = hex.trim();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn an_ecdsa_signature_has_one_form() {
    let house = House::new(Algorithm::P256);
    let key = &house.root.key;
    let signature = key.sign(b"text").unwrap();
    let other = negated(&signature);
    assert_ne!(signature, other);
    assert!(key.public_key().verifies(b"text", &other), "others may write certificates so");
    assert!(key.public_key().verifies_one(b"text", &signature));
    assert!(!key.public_key().verifies_one(b"text", &other));
}

/// What is wrong with a container; a name for anything that is not as it was.
fn judge(bytes: &[u8], is_receipt: bool, trust: &Trust) -> Vec<String> {
    let found = if is_receipt {
        Received::read(bytes, Limits::default()).map(|received| received.verify(trust))
    } else {
        Package::read(bytes, Limits::default()).map(|package| package.verify(trust, &Demands::default()))
    };
    let findings = found.map_or_else(|finding| vec![finding], |verification| verification.findings);
    findings.into_iter().map(|finding| finding.code.into_owned()).collect()
}

#[test]
fn any_byte_of_any_file_that_changes_is_found() {
    for algorithm in ALL {
        let house = House::new(algorithm);
        let trust = house.trust(Moment::At(signed_at()));
        let person = house.person(UNIT, "王芳", &[Role::Preparer]);
        let package = signed(&person, Role::Preparer, signed_at());
        for (whole, is_receipt) in [(package.clone(), false), (receipt(&house, &package), true)] {
            let bytes = whole.write(Limits::default()).unwrap();
            assert_eq!(judge(&bytes, is_receipt, &trust), [""; 0]);
            // Whoever changes a file also writes the container anew, so that its checksums are right.
            let files = container::read(&bytes, Limits::default()).unwrap();
            for (name, content) in &files {
                for at in 0..content.len() {
                    let mut content = content.clone();
                    content[at] ^= 1 << (at % 8);
                    let mut files = files.clone();
                    files.insert(name.clone(), content);
                    let bytes = container::write(&files, Limits::default()).unwrap();
                    assert_ne!(judge(&bytes, is_receipt, &trust), [""; 0], "{name}, byte {at}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_of_any_kind_are_refused_by_name(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0_usize..4000, at in 0_usize..4000, bit in 0_u8..8) {
        use std::sync::LazyLock;
        static CASE: LazyLock<(House, Vec<u8>)> = LazyLock::new(|| {
            let house = House::new(Algorithm::P256);
            let package = signed(&house.person(UNIT, "王芳", &[Role::Preparer]), Role::Preparer, signed_at());
            let bytes = package.write(Limits::default()).unwrap();
            (house, bytes)
        });
        let (house, good) = &*CASE;
        let trust = house.trust(Moment::At(signed_at()));
        let mut spliced = good.clone();
        let cut = cut % good.len();
        spliced.splice(cut..cut, bytes.iter().copied());
        let mut flipped = good.clone();
        flipped[at % good.len()] ^= 1 << bit;
        for other in [&bytes[..], &good[..cut], &flipped, &spliced] {
            prop_assert!(other == good.as_slice() || !judge(other, false, &trust).is_empty());
        }
    }
}
