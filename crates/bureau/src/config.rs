/*! `bureau.toml`. Relative paths start at its folder; unknown keys are errors with a place. */

mod stores;

pub use stores::{Kind, Objects, ObjectsKind, S3, Store};

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use model::Finding;
use seal::Role;
use serde::Deserialize;
use settings::Shape;

use crate::failure::Failure;

const TEXT: Shape = Shape::Text;
const MUST: Shape = Shape::Must(&TEXT);
const WHOLE: Shape = Shape::Whole;
const SHAPE: Shape = Shape::Table(&[
    ("bureau", Shape::Must(&Shape::Table(&[("code", MUST), ("name", MUST)]))),
    ("state", Shape::Table(&[("dir", TEXT)])),
    ("store", stores::STORE),
    ("objects", stores::OBJECTS),
    ("keys", Shape::Table(&[("dir", TEXT), ("password", Shape::Must(&Shape::Table(&[("env", TEXT), ("file", TEXT)])))])),
    ("serve", Shape::Table(&[("listen", TEXT), ("names", Shape::List)])),
    (
        "certificates",
        Shape::Table(&[("machine_days", WHOLE), ("person_days", WHOLE), ("server_days", WHOLE), ("code_hours", WHOLE)]),
    ),
    (
        "receive",
        Shape::Table(&[
            ("roles", Shape::List),
            ("editions", Shape::List),
            ("months_back", WHOLE),
            ("signature_days", WHOLE),
            ("package_mib", WHOLE),
        ]),
    ),
    ("uploads", Shape::Table(&[("each", WHOLE), ("hours", WHOLE)])),
    ("pages", Shape::Table(&[("listen", TEXT), ("hosts", Shape::List), ("certificate", TEXT), ("key", TEXT)])),
]);

/// The configuration file, read and checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bureau's code, and its name.
    pub code: String,
    /// The bureau's name.
    pub name: String,
    /// Folder of the state.
    pub state: PathBuf,
    /// The database of the rows.
    pub store: Store,
    /// Where the bytes of packages are.
    pub objects: Objects,
    /// Folder of keys and certificates.
    pub keys: PathBuf,
    /// Where the password of the key files is.
    pub password: Secret,
    /// Folder of the configuration.
    pub folder: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Names and addresses by which agents reach it.
    pub names: Vec<String>,
    /// Days that certificates hold, and hours that codes do.
    pub certificates: Certificates,
    /// What is asked of packages.
    pub receive: Receive,
    /// Bounds of unfinished uploads.
    pub uploads: Uploads,
    /// The pages of the bureau's people; none where the configuration says nothing.
    pub pages: Option<Pages>,
    /// Whether it is a sandbox.
    pub sandbox: bool,
}

/// The pages of the bureau's people.
#[derive(Clone, Debug)]
pub struct Pages {
    /// Where they listen; beyond this machine only with a certificate.
    pub listen: SocketAddr,
    /// Names by which browsers may ask, beside those of this machine.
    pub hosts: Vec<String>,
    /// Certificate in PEM, its own first.
    pub certificate: Option<PathBuf>,
    /// Its key in PEM.
    pub key: Option<PathBuf>,
}

impl Pages {
    /// Whether they are served over TLS.
    pub const fn secure(&self) -> bool {
        self.certificate.is_some() && self.key.is_some()
    }
}

/// A reference to a secret.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Secret {
    env: Option<String>,
    file: Option<String>,
}

impl Secret {
    /// The same, its file from a folder on.
    fn within(mut self, folder: &Path) -> Secret {
        if let Some(file) = &mut self.file {
            *file = folder.join(&*file).display().to_string();
        }
        self
    }

    /// What it refers to; `key` of the configuration is asked for where that is nothing.
    pub fn read(&self, key: &str) -> Result<String, Failure> {
        let given = match (&self.env, &self.file) {
            (Some(name), _) => std::env::var(name).unwrap_or_default(),
            (None, Some(file)) => {
                fs::read_to_string(file).map_err(|error| Failure::config(Finding::io(Path::new(file), &error)))?
            }
            (None, None) => String::new(),
        };
        let given = given.trim_end_matches(['\r', '\n']);
        if given.is_empty() {
            let name = self.env.as_deref().unwrap_or(key);
            return Err(Failure::config(Finding::error("secret-missing").with("name", name)));
        }
        Ok(given.to_owned())
    }
}

/// How long certificates and codes hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Certificates {
    /// Days of a unit's machine certificate.
    pub machine_days: u32,
    /// Days of a person's.
    pub person_days: u32,
    /// Days of the receiver's TLS certificate, which is made anew when it starts.
    pub server_days: u32,
    /// Hours of a one-time code.
    pub code_hours: u32,
}

impl Default for Certificates {
    fn default() -> Certificates {
        Certificates { machine_days: 397, person_days: 397, server_days: 90, code_hours: 72 }
    }
}

