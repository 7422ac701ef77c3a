/*!
The manifest of a signature: what it covers, each file with its SHA-256 (`ASiCManifest` of ETSI EN 319 162-1).

There is one text for given files, so a manifest is compared and never interpreted.
*/

use model::Finding;

use crate::{base64, digest::Digest, role::Role};

/// Name of a role's manifest in the container.
pub(crate) fn name(role: Role) -> String {
    format!("META-INF/ASiCManifest-{}.xml", role.id())
}

/// Name of a role's signature in the container.
pub(crate) fn signature_name(role: Role) -> String {
    format!("META-INF/signature-{}.p7s", role.id())
}

const BEGIN: &str = "<asic:DataObjectReference URI=\"";
const MIDDLE: &str = "\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>";
const FINISH: &str = "</ds:DigestValue></asic:DataObjectReference>";

/// The manifest over `files`. Names need no escapes: the container allows none that would.
pub(crate) fn render<'a>(role: Role, files: impl Iterator<Item = (&'a str, Digest)>) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <asic:ASiCManifest xmlns:asic=\"http://uri.etsi.org/02918/v1.2.1#\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n\
         <asic:SigReference URI=\"{}\" MimeType=\"application/pkcs7-signature\"/>\n",
        signature_name(role)
    );
    for (name, digest) in files {
        text.push_str(&format!("{BEGIN}{name}{MIDDLE}{}{FINISH}\n", base64::encode(&digest.0)));
    }
    text.push_str("</asic:ASiCManifest>\n");
    text
}

/// Where a manifest is not the one over the files that are there: which file changed, is missing or is not covered.
pub(crate) fn differences(role: Role, manifest: &str, wanted: &str) -> Vec<Finding> {
    if manifest == wanted {
        return Vec::new();
    }
    let references = |text: &str| -> Vec<(String, String)> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(BEGIN)?.strip_suffix(FINISH)?.split_once(MIDDLE));
        lines.map(|(file, digest)| (file.to_owned(), digest.to_owned())).collect()
    };
    let (listed, there) = (references(manifest), references(wanted));
    let mut findings = Vec::new();
    for (file, digest) in &there {
        match listed.iter().find(|(other, _)| other == file) {
            Some((_, other)) if other == digest => {}
            Some(_) => findings.push(Finding::error("package-file-changed").with("file", file).with("role", role.id())),
            None => findings.push(Finding::error("package-file-unlisted").with("file", file).with("role", role.id())),
        }
    }
    for (file, _) in listed.iter().filter(|(file, _)| !there.iter().any(|(other, _)| other == file)) {
        findings.push(Finding::error("package-file-missing").with("file", file).with("role", role.id()));
    }
    if findings.is_empty() {
        findings.push(Finding::error("manifest-damaged").with("role", role.id()));
    }
    findings
}
