/*! Keys: who can sign, the key file (encrypted PKCS#8), and a key with its certificate. */

use der::{Decode as _, Encode as _, pem::LineEnding};
use model::Finding;
use p256::ecdsa::signature::Signer as _;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoOwned, SecretDocument};
use sec1::EcPrivateKey;
use sm2::elliptic_curve::sec1::ToSec1Point as _;
use zeroize::Zeroizing;

use crate::{
    algorithm::{Algorithm, EC_PUBLIC_KEY, PublicKey, SM2_ID},
    certificate::Certificate,
};

/// Whatever can sign: a key file, or a key that never leaves its token.
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signature over `message`, which is hashed here (for SM2 with the key and the default user ID); DER of two integers.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Finding>;
}

impl<S: Signer + ?Sized> Signer for std::sync::Arc<S> {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Finding> {
        (**self).sign(message)
    }
}

/// A signer with the certificates that say whose it is: its own first, then those that lead to a root.
pub struct Identity<'a> {
    signer: &'a dyn Signer,
    chain: Vec<Certificate>,
}

impl<'a> Identity<'a> {
    /// Puts the two together; they must be of one key.
    pub fn new(signer: &'a dyn Signer, chain: Vec<Certificate>) -> Result<Identity<'a>, Finding> {
        match chain.first() {
            Some(own) if own.public_key() == signer.public_key() => Ok(Identity { signer, chain }),
            Some(own) => Err(Finding::error("key-of-another-certificate").with("subject", own.subject())),
            None => Err(Finding::error("certificate-missing")),
        }
    }

    /// Its own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.chain[0]
    }

    /// All of them, its own first.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// Who signs.
    pub fn signer(&self) -> &dyn Signer {
        self.signer
    }
}

enum Secret {
    P256(p256::ecdsa::SigningKey),
    Sm2(sm2::dsa::SigningKey),
}

/// A private key in memory; it is wiped when dropped.
pub struct SecretKey {
    secret: Secret,
    public: PublicKey,
}

/// Label of the PEM blocks.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PLAIN: &str = "PRIVATE KEY";

/// Iterations of PBKDF2 with HMAC-SHA-256 over the password, as OWASP asked for in 2023.
const ITERATIONS: u32 = 600_000;

impl SecretKey {
    /// Makes a key from the system's randomness.
    pub fn generate(algorithm: Algorithm) -> Result<SecretKey, Finding> {
        // Numbers that are no private keys are as rare as 2⁻³²; a source that gives only those is broken.
        for _ in 0..8 {
            let bytes = Zeroizing::new(random::<32>()?);
            if let Ok(key) = SecretKey::from_scalar(algorithm, &*bytes) {
                return Ok(key);
            }
        }
        Err(Finding::error("randomness-missing"))
    }

    fn from_scalar(algorithm: Algorithm, bytes: &[u8]) -> Result<SecretKey, Finding> {
        let refused = || Finding::error("key-refused");
        let (secret, point) = match algorithm {
            Algorithm::P256 => {
                let key = p256::ecdsa::SigningKey::from_slice(bytes).map_err(|_| refused())?;
                let point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
                (Secret::P256(key), point)
            }
            Algorithm::Sm2 => {
                let key = sm2::SecretKey::from_slice(bytes).map_err(|_| refused())?;
                let point = key.public_key().to_sec1_point(false).as_bytes().to_vec();
                (Secret::Sm2(sm2::dsa::SigningKey::new(SM2_ID, &key).map_err(|_| refused())?), point)
            }
        };
        Ok(SecretKey { secret, public: PublicKey::from_point(algorithm, &point)? })
    }

    /// Reads a key file: an encrypted PKCS#8 block in PEM (PBES2: PBKDF2 or scrypt, AES-CBC).
    pub fn from_pem(pem: &str, password: &[u8]) -> Result<SecretKey, Finding> {
        let (label, document) = SecretDocument::from_pem(pem).map_err(|_| Finding::error("key-unreadable"))?;
        match label {
            ENCRYPTED => {
                let sealed =
                    EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|_| Finding::error("key-unreadable"))?;
                let opened = sealed.decrypt(password).map_err(|_| Finding::error("key-password-wrong"))?;
                SecretKey::from_pkcs8(opened.as_bytes())
            }
            // A key that anybody can read signs for anybody.
            PLAIN => Err(Finding::error("key-unprotected")),
            _ => Err(Finding::error("key-unreadable")),
        }
    }

    /// Reads an unprotected PKCS#8 key, as a test or a TLS library holds it in memory.
    pub fn from_pkcs8(der: &[u8]) -> Result<SecretKey, Finding> {
        let unreadable = |_| Finding::error("key-unreadable");
        let info = PrivateKeyInfoOwned::from_der(der).map_err(unreadable)?;
        let curve = info.algorithm.parameters.as_ref().and_then(|curve| curve.decode_as().ok());
        let known = [Algorithm::P256, Algorithm::Sm2].into_iter().find(|algorithm| Some(algorithm.curve()) == curve);
        let algorithm = known.filter(|_| info.algorithm.oid == EC_PUBLIC_KEY).ok_or_else(|| Finding::error("key-refused"))?;
        let private = EcPrivateKey::from_der(info.private_key.as_bytes()).map_err(unreadable)?;
        SecretKey::from_scalar(algorithm, private.private_key)
    }

    /// Unprotected PKCS#8 for a TLS library; never to be written to a disk.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Finding> {
        let scalar = Zeroizing::new(match &self.secret {
            Secret::P256(key) => key.to_bytes().to_vec(),
            Secret::Sm2(key) => key.to_bytes().to_vec(),
        });
        let document = (|| {
            let public = spki::SubjectPublicKeyInfoOwned::from_der(self.public.der())?;
            let point = public.subject_public_key.as_bytes();
            let private = Zeroizing::new(EcPrivateKey { private_key: &scalar, parameters: None, public_key: point }.to_der()?);
            let key = der::asn1::OctetString::new(&private[..])?;
            PrivateKeyInfoOwned::new(public.algorithm, key).to_der()
        })();
        document.map(Zeroizing::new).map_err(|_| Finding::error("key-refused"))
    }

    /// The key file: PKCS#8 under a password (PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC), in PEM.
    pub fn to_pem(&self, password: &[u8]) -> Result<Zeroizing<String>, Finding> {
        if password.is_empty() {
            return Err(Finding::error("key-unprotected"));
        }
        let (salt, iv) = (random::<16>()?, random::<16>()?);
        let plain = self.to_pkcs8()?;
        let pem = (|| {
            let parameters = pkcs8::pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ITERATIONS, &salt, iv).ok()?;
            let sealed = pkcs8::PrivateKeyInfoRef::from_der(&plain).ok()?.encrypt_with_params(parameters, password).ok()?;
            sealed.to_pem(ENCRYPTED, LineEnding::LF).ok()
        })();
        pem.ok_or_else(|| Finding::error("key-refused"))
    }
}

impl Signer for SecretKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Finding> {
        let refused = |_| Finding::error("signer-failed");
        match &self.secret {
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature = key.try_sign(message).map_err(refused)?;
                Ok(signature.normalize_s().to_der().as_bytes().to_vec())
            }
            Secret::Sm2(key) => {
                let signature: sm2::dsa::Signature = key.try_sign(message).map_err(refused)?;
                Ok(signature.to_der().to_vec())
            }
        }
    }
}

/// So many bytes of the system's randomness.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Finding> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Finding::error("randomness-missing"))?;
    Ok(bytes)
}
