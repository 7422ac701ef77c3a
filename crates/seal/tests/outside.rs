//! What others read of ours, and we of theirs: OpenSSL, unzip, Python, and two SM2 libraries from PyPI.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

mod house;
#[path = "../../../tests/peers/mod.rs"]
mod peers;

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use house::{House, UNIT, payload, subject, time};
use peers::{openssl, run, works};
use seal::{
    Algorithm, Authority, Certificate, Demands, Identity, Limits, Moment, Package, Request, RevocationList, Role, SecretKey,
    Signer as _, Trust,
};

const ALL: [Algorithm; 2] = [Algorithm::P256, Algorithm::Sm2];

/// The ID that Chinese tools hash with a key; OpenSSL must be told.
const DISTID: &str = "distid:1234567812345678";

/// SM2 libraries from PyPI: neither knows the other, OpenSSL or us.
const SM2: [&str; 2] = ["gmalg==1.1.2", "gmssl==3.2.2"];

fn signed(house: &House) -> Package {
    let preparer = house.person(UNIT, "王芳", &[Role::Preparer]);
    let mut package = Package::new(payload()).unwrap();
    package.sign(&preparer.identity(), Role::Preparer, time("2026-11-05T08:00:00Z")).unwrap();
    package
}

/// Writes the certificates of a house and a package into a folder, unpacked by `unzip`.
fn unpack(house: &House, package: &Package, folder: &Path) {
    fs::write(folder.join("root.pem"), house.root.chain[0].to_pem().unwrap()).unwrap();
    fs::write(folder.join("package.asice"), package.write(Limits::default()).unwrap()).unwrap();
    run(Command::new("unzip").current_dir(folder).args(["-q", "package.asice", "-d", "out"]));
}

#[test]
fn zip_tools_read_the_container_and_recompute_the_digest() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(Algorithm::P256);
    let package = signed(&house);
    unpack(&house, &package, folder.path());
    run(Command::new("unzip").current_dir(folder.path()).args(["-t", "package.asice"]));
    // Payload digest, as the specification tells anyone to compute it.
    let digest = run(Command::new("sh").current_dir(folder.path().join("out")).args([
        "-c",
        "find . -type f -printf '%P\\n' | grep -v -e '^mimetype$' -e '^META-INF/' -e '^attachments/' | LC_ALL=C sort | xargs sha256sum | sha256sum",
    ]));
    assert_eq!(digest.split(' ').next().unwrap(), package.digest().to_string());
    let script = r#"
import sys, zipfile, hashlib, base64, xml.etree.ElementTree as xml
package = zipfile.ZipFile(sys.argv[1])
assert package.testzip() is None
first = package.infolist()[0]
assert (first.filename, first.compress_type, first.header_offset) == ("mimetype", zipfile.ZIP_STORED, 0)
assert package.read("mimetype") == b"application/vnd.etsi.asic-e+zip"
assert open(sys.argv[1], "rb").read()[38:69] == b"application/vnd.etsi.asic-e+zip"
asic, ds = "{http://uri.etsi.org/02918/v1.2.1#}", "{http://www.w3.org/2000/09/xmldsig#}"
manifest = xml.fromstring(package.read("META-INF/ASiCManifest-preparer.xml"))
assert manifest.tag == asic + "ASiCManifest"
assert [child.tag for child in manifest][0] == asic + "SigReference"
assert manifest[0].get("URI") in package.namelist()
for reference in manifest[1:]:
    assert reference.tag == asic + "DataObjectReference"
    assert reference.find(ds + "DigestMethod").get("Algorithm") == "http://www.w3.org/2001/04/xmlenc#sha256"
    said = base64.b64decode(reference.find(ds + "DigestValue").text)
    assert said == hashlib.sha256(package.read(reference.get("URI"))).digest()
    print(reference.get("URI"))
"#;
    let listed = run(Command::new("python3").current_dir(folder.path()).args(["-c", script, "package.asice"]));
    assert_eq!(listed.lines().collect::<Vec<_>>(), ["page.html", "report/B203.json"]);
}

