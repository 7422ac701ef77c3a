/*!
Keys that never leave their token: a [`Signer`] over PKCS#11.

The token's maker gives a module (a shared library), which is loaded into this process: whoever configures one trusts it. Only ECDSA over P-256 is
asked of it. PKCS#11 has no common name for SM2, each maker has its own; an SM2 key on a token is refused and not guessed at.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    mechanism::Mechanism,
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    types::AuthPin,
};
use model::Finding;
use seal::{Algorithm, Digest, PublicKey, Signer};

/// The curve P-256 as a token is told of it: its object identifier in DER.
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// A key on a token, with the session in which it was unlocked.
pub struct Token {
    /// A session is for one thread at a time.
    session: Mutex<Session>,
    private: ObjectHandle,
    public: PublicKey,
}

impl Token {
    /// Unlocks the token named `token` and takes its key labelled `key`.
    pub fn open(module: &Path, token: &str, key: &str, pin: &str) -> Result<Token, Finding> {
        let session = log_in(module, token, pin, false)?;
        let missing = || Finding::error("token-key-missing").with("token", token).with("key", key);
        let one = |class: ObjectClass| {
            let wanted = [Attribute::Class(class), Attribute::Label(key.as_bytes().to_vec()), Attribute::KeyType(KeyType::EC)];
            // Two keys of one label cannot be told apart, and the wrong one must not sign.
            match session.find_objects(&wanted).as_deref() {
                Ok([object]) => Ok(*object),
                _ => Err(missing()),
            }
        };
        let (private, public) = (one(ObjectClass::PRIVATE_KEY)?, one(ObjectClass::PUBLIC_KEY)?);
        let public = public_key(&session, public).ok_or_else(|| Finding::error("key-refused"))?;
        Ok(Token { session: Mutex::new(session), private, public })
    }

    /// Makes a key on the token. It cannot be read from there.
    pub fn generate(module: &Path, token: &str, key: &str, pin: &str) -> Result<Token, Finding> {
        let session = log_in(module, token, pin, true)?;
        let label = Attribute::Label(key.as_bytes().to_vec());
        let there = session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY), label.clone()]);
        // Two keys of one label could not be told apart.
        if !there.map_err(|_| Finding::error("signer-failed"))?.is_empty() {
            return Err(Finding::error("token-key-there").with("token", token).with("key", key));
        }
        let public = [
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Verify(true),
            Attribute::EcParams(P256.to_vec()),
            label.clone(),
        ];
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            label,
        ];
        session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).map_err(|_| Finding::error("signer-failed"))?;
        // Sessions of one process share their log-in; the reading one takes it over.
        drop(session);
        Token::open(module, token, key, pin)
    }
}

impl Signer for Token {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Finding> {
        // A thread that died while it signed leaves the token as it was.
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let signature = session.sign(&Mechanism::Ecdsa, self.private, &Digest::of(message).0);
        let failed = || Finding::error("signer-failed");
        let signature = Algorithm::P256.signature_from_raw(&signature.map_err(|_| failed())?).ok_or_else(failed)?;
        // A token whose private and public objects do not belong together would sign what nobody can verify.
        if self.public.verifies(message, &signature) { Ok(signature) } else { Err(failed()) }
    }
}

/// A session on the token of that label, unlocked.
fn log_in(module: &Path, token: &str, pin: &str, write: bool) -> Result<Session, Finding> {
    let refused = |error: Error| Finding::error("token-module-refused").with("module", module.display()).with("error", error);
    let context = Pkcs11::new(module).map_err(refused)?;
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(refused(error)),
    }
    let slots = context.get_slots_with_initialized_token().map_err(refused)?;
    let named = |slot: &cryptoki::slot::Slot| context.get_token_info(*slot).is_ok_and(|info| info.label().trim_end() == token);
    let slot = slots.into_iter().find(named).ok_or_else(|| Finding::error("token-missing").with("token", token))?;
    let session = if write { context.open_rw_session(slot) } else { context.open_ro_session(slot) };
    let session = session.map_err(refused)?;
    match session.login(UserType::User, Some(&AuthPin::from(pin))) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinLenRange | RvError::PinInvalid, _)) => {
            Err(Finding::error("token-pin-wrong").with("token", token))
        }
        Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(Finding::error("token-locked").with("token", token)),
        Err(error) => Err(refused(error)),
    }
}

/// A public key on the token, which must be of P-256.
fn public_key(session: &Session, key: ObjectHandle) -> Option<PublicKey> {
    let (mut curve, mut point) = (None, None);
    for attribute in session.get_attributes(key, &[AttributeType::EcParams, AttributeType::EcPoint]).ok()? {
        match attribute {
            Attribute::EcParams(value) => curve = Some(value),
            Attribute::EcPoint(value) => point = Some(value),
            _ => {}
        }
    }
    // The point is wrapped in an OCTET STRING: tag, length, then 65 bytes.
    let point = point?;
    let inner = point.strip_prefix(&[0x04, 0x41]).filter(|inner| inner.len() == 65).unwrap_or(&point);
    (curve? == P256).then(|| PublicKey::from_point(Algorithm::P256, inner).ok()).flatten()
}
