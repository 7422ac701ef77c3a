/*! Serving: plain on this machine alone, else over TLS. */

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use axum::Router;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// Certificate and key of the server.
pub struct Tls {
    /// What rustls serves with.
    config: Arc<rustls::ServerConfig>,
}

/// Why a certificate cannot be served with.
#[derive(Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is the certificate.
    Certificate(String),
    /// It is the key, or the two do not belong together.
    Key(String),
}

impl Tls {
    /// A certificate with its chain and its key, in PEM: TLS 1.2 and later, as browsers of offices have.
    pub fn of_pem(certificate: &[u8], key: &[u8]) -> Result<Tls, Unfit> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<_, _>>()
            .map_err(|error| Unfit::Certificate(error.to_string()))?;
        let unfit = |error: &dyn std::fmt::Display| Unfit::Key(error.to_string());
        let secret = PrivateKeyDer::from_pem_slice(key).map_err(|error| unfit(&error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
            .map_err(|error| unfit(&error))?;
        Ok(Tls { config: Arc::new(config) })
    }
}

/// Names by which browsers may ask: those of the configuration, this machine's own, and the address.
pub fn hosts(configured: &[String], address: SocketAddr) -> Vec<String> {
    let own = ["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned(), address.ip().to_string()];
    configured.iter().cloned().chain(own).collect()
}

/// The address that pages have, as people type it.
pub fn url(hosts: &[String], secure: bool, address: SocketAddr) -> String {
    let scheme = if secure { "https" } else { "http" };
    match hosts.first() {
        Some(host) => format!("{scheme}://{host}:{}", address.port()),
        None => format!("{scheme}://{address}"),
    }
}

/// Serves until the handle says otherwise. Plain where `tls` is none: the caller allows that on the loopback alone.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    handle: axum_server::Handle<SocketAddr>,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        Some(Tls { config }) => {
            let config = axum_server::tls_rustls::RustlsConfig::from_config(config);
            axum_server::from_tcp_rustls(listener, config)?.handle(handle).serve(service).await
        }
        None => axum_server::from_tcp(listener)?.handle(handle).serve(service).await,
    }
}
