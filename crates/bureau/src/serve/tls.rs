//! TLS 1.3 with ring. A client without a certificate comes in, since it may be about to ask for one; each operation says whether it needs one.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use axum_server::{Handle, tls_rustls::RustlsConfig};
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use crate::{
    clock,
    failure::Failure,
    keys::{self, Keys},
    office::Office,
    serve::{Serving, answer},
};
use model::Finding;

/// Seconds between two certificates of the server.
const RENEWED: Duration = Duration::from_secs(24 * 60 * 60);

/// Lets expired certificates in, so that an answer can say so by name instead of a connection that breaks; [`Office`] judges them.
#[derive(Debug)]
struct Lenient(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Lenient {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let until = seal::Certificate::from_der(certificate).ok().map(|certificate| certificate.not_after().unix());
        let judged = until.map_or(now, |until| UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs().min(until))));
        self.0.verify_client_cert(certificate, others, judged)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::source(Finding::error("tls-refused").with("reason", error))
}

fn configured(keys: &Keys, names: &[String], days: u32) -> Result<Arc<ServerConfig>, Failure> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(keys.root().der().to_vec())).map_err(refused)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = verifier.allow_unauthenticated().build().map_err(refused)?;
    let (certificate, key) = keys::server(keys, names, days, clock::now())?;
    let key = PrivateKeyDer::try_from(key).map_err(refused)?;
    // The root comes along: a client that pins it by its digest has it from the handshake.
    let chain = vec![CertificateDer::from(certificate), CertificateDer::from(keys.root().der().to_vec())];
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(refused)?
        .with_client_cert_verifier(Arc::new(Lenient(verifier)))
        .with_single_cert(chain, key)
        .map_err(refused)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A receiver that listens.
pub struct Running {
    /// Where; the system chose the port where 0 was asked for.
    pub address: SocketAddr,
    handle: Handle<SocketAddr>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Waits until it ends.
    pub async fn ended(self) -> Result<(), Failure> {
        self.served.await.map_err(refused)?.map_err(refused)
    }

    /// What ends it, after what it is doing.
    pub fn stopper(&self) -> Handle<SocketAddr> {
        self.handle.clone()
    }
}

/// Starts to listen.
pub async fn start(office: Arc<Office>) -> Result<Running, Failure> {
    let config = office.config();
    let (names, days) = (config.names.clone(), config.certificates.server_days);
    let tls = RustlsConfig::from_config(configured(office.keys(), &names, days)?);
    let listener = std::net::TcpListener::bind(config.listen).map_err(|error| {
        Failure::source(Finding::error("listen-refused").with("address", config.listen).with("reason", error))
    })?;
    listener.set_nonblocking(true).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let (renewed, renewing) = (tls.clone(), Arc::clone(&office));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(RENEWED).await;
            if let Ok(config) = configured(renewing.keys(), &names, days) {
                renewed.reload_from_config(config);
            }
        }
    });
    let router = Router::new().fallback(answer).with_state(Serving { office });
    let handle = Handle::new();
    let mut server = axum_server::from_tcp_rustls(listener, tls).map_err(refused)?.handle(handle.clone());
    // A connection that says nothing is let go.
    server.http_builder().http1().header_read_timeout(Duration::from_secs(20));
    server.http_builder().http2().keep_alive_interval(Duration::from_secs(30)).max_concurrent_streams(64);
    let served = tokio::spawn(server.serve(router.into_make_service()));
    Ok(Running { address, handle, served })
}
