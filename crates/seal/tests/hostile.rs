//! Whatever bytes come in, reading them ends in a value or a name, and never in a panic.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

mod house;

use std::sync::LazyLock;

use house::{House, UNIT, payload, subject, time};
use proptest::prelude::*;
use seal::{
    Algorithm, Authority, Certificate, Demands, Limits, Moment, Note, Package, Proof, PublicKey, Receipt, Received, Request,
    RevocationList, Role, SecretKey, Signer as _, VoucherProof, canonical, container,
};

/// Good bytes of each kind, of both algorithms.
static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut good = Vec::new();
    for algorithm in [Algorithm::P256, Algorithm::Sm2] {
        let house = House::new(algorithm);
        let person = house.person(UNIT, "王芳", &[Role::Preparer]);
        let at = time("2026-11-05T08:00:00Z");
        let mut package = Package::new(payload()).unwrap();
        package.sign(&person.identity(), Role::Preparer, at).unwrap();
        good.push(package.signature(Role::Preparer).unwrap().1.to_vec());
        good.push(person.chain[0].der().to_vec());
        good.push(person.key.to_pkcs8().unwrap().to_vec());
        good.push(person.key.public_key().der().to_vec());
        good.push(Request::new(&person.key, &subject(UNIT, "王芳", &[])).unwrap().der().to_vec());
        let revoked = [(person.chain[0].serial(), at)].into();
        good.push(Authority::new(house.authority.identity()).unwrap().revocation_list(1, &revoked, at, at).unwrap());
    }
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/p256-receipt.asice");
    let receipt = Received::read(&std::fs::read(data).unwrap(), Limits::default()).unwrap();
    good.extend(receipt.package.payload().files().map(|(_, bytes)| bytes.to_vec()));
    good.push(
        br#"{"book":"main","count":1,"format":"taizhang-voucher-proof/1","index":0,"lines":[{"voucher":"1"}],"payload":"00"}"#
            .to_vec(),
    );
    good
});

/// Hands bytes to everything that reads.
fn read(bytes: &[u8]) {
    let _ = Certificate::from_der(bytes);
    let _ = PublicKey::from_der(bytes);
    let _ = SecretKey::from_pkcs8(bytes);
    let _ = Request::from_der(bytes);
    let _ = RevocationList::from_der(bytes);
    let _ = Receipt::from_bytes(bytes);
    let _ = VoucherProof::from_bytes(bytes).map(|proof| proof.verify());
    let _ = canonical::from_bytes(bytes);
    let _ = container::read(bytes, Limits::default());
    let text = String::from_utf8_lossy(bytes);
    let _ = Note::parse(&text);
    let _ = Proof::parse(&text);
    let _ = Certificate::from_pem(&text);
    let _ = SecretKey::from_pem(&text, b"secret");
    // As the signature of a package.
    let mut package = Package::new(payload()).unwrap();
    package.sign(&PERSON.1.identity(), Role::Preparer, time("2026-11-05T08:00:00Z")).unwrap();
    let mut files = container::read(&package.write(Limits::default()).unwrap(), Limits::default()).unwrap();
    files.insert("META-INF/signature-preparer.p7s".to_owned(), bytes.to_vec());
    let package = Package::read(&container::write(&files, Limits::default()).unwrap(), Limits::default()).unwrap();
    let trust = PERSON.0.trust(Moment::At(time("2026-11-05T08:00:00Z")));
    assert!(!package.verify(&trust, &Demands::default()).is_valid());
}

static PERSON: LazyLock<(House, house::Person)> = LazyLock::new(|| {
    let house = House::new(Algorithm::P256);
    let person = house.person(UNIT, "王芳", &[Role::Preparer]);
    (house, person)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_bytes_never_panic(which in any::<prop::sample::Index>(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(), cuts in any::<bool>()) {
        let mut bytes = which.get(&GOOD).clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        read(&bytes);
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }
}
