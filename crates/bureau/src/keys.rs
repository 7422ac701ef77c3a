/*! Keys and certificates of a receiver: the authority that enrols units, and the key that signs receipts, checkpoints and packs. */

use std::{
    fs,
    path::{Path, PathBuf},
};

use model::Finding;
use seal::{Algorithm, Authority, Certificate, Identity, Profile, Role, SecretKey, Signer, Subject, Time};

use crate::{config::Config, failure::Failure};

/// Years that the authority's own certificate holds.
const AUTHORITY_YEARS: u64 = 15;
/// Years that the receiver's certificate holds.
const RECEIVER_YEARS: u64 = 5;
/// Seconds of a day, and of a year of 365 days.
pub const DAY: u64 = 86_400;
const YEAR: u64 = 365 * DAY;
/// Seconds by which certificates begin in the past, for clocks that are late.
pub const EARLY: u64 = 300;

/// A signer that several rooms hold.
#[derive(Clone)]
pub struct Shared(std::sync::Arc<SecretKey>);

impl Signer for Shared {
    fn public_key(&self) -> &seal::PublicKey {
        self.0.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Finding> {
        self.0.sign(message)
    }
}

/// The keys in memory.
pub struct Keys {
    authority: Shared,
    root: Certificate,
    receiver: Shared,
    certificate: Certificate,
}

/// What a key file is called.
struct Files {
    key: PathBuf,
    certificate: PathBuf,
}

fn files(folder: &Path, name: &str) -> Files {
    Files { key: folder.join(format!("{name}.key.pem")), certificate: folder.join(format!("{name}.pem")) }
}

/// The moment so many seconds before.
fn before(time: Time, seconds: u64) -> Time {
    Time::from_unix(time.unix().saturating_sub(seconds)).unwrap_or(time)
}

impl Keys {
    /// Makes keys and certificates.
    pub fn make(code: &str, name: &str, now: Time) -> Result<Keys, Finding> {
        let authority = Shared(SecretKey::generate(Algorithm::P256)?.into());
        let subject = |name: String, roles: &[Role]| Subject {
            unit: code.to_owned(),
            organization: String::new(),
            name,
            roles: roles.iter().copied().collect(),
        };
        let from = before(now, EARLY);
        // A root is no unit's: nobody signs with it.
        let own = Subject { unit: String::new(), ..subject(format!("{name} 统计报送证书颁发"), &[]) };
        let root = Authority::root(&authority, &own, from, now.plus(AUTHORITY_YEARS * YEAR))?;
        let receiver = Shared(SecretKey::generate(Algorithm::P256)?.into());
        let issuing = Authority::new(Identity::new(&authority, vec![root.clone()])?)?;
        let subject = subject(name.to_owned(), &[Role::Receiver]);
        let until = now.plus(RECEIVER_YEARS * YEAR);
        let certificate = issuing.issue(receiver.public_key(), &subject, Profile::Receiver, from, until)?;
        Ok(Keys { authority, root, receiver, certificate })
    }

    /// Writes the files, keys under a password. What is there is never written over.
    pub fn write(&self, folder: &Path, password: &[u8]) -> Result<(), Failure> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|error| Failure::source(Finding::io(folder, &error)))?;
        for (name, key, certificate) in
            [("authority", &self.authority, &self.root), ("receiver", &self.receiver, &self.certificate)]
        {
            let files = files(folder, name);
            keep(&files.key, key.0.to_pem(password)?.as_bytes(), 0o600)?;
            keep(&files.certificate, certificate.to_pem()?.as_bytes(), 0o644)?;
        }
        Ok(())
    }

    /// Reads the files.
    pub fn read(config: &Config) -> Result<Keys, Failure> {
        let password = config.password()?;
        let text = |path: &Path| fs::read_to_string(path).map_err(|error| Failure::config(Finding::io(path, &error)));
        let pair = |name: &str| -> Result<(Shared, Certificate), Failure> {
            let files = files(&config.keys, name);
            let place = |path: &Path, finding: Finding| Failure::config(finding.at(path.display().to_string()));
            let key = SecretKey::from_pem(&text(&files.key)?, &password).map_err(|finding| place(&files.key, finding))?;
            let read = Certificate::from_pem(&text(&files.certificate)?);
            let certificates = read.map_err(|finding| place(&files.certificate, finding))?;
            let own = certificates.into_iter().find(|certificate| certificate.public_key() == key.public_key());
            let other = || place(&files.certificate, Finding::error("certificate-of-another-key"));
            Ok((Shared(key.into()), own.ok_or_else(other)?))
        };
        let ((authority, root), (receiver, certificate)) = (pair("authority")?, pair("receiver")?);
        Ok(Keys { authority, root, receiver, certificate })
    }

    /// Whom units trust, and who vouches for them.
    pub fn root(&self) -> &Certificate {
        &self.root
    }

    /// Who issues certificates.
    pub fn authority(&self) -> Result<Authority<'_>, Finding> {
        Authority::new(Identity::new(&self.authority, vec![self.root.clone()])?)
    }

    /// Who signs receipts and packs. The root is left out, as whoever verifies has it.
    pub fn receiver(&self) -> Result<Identity<'_>, Finding> {
        Identity::new(&self.receiver, vec![self.certificate.clone()])
    }

    /// The receiver's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The receiver's key alone: what signs checkpoints.
    pub fn signer(&self) -> Shared {
        self.receiver.clone()
    }
}

/// Writes a file that must not be there yet.
pub fn keep(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    use std::io::Write;
    let failed = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            Failure::config(Finding::error("bureau-file-exists").at(path.display().to_string()))
        } else {
            Failure::source(Finding::io(path, &error))
        }
    };
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

/// A key and certificate for TLS as a server, made when the receiver starts: neither is kept.
pub fn server(keys: &Keys, names: &[String], days: u32, now: Time) -> Result<(Vec<u8>, Vec<u8>), Finding> {
    let key = SecretKey::generate(Algorithm::P256)?;
    let subject = Subject { name: names.first().cloned().unwrap_or_default(), ..Subject::default() };
    let until = now.plus(u64::from(days) * DAY);
    let certificate = keys.authority()?.issue_server(key.public_key(), &subject, names, before(now, EARLY), until)?;
    Ok((certificate.der().to_vec(), key.to_pkcs8()?.to_vec()))
}
