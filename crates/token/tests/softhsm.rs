//! A key on a SoftHSM2 token: made there, certified, used, and verified by OpenSSL.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

#[path = "../../seal/tests/house/mod.rs"]
mod house;
#[path = "../../../tests/peers/mod.rs"]
mod peers;

use std::{env, fs, path::Path, process::Command};

use house::{House, UNIT, payload, subject, time};
use peers::{openssl, run};
use seal::{Algorithm, Authority, Demands, Identity, Moment, Package, Profile, Request, Role, Signer as _};
use token::Token;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const FOLDER: &str = "TAIZHANG_TEST_TOKEN";

/// SoftHSM2 learns from the environment where its tokens are, and a program should not change its own: so the test calls itself with another.
#[test]
fn a_key_on_a_token_signs() {
    if let Some(folder) = env::var_os(FOLDER) {
        return signs(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("tokens")).unwrap();
    fs::write(
        path.join("softhsm2.conf"),
        format!("directories.tokendir = {}\nlog.level = ERROR\n", path.join("tokens").display()),
    )
    .unwrap();
    let with = |mut command: Command| {
        command.env("SOFTHSM2_CONF", path.join("softhsm2.conf")).env(FOLDER, path);
        run(&mut command)
    };
    let mut make = Command::new("softhsm2-util");
    make.args(["--init-token", "--free", "--label", "台账", "--pin", "123456", "--so-pin", "654321"]);
    with(make);
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--exact", "a_key_on_a_token_signs", "--nocapture"]);
    with(again);
    assert!(path.join("signed").exists(), "the test in the other process did not run");
}

fn signs(folder: &Path) {
    let module = Path::new(MODULE);
    let refused = |token: &str, key: &str, pin: &str| Token::open(module, token, key, pin).err().unwrap().code;
    assert_eq!(refused("other", "wang", "123456"), "token-missing");
    assert_eq!(refused("台账", "wang", "wrong"), "token-pin-wrong");
    assert_eq!(refused("台账", "wang", "123456"), "token-key-missing");
    assert_eq!(Token::open(Path::new("/no/module.so"), "台账", "wang", "123456").err().unwrap().code, "token-module-refused");
    let made = Token::generate(module, "台账", "wang", "123456").unwrap();
    assert_eq!(Token::generate(module, "台账", "wang", "123456").err().unwrap().code, "token-key-there");

    let house = House::new(Algorithm::P256);
    let person = subject(UNIT, "王芳", &[Role::Preparer]);
    let request = Request::new(&made, &person).unwrap();
    fs::write(folder.join("request.pem"), request.to_pem().unwrap()).unwrap();
    run(&mut openssl(folder, "req -verify -noout -in request.pem"));
    let authority = Authority::new(house.authority.identity()).unwrap();
    let (from, until) = (time("2026-01-01T00:00:00Z"), time("2028-01-01T00:00:00Z"));
    let own = authority.issue(request.public_key(), &person, Profile::Person, from, until).unwrap();
    let chain = [&[own], &house.authority.chain[..]].concat();
    drop(made);

    // Found again, by its label; from several threads, one after the other on the token.
    let token = Token::open(module, "台账", "wang", "123456").unwrap();
    std::thread::scope(|scope| {
        for number in 0..4_u32 {
            let token = &token;
            scope.spawn(move || {
                let message = number.to_be_bytes();
                assert!(token.public_key().verifies(&message, &token.sign(&message).unwrap()));
            });
        }
    });
    let mut package = Package::new(payload()).unwrap();
    let at = time("2026-11-05T08:00:00Z");
    package.sign(&Identity::new(&token, chain).unwrap(), Role::Preparer, at).unwrap();
    assert_eq!(package.verify(&house.trust(Moment::At(at)), &Demands::default()).findings, []);
    let (manifest, cms) = package.signature(Role::Preparer).unwrap();
    fs::write(folder.join("manifest"), manifest).unwrap();
    fs::write(folder.join("signature"), cms).unwrap();
    fs::write(folder.join("root.pem"), house.root.chain[0].to_pem().unwrap()).unwrap();
    let verify =
        "cms -verify -binary -inform DER -in signature -content manifest -CAfile root.pem -attime 1793865600 -out signed";
    run(&mut openssl(folder, verify));
}