#[test]
fn openssl_verifies_p256_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(Algorithm::P256);
    unpack(&house, &signed(&house), folder.path());
    let verify = "cms -verify -binary -inform DER -in out/META-INF/signature-preparer.p7s -content out/META-INF/ASiCManifest-preparer.xml \
                  -CAfile root.pem -cades -attime 1793865600 -out /dev/null";
    run(&mut openssl(folder.path(), verify));
    let manifest = folder.path().join("out/META-INF/ASiCManifest-preparer.xml");
    fs::write(&manifest, [&fs::read(&manifest).unwrap()[..], b" "].concat()).unwrap();
    assert!(!works(&mut openssl(folder.path(), verify)));
}

#[test]
fn others_verify_sm2_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(Algorithm::Sm2);
    unpack(&house, &signed(&house), folder.path());
    // Takes the signature apart by its DER alone and asks both libraries; leaves the parts for OpenSSL.
    let script = r#"
import sys, gmalg
from gmssl import sm2, sm3, func
ID = b"1234567812345678"

def items(data):
    at, out = 0, []
    while at < len(data):
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7f
            length, start = int.from_bytes(data[start:start + count], "big"), start + count
        out.append((tag, data[start:start + length], data[at:start + length]))
        at = start + length
    return out

cms = open("out/META-INF/signature-preparer.p7s", "rb").read()
content = open("out/META-INF/ASiCManifest-preparer.xml", "rb").read()
outer = items(items(cms)[0][1])
assert outer[0][2].hex() == "060a2a811ccf550601040202", outer[0][2].hex()
version, digests, encap, certificates, infos = items(items(outer[1][1])[0][1])
info = items(items(infos[1])[0][1])
attributes, signature = info[3], info[5][1]
assert attributes[0] == 0xa0
signed = b"\x31" + attributes[2][1:]
values = {items(attribute)[0][2].hex(): items(items(attribute)[1][1])[0] for _, attribute, _ in items(attributes[1])}
said = values["06092a864886f70d010904"][1]
serial = items(info[1][1])[1][1]
own = [c for _, c, _ in items(certificates[1]) if items(items(c)[0][1])[1][1] == serial][0]
key = items(items(items(own)[0][1])[6][1])[1][1][1:]
assert key[0] == 4 and len(key) == 65
r, s = (int.from_bytes(number, "big") for _, number, _ in items(items(signature)[0][1]))

hash = gmalg.SM3()
hash.update(content)
assert said == hash.value()
assert said.hex() == sm3.sm3_hash(func.bytes_to_list(content))
raw = r.to_bytes(32, "big"), s.to_bytes(32, "big")
def by_gmalg(message):
    return gmalg.SM2(uid=ID, pk=key).verify(message, *raw)
def by_gmssl(message):
    other = sm2.CryptSM2(private_key="", public_key=key[1:].hex())
    digest = other._sm3_z(message)
    return other.verify((raw[0] + raw[1]).hex(), bytes.fromhex(digest))
for library in by_gmalg, by_gmssl:
    assert library(signed), library
    assert not library(signed + b" "), library
open("signed", "wb").write(signed)
open("signature", "wb").write(signature)
"#;
    run(Command::new(peers::python(&SM2)).current_dir(folder.path()).args(["-c", script]));
    let parsed = Package::read(&fs::read(folder.path().join("package.asice")).unwrap(), Limits::default()).unwrap();
    let verification = parsed.verify(&house.trust(Moment::At(time("2026-11-06T00:00:00Z"))), &Demands::default());
    let own = Certificate::from_der(&verification.signatures[0].certificate).unwrap();
    fs::write(folder.path().join("own.pem"), own.to_pem().unwrap()).unwrap();
    let key = run(&mut openssl(folder.path(), "x509 -in own.pem -noout -pubkey"));
    // The steps that the specification tells anyone.
    let inside = folder.path().join("out/META-INF");
    fs::copy(folder.path().join("root.pem"), inside.join("root.pem")).unwrap();
    let specification = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/specs/package.md")).unwrap();
    let steps = specification.split("```sh\n").find(|block| block.starts_with("p7s=")).unwrap().split("```").next().unwrap();
    let told = || Command::new("sh").current_dir(&inside).args(["-ec", steps]).output().unwrap();
    let said = String::from_utf8(told().stdout).unwrap();
    assert!(said.contains("Signature Verified Successfully"), "{said}");
    for (above, below) in [("root.pem", "others.pem"), ("others.pem", "signer.pem")] {
        run(&mut openssl(&inside, &format!("verify -vfyopt {DISTID} -partial_chain -CAfile {above} {below}")));
    }
    let manifest = inside.join("ASiCManifest-preparer.xml");
    let whole = fs::read(&manifest).unwrap();
    fs::write(&manifest, [&whole[..], b" "].concat()).unwrap();
    assert!(!told().status.success(), "another manifest");
    fs::write(&manifest, whole).unwrap();
    fs::write(folder.path().join("key.pem"), key).unwrap();
    let verify =
        format!("pkeyutl -verify -rawin -digest sm3 -pkeyopt {DISTID} -pubin -inkey key.pem -in signed -sigfile signature");
    run(&mut openssl(folder.path(), &verify));
    fs::write(folder.path().join("signed"), "other").unwrap();
    assert!(!works(&mut openssl(folder.path(), &verify)));
}

