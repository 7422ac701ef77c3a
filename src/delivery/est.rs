/*! What enrolment over secure transport (RFC 7030) asks and answers, for machines and people. */

use std::{fs, io::Write, path::Path};

use base64ct::{Base64, Encoding};
use model::Finding;
use seal::{Certificate, PublicKey, Request, Signer, Subject, Time};

use crate::report::Failure;

/// A request for a certificate of this key, as it goes over the wire.
pub fn request(signer: &dyn Signer) -> Result<String, Failure> {
    // The authority decides whom a certificate is for.
    wire(signer, &Subject::default())
}

/// A request that says whom the certificate shall be for, so that a code that was made for somebody else is not spent on this key.
pub fn request_for(signer: &dyn Signer, unit: &str, name: &str) -> Result<String, Failure> {
    wire(signer, &Subject { unit: unit.to_owned(), name: name.to_owned(), ..Subject::default() })
}

fn wire(signer: &dyn Signer, subject: &Subject) -> Result<String, Failure> {
    let request = Request::new(signer, subject).map_err(Failure::source)?;
    Ok(Base64::encode_string(request.der()))
}

/// The certificate of a key in an answer.
pub fn certificate(answer: &str, key: &PublicKey) -> Result<Certificate, Finding> {
    let der = decoded(answer);
    let found = der.as_deref().and_then(certificates).into_iter().flatten();
    let mut own = found.filter_map(|der| Certificate::from_der(der).ok());
    own.find(|one| one.public_key().der() == key.der()).ok_or_else(|| Finding::error("enrolment-answer-strange"))
}

/// Whether less than a third of a certificate's time is left: it is renewed then.
pub fn ages(certificate: &Certificate, now: Time) -> bool {
    let (from, until) = (certificate.not_before().unix(), certificate.not_after().unix());
    now.unix() > from + until.saturating_sub(from) / 3 * 2
}

/// Bytes of a base64 in lines.
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(&text.split_ascii_whitespace().collect::<String>()).ok()
}

/// Writes a file that only its owner may read, all or nothing.
pub fn private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let part = path.with_extension("part");
    // Left by a crash; its rights may be others.
    let _ = fs::remove_file(&part);
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    fs::File::open(folder)?.sync_all()
}

/// Tag, content and rest of a value in DER.
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ ..0x80 => (short, rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(long & 0x7f).filter(|(bytes, _)| bytes.len() <= 4)?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// The certificates of a PKCS#7 that signs nothing: SignedData, whose first `[0]` has them.
fn certificates(der: &[u8]) -> Option<Vec<&[u8]>> {
    let (_, outer, _) = value(der)?;
    let (_, _, rest) = value(outer)?;
    let (_, explicit, _) = value(rest)?;
    let (_, mut data, _) = value(explicit)?;
    let mut found = Vec::new();
    while !data.is_empty() {
        let (tag, content, rest) = value(data)?;
        if tag == 0xa0 {
            let mut inside = content;
            while !inside.is_empty() {
                let (_, _, after) = value(inside)?;
                found.push(&inside[..inside.len() - after.len()]);
                inside = after;
            }
        }
        data = rest;
    }
    Some(found)
}
