/*!
The two ways to sign: ECDSA over P-256 with SHA-256, and SM2 with SM3. Both come from RustCrypto, which nobody has certified; signatures over
P-256 are verified by ring, four times as quick, because a receiver does little else in the last hours.
*/

use der::{Decode as _, Encode as _, asn1::ObjectIdentifier};
use model::Finding;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use sm2::dsa::signature::Verifier as _;
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::digest::{Digest, sm3};

/// The user ID that SM2 hashes with the key where nobody agreed on another one (GB/T 35276-2017).
pub(crate) const SM2_ID: &str = "1234567812345678";

pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SM2_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const SM2_SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.501");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.401");

/// A signature algorithm with its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    P256,
    /// SM2 with SM3 and the default user ID.
    Sm2,
}

impl Algorithm {
    /// In machine formats and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::P256 => "p256-sha256",
            Algorithm::Sm2 => "sm2-sm3",
        }
    }

    /// From [`Algorithm::name`].
    pub fn from_name(name: &str) -> Option<Algorithm> {
        [Algorithm::P256, Algorithm::Sm2].into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// A signature as tokens give it, two numbers of 32 bytes, in the DER that is used everywhere here, in the form that
    /// [`PublicKey::verifies_one`] asks for.
    pub fn signature_from_raw(self, raw: &[u8]) -> Option<Vec<u8>> {
        match self {
            Algorithm::P256 => {
                let signature = p256::ecdsa::Signature::from_slice(raw).ok()?.normalize_s();
                Some(signature.to_der().as_bytes().to_vec())
            }
            Algorithm::Sm2 => sm2::dsa::Signature::from_slice(raw).ok().map(|signature| signature.to_der().to_vec()),
        }
    }

    pub(crate) const fn curve(self) -> ObjectIdentifier {
        match self {
            Algorithm::P256 => P256_CURVE,
            Algorithm::Sm2 => SM2_CURVE,
        }
    }

    /// What names the algorithm beside a signature.
    pub(crate) fn signature_id(self) -> AlgorithmIdentifierOwned {
        let oid = match self {
            Algorithm::P256 => ECDSA_SHA256,
            Algorithm::Sm2 => SM2_SM3,
        };
        AlgorithmIdentifierOwned { oid, parameters: None }
    }

    pub(crate) fn digest_id(self) -> AlgorithmIdentifierOwned {
        let oid = match self {
            Algorithm::P256 => SHA256,
            Algorithm::Sm2 => SM3,
        };
        AlgorithmIdentifierOwned { oid, parameters: None }
    }

    /// Digest of `bytes` by the digest that goes with the algorithm.
    pub(crate) fn digest(self, bytes: &[u8]) -> [u8; 32] {
        match self {
            Algorithm::P256 => Digest::of(bytes).0,
            Algorithm::Sm2 => sm3(bytes),
        }
    }
}

#[derive(Clone)]
enum Key {
    /// A point that lies on the curve.
    P256(Box<[u8]>),
    Sm2(sm2::dsa::VerifyingKey),
}

/// A public key.
#[derive(Clone)]
pub struct PublicKey {
    key: Key,
    der: Vec<u8>,
}

impl PublicKey {
    /// From a SubjectPublicKeyInfo in DER.
    pub fn from_der(der: &[u8]) -> Result<PublicKey, Finding> {
        let refused = || Finding::error("key-refused");
        let info = SubjectPublicKeyInfoOwned::from_der(der).map_err(|_| refused())?;
        let curve: Option<ObjectIdentifier> = info.algorithm.parameters.as_ref().and_then(|curve| curve.decode_as().ok());
        let point = info.subject_public_key.as_bytes().ok_or_else(refused)?;
        // Points are written uncompressed, so that one key has one text.
        if info.algorithm.oid != EC_PUBLIC_KEY || point.first() != Some(&4) {
            return Err(refused());
        }
        let key = match curve {
            Some(P256_CURVE) => {
                p256::PublicKey::from_sec1_bytes(point).map_err(|_| refused())?;
                Key::P256(point.into())
            }
            Some(SM2_CURVE) => {
                let point = sm2::PublicKey::from_sec1_bytes(point).map_err(|_| refused())?;
                Key::Sm2(sm2::dsa::VerifyingKey::new(SM2_ID, point).map_err(|_| refused())?)
            }
            _ => return Err(refused()),
        };
        Ok(PublicKey { key, der: der.to_vec() })
    }

    /// From an uncompressed point.
    pub fn from_point(algorithm: Algorithm, point: &[u8]) -> Result<PublicKey, Finding> {
        let refused = |_| Finding::error("key-refused");
        let parameters = Some(der::Any::encode_from(&algorithm.curve()).map_err(refused)?);
        let info = SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned { oid: EC_PUBLIC_KEY, parameters },
            subject_public_key: der::asn1::BitString::from_bytes(point).map_err(refused)?,
        };
        PublicKey::from_der(&info.to_der().map_err(refused)?)
    }

    /// Its SubjectPublicKeyInfo.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        match self.key {
            Key::P256(_) => Algorithm::P256,
            Key::Sm2(_) => Algorithm::Sm2,
        }
    }

    /// The same, and it is the only form of that signature: anybody can negate the second number of an ECDSA signature, which still verifies,
    /// so of the two values only the smaller is taken. Where a file's every byte counts, this is asked.
    pub fn verifies_one(&self, message: &[u8], signature: &[u8]) -> bool {
        let low = match self.key {
            Key::P256(_) => {
                p256::ecdsa::Signature::from_der(signature).is_ok_and(|signature| signature.normalize_s() == signature)
            }
            Key::Sm2(_) => true,
        };
        low && self.verifies(message, signature)
    }

    /// Whether `signature` (DER of two integers) is one of this key over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.key {
            Key::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok(),
            Key::Sm2(key) => {
                sm2::dsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.der == other.der
    }
}

impl Eq for PublicKey {}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} key {}", self.algorithm().name(), Digest::of(&self.der))
    }
}