#[test]
fn openssl_reads_our_certificates_requests_keys_and_lists() {
    for algorithm in ALL {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let house = House::new(algorithm);
        let person = house.person(UNIT, "王芳", &[Role::Preparer, Role::FinanceHead]);
        file("root.pem", &house.root.chain[0].to_pem().unwrap());
        file("authority.pem", &house.authority.chain[0].to_pem().unwrap());
        file("person.pem", &person.chain[0].to_pem().unwrap());
        let options = if algorithm == Algorithm::Sm2 { format!("-vfyopt {DISTID}") } else { String::new() };
        let strict = "verify -x509_strict -attime 1793865600";
        let verify = format!("{strict} -CAfile root.pem -untrusted authority.pem person.pem");
        if algorithm == Algorithm::P256 {
            run(&mut openssl(folder.path(), &verify));
        } else {
            // OpenSSL takes the ID for the one certificate that it is asked about, not for those on the way.
            for (issuer, own) in [("root", "authority"), ("authority", "person")] {
                run(&mut openssl(folder.path(), &format!("{strict} {options} -partial_chain -trusted {issuer}.pem {own}.pem")));
            }
        }
        let text = run(&mut openssl(folder.path(), "x509 -in person.pem -noout -subject -nameopt utf8,sep_comma_plus"));
        for part in ["CN=王芳", UNIT, "title=填表人", "title=财务负责人"] {
            assert!(text.contains(part), "{text}");
        }
        // The request says that its sender has the key.
        let request = Request::new(&person.key, &subject(UNIT, "王芳", &[])).unwrap();
        file("request.pem", &request.to_pem().unwrap());
        run(&mut openssl(folder.path(), &format!("req -verify -noout -in request.pem {options}")));
        // The key file opens with its password, and with no other.
        file("key.pem", &person.key.to_pem("密码 secret".as_bytes()).unwrap());
        let key = run(Command::new("openssl").current_dir(folder.path()).args([
            "pkey",
            "-in",
            "key.pem",
            "-pubout",
            "-passin",
            "pass:密码 secret",
        ]));
        assert_eq!(key, run(&mut openssl(folder.path(), "x509 -in person.pem -noout -pubkey")));
        assert!(!works(&mut openssl(folder.path(), "pkey -in key.pem -pubout -passin pass:wrong")));
        // A revoked certificate is named by the list.
        let authority = Authority::new(house.authority.identity()).unwrap();
        let (from, until) = (time("2026-10-01T00:00:00Z"), time("2027-10-01T00:00:00Z"));
        for (revoked, good) in [(BTreeMap::new(), true), (BTreeMap::from([(person.chain[0].serial(), from)]), false)] {
            let list = authority.revocation_list(7, &revoked, from, until).unwrap();
            fs::write(folder.path().join("list.der"), list).unwrap();
            run(&mut openssl(folder.path(), "crl -inform DER -in list.der -out list.pem"));
            let text = run(&mut openssl(folder.path(), "crl -in list.pem -noout -text"));
            assert_eq!(text.contains(&person.chain[0].serial().to_uppercase()), !good, "{text}");
            // OpenSSL 3.0 checks a list's signature with an empty ID, so SM2 lists are for us to check.
            if algorithm == Algorithm::P256 {
                assert_eq!(
                    works(&mut openssl(folder.path(), &verify.replace("verify ", "verify -crl_check -CRLfile list.pem "))),
                    good
                );
            }
        }
    }
}

