/*! A receiver for trying out: an authority that is thrown away, and units that do not exist. Its receipts say so and mean nothing. */

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::Finding;
use seal::Role;

use crate::{
    clock,
    config::{Config, LISTEN, SANDBOX, written},
    enrol,
    failure::Failure,
    keys::{self, Keys},
    office::Office,
    store::Unit,
};

/// Units of the sandbox: code, name, region and industry.
pub const UNITS: [(&str, &str, &str, &str); 3] = [
    ("91350100M000100Y43", "示例机械有限公司", "350100", "3411"),
    ("91350200M0002001XF", "示例商贸有限公司", "350200", "5191"),
    ("91350300M0003002XD", "示例服务有限公司", "350300", "7211"),
];

/// People of each unit and their roles: two persons suffice for all roles.
const PEOPLE: [(&str, &[Role]); 2] =
    [("王五", &[Role::Preparer]), ("张三", &[Role::StatisticsHead, Role::FinanceHead, Role::UnitHead])];

/// A one-time code of the sandbox.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Unit.
    pub unit: String,
    /// Its name.
    pub unit_name: String,
    /// Person; empty for the unit's machine.
    pub person: String,
    /// Roles of the person.
    pub roles: String,
    /// The code.
    pub code: String,
}

/// A sandbox that is ready to serve.
pub struct Sandbox {
    /// The receiver.
    pub office: Arc<Office>,
    /// Certificate to trust.
    pub authority: PathBuf,
    /// Codes.
    pub tickets: Vec<Ticket>,
}

/// What a sandbox is configured by.
fn text(listen: SocketAddr) -> String {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    written(SANDBOX, "沙盒统计局（回执无效力）", &names).replacen(
        &format!("listen = \"{LISTEN}\""),
        &format!("listen = \"{listen}\""),
        1,
    )
}

fn configured(folder: &Path, listen: SocketAddr) -> Result<Config, Failure> {
    let config = Config::parse("sandbox", &text(listen), folder).map_err(|findings| Failure { exit: 2, findings })?;
    std::fs::create_dir_all(folder).map_err(|error| Failure::source(Finding::io(folder, &error)))?;
    Ok(Config { listen, ..config })
}

/// Makes a sandbox in a folder that is thrown away afterwards.
pub fn make(folder: &Path, listen: SocketAddr) -> Result<Sandbox, Failure> {
    let config = configured(folder, listen)?;
    // The keys live in memory and end with it.
    let keys = Keys::make(&config.code, &config.name, clock::now())?;
    let authority = folder.join("authority.pem");
    keys::keep(&authority, keys.root().to_pem()?.as_bytes(), 0o644)?;
    peopled(Sandbox { office: Office::with(config, keys)?, authority, tickets: Vec::new() })
}

/// A sandbox in a folder that is kept, with a configuration: what it received can be looked at afterwards, and it can be served again.
pub fn keep(folder: &Path, listen: SocketAddr) -> Result<Sandbox, Failure> {
    let mut sandbox = stay(folder, listen)?;
    let authority = folder.join("authority.pem");
    if !authority.exists() {
        keys::keep(&authority, sandbox.office.keys().root().to_pem()?.as_bytes(), 0o644)?;
    }
    sandbox.authority = authority;
    let path = folder.join("bureau.toml");
    if !path.exists() {
        keys::keep(&path, text(listen).as_bytes(), 0o644)?;
    }
    peopled(sandbox)
}

/// The sandbox with its sample units, and a code for each machine and person.
fn peopled(mut sandbox: Sandbox) -> Result<Sandbox, Failure> {
    for (code, name, region, industry) in UNITS {
        let [code, name, region, industry] = [code, name, region, industry].map(str::to_owned);
        let unit = Unit { code: code.clone(), name: name.clone(), region, industry, channels: Default::default() };
        register(&sandbox.office, &unit)?;
        let invited = std::iter::once(("", &[] as &[Role])).chain(PEOPLE);
        for (person, roles) in invited {
            let ticket = ticket(&sandbox.office, &code, person, roles)?;
            let roles = roles.iter().map(|role| role.id()).collect::<Vec<_>>().join(" ");
            let (unit, unit_name) = (code.clone(), name.clone());
            sandbox.tickets.push(Ticket { unit, unit_name, person: person.to_owned(), roles, code: ticket });
        }
    }
    Ok(sandbox)
}

/// A sandbox that stays in its folder, so that who tries it may stop and go on: it knows no unit but those that are brought to it. Its password
/// stands beside its keys, which vouch for nothing.
pub fn stay(folder: &Path, listen: SocketAddr) -> Result<Sandbox, Failure> {
    let config = configured(folder, listen)?;
    let password = config.keys.join("password");
    if !password.is_file() {
        // What a crash left of keys that nobody can open is made again.
        match std::fs::remove_dir_all(&config.keys) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::source(Finding::io(&config.keys, &error)));
            }
            _ => {}
        }
        let secret = enrol::code()?;
        Keys::make(&config.code, &config.name, clock::now())?.write(&config.keys, secret.as_bytes())?;
        keys::keep(&password, format!("{secret}\n").as_bytes(), 0o600)?;
    }
    let authority = config.keys.join("authority.pem");
    Ok(Sandbox { office: Office::open(config)?, authority, tickets: Vec::new() })
}

/// Puts a unit into the register.
pub fn register(office: &Office, unit: &Unit) -> Result<(), Failure> {
    office.write(|connection| unit.add(connection, &clock::text(clock::now()), "sandbox"))?;
    Ok(())
}

/// A one-time code for a unit's machine, or for a person with roles.
pub fn ticket(office: &Office, unit: &str, person: &str, roles: &[Role]) -> Result<String, Failure> {
    Ok(enrol::invite(office, unit, person, roles, 24, "sandbox")?.0)
}

/// A folder for a sandbox that nobody else has.
pub fn folder() -> Result<PathBuf, Failure> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| Failure::source(Finding::error("randomness-missing")))?;
    let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(std::env::temp_dir().join(format!("taizhang-sandbox-{name}")))
}