/// What is asked of packages.
#[derive(Clone, Debug)]
pub struct Receive {
    /// Roles that must have signed.
    pub roles: Vec<Role>,
    /// Editions that are taken; any that is known where empty.
    pub editions: Vec<String>,
    /// Months back that are taken.
    pub months_back: u32,
    /// Days after which a signature is too old.
    pub signature_days: u32,
    /// Bytes of the largest package.
    pub package_max: usize,
}

/// Bounds of unfinished uploads.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Uploads {
    /// Most of one unit.
    pub each: u32,
    /// Hours after which they are thrown away.
    pub hours: u32,
}

impl Default for Uploads {
    fn default() -> Uploads {
        Uploads { each: 4, hours: 48 }
    }
}

#[derive(Deserialize)]
struct Raw {
    bureau: RawBureau,
    #[serde(default)]
    state: RawDir,
    #[serde(default)]
    store: stores::RawStore,
    #[serde(default)]
    objects: stores::RawObjects,
    #[serde(default)]
    keys: RawKeys,
    #[serde(default)]
    serve: RawServe,
    #[serde(default)]
    certificates: Certificates,
    #[serde(default)]
    receive: RawReceive,
    #[serde(default)]
    uploads: Uploads,
    pages: Option<RawPages>,
}

#[derive(Deserialize)]
struct RawPages {
    listen: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// Where pages listen that say nothing else: on this machine alone.
const PAGES: &str = "127.0.0.1:8620";

#[derive(Deserialize)]
struct RawBureau {
    code: String,
    name: String,
}

#[derive(Default, Deserialize)]
struct RawDir {
    dir: Option<String>,
}

#[derive(Default, Deserialize)]
struct RawKeys {
    dir: Option<String>,
    #[serde(default)]
    password: Secret,
}

#[derive(Default, Deserialize)]
struct RawServe {
    listen: Option<String>,
    #[serde(default)]
    names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(default)]
struct RawReceive {
    roles: Vec<String>,
    editions: Vec<String>,
    months_back: u32,
    signature_days: u32,
    package_mib: usize,
}

impl Default for RawReceive {
    fn default() -> RawReceive {
        let roles = [Role::Preparer, Role::StatisticsHead, Role::UnitHead].map(|role| role.id().to_owned());
        RawReceive { roles: roles.to_vec(), editions: Vec::new(), months_back: 36, signature_days: 60, package_mib: 16 }
    }
}

/// Variable with the password where the configuration names none.
const PASSWORD: &str = "TAIZHANG_BUREAU_PASSWORD";

/// Code of sandboxes: no bureau has it, so a folder of one is never taken for more.
pub const SANDBOX: &str = "sandbox";

/// Where a receiver listens that says nothing else.
pub const LISTEN: &str = "0.0.0.0:8443";

impl Config {
    /// Reads the file. Everything that is wrong is told at once.
    pub fn read(path: &Path) -> Result<Config, Failure> {
        let text = fs::read_to_string(path).map_err(|error| {
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            let place = path.display().to_string();
            Failure::config(if missing { Finding::error("bureau-config-missing").at(place) } else { Finding::io(path, &error) })
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Config::parse(&path.display().to_string(), &text, &folder).map_err(|findings| Failure { exit: 2, findings })
    }

    /// Reads a text; paths start at `folder`.
    pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Config, Vec<Finding>> {
        let (raw, mut findings) = settings::read::<Raw>(file, text, &SHAPE);
        let Some(raw) = raw else { return Err(findings) };
        let places = settings::Places::read(file, text);
        let listen = raw.serve.listen.as_deref().unwrap_or(LISTEN);
        let address = listen.parse();
        if address.is_err() {
            findings.push(Finding::error("listen-unfit").at(places.of("serve.listen")).with("address", listen));
        }
        let pages_at = raw.pages.as_ref().and_then(|pages| pages.listen.as_deref()).unwrap_or(PAGES);
        let pages_address: Result<SocketAddr, _> = pages_at.parse();
        if pages_address.is_err() {
            findings.push(Finding::error("listen-unfit").at(places.of("pages.listen")).with("address", pages_at));
        }
        let mut roles = Vec::new();
        for name in &raw.receive.roles {
            match Role::from_id(name).filter(|role| role.signs_off()) {
                Some(role) => roles.push(role),
                None => {
                    let known: Vec<&str> = Role::ALL.iter().filter(|role| role.signs_off()).map(|role| role.id()).collect();
                    let finding = Finding::error("role-unknown").at(places.of("receive.roles")).with("role", name);
                    findings.push(finding.with("known", known.join(", ")));
                }
            }
        }
        if raw.bureau.code.is_empty() || raw.bureau.code.chars().any(|c| c.is_whitespace() || c == '+' || c == '/') {
            findings.push(Finding::error("bureau-code-unfit").at(places.of("bureau.code")).with("code", &raw.bureau.code));
        }
        let store = raw.store.read(folder, &places, &mut findings);
        let objects = raw.objects.read(folder, &places, &mut findings);
        let (Ok(listen), Ok(pages_listen), true) = (address, pages_address, findings.is_empty()) else { return Err(findings) };
        let file = |given: Option<String>| given.map(|name| folder.join(name));
        let pages = raw.pages.map(|pages| {
            let (certificate, key) = (file(pages.certificate), file(pages.key));
            Pages { listen: pages_listen, hosts: pages.hosts, certificate, key }
        });
        let dir = |given: Option<String>, usual: &str| folder.join(given.as_deref().unwrap_or(usual));
        let password = raw.keys.password.within(folder);
        let mib = raw.receive.package_mib.clamp(1, exchange::PACKAGE_MAX >> 21);
        Ok(Config {
            sandbox: raw.bureau.code == SANDBOX,
            code: raw.bureau.code,
            name: raw.bureau.name,
            state: dir(raw.state.dir, "bureau-state"),
            store,
            objects,
            keys: dir(raw.keys.dir, "bureau-keys"),
            password,
            listen,
            names: if raw.serve.names.is_empty() { vec!["localhost".to_owned()] } else { raw.serve.names },
            certificates: raw.certificates,
            receive: Receive {
                roles,
                editions: raw.receive.editions,
                months_back: raw.receive.months_back,
                signature_days: raw.receive.signature_days,
                package_max: mib << 20,
            },
            uploads: raw.uploads,
            folder: folder.to_owned(),
            pages,
        })
    }

    /// The password of the key files.
    pub fn password(&self) -> Result<Vec<u8>, Failure> {
        let usual = Secret { env: Some(PASSWORD.to_owned()), file: None };
        let named = self.password.env.is_some() || self.password.file.is_some();
        if named { self.password.read("keys.password") } else { usual.read(PASSWORD) }.map(String::into_bytes)
    }

    /// Name of the receiver's log.
    pub fn origin(&self) -> String {
        format!("taizhang/bureau/{}", self.code)
    }
}

/// What `init` writes: every key that a bureau must say, and where the others are explained.
pub fn written(code: &str, name: &str, names: &[String]) -> String {
    let quoted = |text: &str| toml_text(text);
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    format!(
        "# 台账接收端的配置；每个键的说明见 config/bureau.toml。The receiver's configuration; config/bureau.toml explains every key.\n\
         [bureau]\ncode = {}\nname = {}\n\n[keys]\npassword = {{ file = \"bureau-keys/password\" }}\n\n\
         [serve]\nlisten = \"{LISTEN}\"\nnames = [{}]\n",
        quoted(code),
        quoted(name),
        names.join(", ")
    )
}

/// A basic string of TOML.
fn toml_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = include_str!("../../../config/bureau.toml");

    #[test]
    fn the_annotated_file_is_read_and_has_every_key_once() {
        let config = Config::parse("config/bureau.toml", WRITTEN, Path::new("")).unwrap();
        assert_eq!((config.code.as_str(), config.receive.roles.len(), config.uploads.each), ("350100", 3, 4));
        let Shape::Table(sections) = SHAPE else { panic!("not a table") };
        for (section, shape) in sections {
            assert_eq!(WRITTEN.matches(&format!("\n[{section}]\n")).count(), 1, "[{section}]");
            let own = WRITTEN.split(&format!("\n[{section}]\n")).nth(1).unwrap().split("\n[").next().unwrap();
            let (Shape::Table(keys) | Shape::Must(Shape::Table(keys))) = shape else { panic!("{section}") };
            for (key, _) in *keys {
                assert_eq!(own.lines().filter(|line| line.starts_with(&format!("{key} ="))).count(), 1, "{section}.{key}");
            }
        }
    }

    #[test]
    fn everything_that_is_wrong_is_found_at_once() {
        let text =
            "[bureau]\ncode = \"a b\"\nname = \"x\"\n[serve]\nlisten = \"host\"\n[receive]\nroles = [\"boss\", \"agent\"]\n";
        let findings = Config::parse("b", text, Path::new("")).unwrap_err();
        let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_ref()).collect();
        assert_eq!(codes, ["listen-unfit", "role-unknown", "role-unknown", "bureau-code-unfit"]);
        let findings = Config::parse("b", "[bureau]\ncode = \"1\"\nname = \"x\"\n[sevre]\n", Path::new("")).unwrap_err();
        assert_eq!((findings[0].code.as_ref(), findings[0].place.as_str()), ("key-unknown", "b:4:2"));
    }

    #[test]
    fn what_init_writes_is_read() {
        let names = ["a\"b".to_owned(), "10.0.0.8".to_owned()];
        let config = Config::parse("b", &written("1", "甲\n\"乙\"", &names), Path::new("/x")).unwrap();
        assert_eq!((config.name.as_str(), config.names.as_slice()), ("甲\n\"乙\"", names.as_slice()));
        assert_eq!(config.keys, Path::new("/x/bureau-keys"));
    }
}