#[test]
fn keys_and_certificates_of_openssl_are_read() {
    for (algorithm, make) in
        [(Algorithm::P256, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"), (Algorithm::Sm2, "genpkey -algorithm SM2")]
    {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let digest = if algorithm == Algorithm::Sm2 { format!("-sm3 -sigopt {DISTID}") } else { "-sha256".to_owned() };
        let verify = if algorithm == Algorithm::Sm2 { format!("-vfyopt {DISTID}") } else { String::new() };
        run(&mut openssl(folder.path(), &format!("{make} -aes-256-cbc -pass pass:secret -out root.key")));
        run(&mut openssl(folder.path(), &format!("{make} -out plain.key")));
        run(&mut openssl(folder.path(), "pkcs8 -topk8 -in plain.key -scrypt -v2 aes-256-cbc -passout pass:secret -out own.key"));
        run(&mut openssl(
            folder.path(),
            &format!("req -x509 -new -key root.key -passin pass:secret -subj /CN=Root -days 3650 {digest} -out root.pem"),
        ));
        let names = format!("/organizationIdentifier={UNIT}/O=示例/CN=王芳/title=填表人/title=单位负责人");
        run(openssl(folder.path(), &format!("req -new -utf8 -key plain.key {digest} -out own.csr")).args(["-subj", &names]));
        fs::write(folder.path().join("usage"), "keyUsage=critical,digitalSignature,nonRepudiation\n").unwrap();
        run(&mut openssl(
            folder.path(),
            &format!(
                "x509 -req -in own.csr {verify} -CA root.pem -CAkey root.key -passin pass:secret -days 3000 {digest} -extfile usage -out own.pem"
            ),
        ));
        assert_eq!(SecretKey::from_pem(&read("own.key"), b"wrong").err().unwrap().code, "key-password-wrong");
        assert_eq!(SecretKey::from_pem(&read("plain.key"), b"secret").err().unwrap().code, "key-unprotected");
        assert_eq!(SecretKey::from_pem(&read("root.key"), b"secret").unwrap().public_key().algorithm(), algorithm);
        let key = SecretKey::from_pem(&read("own.key"), b"secret").unwrap();
        let request = Request::from_pem(&read("own.csr")).unwrap();
        assert_eq!(request.public_key(), key.public_key());
        let own = Certificate::from_pem(&read("own.pem")).unwrap();
        assert_eq!(
            own[0].subject(),
            &seal::Subject { organization: "示例".to_owned(), ..subject(UNIT, "王芳", &[Role::Preparer, Role::UnitHead]) }
        );
        assert_eq!(request.subject(), own[0].subject());
        let now = own[0].not_before();
        let mut package = Package::new(payload()).unwrap();
        package.sign(&Identity::new(&key, own).unwrap(), Role::UnitHead, now).unwrap();
        let trust = Trust {
            roots: Certificate::from_pem(&read("root.pem")).unwrap(),
            revoked: Vec::new(),
            moment: Moment::At(now.plus(60)),
        };
        let verification = package.verify(&trust, &Demands::default());
        assert_eq!(verification.findings, []);
    }
}

#[test]
fn lists_of_openssl_revoke() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(Algorithm::P256);
    let person = house.person(UNIT, "王芳", &[Role::Preparer]);
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    file("authority.pem", &house.authority.chain[0].to_pem().unwrap());
    file("authority.key", &house.authority.key.to_pem(b"secret").unwrap());
    file("person.pem", &person.chain[0].to_pem().unwrap());
    file("index.txt", "");
    file("number", "01\n");
    file("ca.cnf", "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=30\n");
    let ca = "ca -config ca.cnf -cert authority.pem -keyfile authority.key -passin pass:secret";
    run(&mut openssl(folder.path(), &format!("{ca} -revoke person.pem")));
    run(&mut openssl(folder.path(), &format!("{ca} -gencrl -out list.pem")));
    let list = RevocationList::from_pem(&fs::read_to_string(folder.path().join("list.pem")).unwrap()).unwrap();
    let now = list.this_update();
    let mut trust = house.trust(Moment::At(now.plus(10)));
    let judged = |trust: &Trust| {
        trust.chain(&person.chain[0], &person.chain[1..], now.plus(10)).map(|_| ()).map_err(|finding| finding.code)
    };
    assert_eq!(judged(&trust), Ok(()));
    trust.revoked.push(list);
    assert_eq!(judged(&trust), Err("certificate-revoked".into()));
}
