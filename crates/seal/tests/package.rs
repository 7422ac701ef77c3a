//! Packages: signed by people, verified by whoever has the roots, and by OpenSSL.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

mod house;

use house::{House, UNIT, payload, time};
use seal::{Algorithm, Demands, Limits, Moment, Package, Role};

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
