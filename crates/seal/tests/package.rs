//! Packages: signed by people, verified by whoever has the roots, and by OpenSSL.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

mod house;

use house::{House, UNIT, payload, time};
use std::{fs, path::Path};

use seal::{Algorithm, Certificate, Demands, Digest, Limits, Moment, Package, Received, Role, Trust};

const ALL: [Algorithm; 2] = [Algorithm::P256, Algorithm::Sm2];

#[test]
fn two_people_sign_all_roles() {
    for algorithm in ALL {
        let house = House::new(algorithm);
        let preparer = house.person(UNIT, "王芳", &[Role::Preparer]);
        let head = house.person(UNIT, "李明", &[Role::StatisticsHead, Role::UnitHead]);
        let mut package = Package::new(payload()).unwrap();
        let unsigned = package.write(Limits::default()).unwrap();
        let at = time("2026-11-05T08:00:00Z");
        package.sign(&preparer.identity(), Role::Preparer, at).unwrap();
        package.sign(&head.identity(), Role::StatisticsHead, at).unwrap();
        package.sign(&head.identity(), Role::UnitHead, at).unwrap();
        assert_eq!(package.sign(&preparer.identity(), Role::FinanceHead, at).unwrap_err().code, "signature-role-refused");
        let bytes = package.write(Limits::default()).unwrap();
        let read = Package::read(&bytes, Limits::default()).unwrap();
        assert_eq!(read, package);
        assert_eq!(Package::read(&unsigned, Limits::default()).unwrap().digest(), read.digest());
        let demands = Demands { unit: Some(UNIT.to_owned()), roles: vec![Role::Preparer, Role::StatisticsHead, Role::UnitHead] };
        let verification = read.verify(&house.trust(Moment::At(time("2026-11-06T00:00:00Z"))), &demands);
        assert_eq!(verification.findings, []);
        assert_eq!(verification.signed(Role::UnitHead).unwrap().by.name, "李明");
        assert_eq!(verification.signed(Role::Preparer).unwrap().at, at);
        assert_eq!(verification.signed(Role::Preparer).unwrap().algorithm, algorithm);
    }
}

/// Files of `tests/data` were made once, by keys that are gone. Whatever changes here, they are read as they were, and written as they are.
#[test]
fn packages_of_the_first_version_still_hold() {
    for name in ["p256", "sm2"] {
        let read =
            |file: &str| fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{name}-{file}"))).unwrap();
        let roots = Certificate::from_pem(&String::from_utf8(read("root.pem")).unwrap()).unwrap();
        // Long after every certificate has expired.
        let trust = Trust { roots, revoked: Vec::new(), moment: Moment::Signed(time("2056-01-01T00:00:00Z")) };
        let bytes = read("package.asice");
        let package = Package::read(&bytes, Limits::default()).unwrap();
        assert_eq!(package.write(Limits::default()).unwrap(), bytes);
        // By the command of docs/specs/package.md.
        assert_eq!(package.digest().to_string(), "6873a7380c826a588aaf27fe0a70509b7cb8d7b4e8a7245206f4eb4849a2d111");
        assert_eq!(package.digest(), payload().digest());
        let demands = Demands { unit: Some(UNIT.to_owned()), roles: vec![Role::Preparer, Role::StatisticsHead, Role::UnitHead] };
        let verification = package.verify(&trust, &demands);
        assert_eq!(verification.findings, []);
        assert_eq!(verification.signed(Role::UnitHead).unwrap().scan.as_deref(), Some("attachments/head.pdf"));
        let received = Received::read(&read("receipt.asice"), Limits::default()).unwrap();
        assert_eq!(received.verify(&trust).findings, []);
        assert_eq!(received.is_of(&package), Ok(()));
        assert_eq!(received.receipt.package, Digest::of(&bytes));
        assert_eq!(received.proof.index, 2);
        assert!(!package.verify(&Trust { moment: Moment::At(time("2056-01-01T00:00:00Z")), ..trust }, &demands).is_valid());
    }
}
