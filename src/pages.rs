/*! The review pages, served: `[web]` of the configuration made into a running server. */

use std::{
    fs::{self, File, TryLockError},
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum_server::Handle;
use model::Finding;
use store::Store;

use crate::{
    audit,
    config::{Agent, Web},
    desk::Pages,
    forms, measures,
    report::Failure,
    sheet,
};

/// How long pages that are being sent may take when the program is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Threads that pages are made on: a few people look at them.
const THREADS: usize = 2;

/// How often books that nobody looks at any more are let go.
const TIDY: Duration = Duration::from_secs(60);

/// A running server; it stops when this is dropped.
pub struct Serving {
    /// Where it listens, as people type it.
    pub url: String,
    handle: Handle<SocketAddr>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.handle.graceful_shutdown(Some(GRACE));
        if let Some(thread) = self.thread.take() {
            // It has said what it had to say.
            let _ = thread.join();
        }
    }
}

/// The address that pages have, as people type it.
pub fn url(web: &Web, address: SocketAddr) -> String {
    gate::url(&web.hosts, web.secure(), address)
}

/// Name of the file in the state that says where pages are served now, while they are.
const SERVED: &str = "run.address";

/// Says where pages are served, for whoever invites people meanwhile: the configuration may leave the port to the system.
pub fn serve_at(store: &Store, url: &str) -> Result<(), Failure> {
    sheet::save(&store.folder().join(SERVED), format!("{url}\n").as_bytes())
}

/// That nobody serves pages any more.
pub fn serve_no_more(store: &Store) {
    // Where it cannot be taken away, the lock that nobody holds says the same.
    let _ = fs::remove_file(store.folder().join(SERVED));
}

/// Where pages are served now; none where `taizhang run` does not run here.
pub fn served(store: &Store) -> Option<String> {
    let held = File::open(store.folder().join(LOCK)).ok()?;
    if !matches!(held.try_lock(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let url = fs::read_to_string(store.folder().join(SERVED)).ok()?;
    Some(url.trim().to_owned()).filter(|url| !url.is_empty())
}

/// Name of the file in the state whose lock is held by the one `taizhang run` there is.
pub const LOCK: &str = "run.lock";

/// Gives pages the English names that this enterprise's own files have: of causes, of measures, and of whatever else it names.
fn names(agent: &Agent) -> Result<(), Failure> {
    const FILE: &str = "mappings/english.toml";
    if let Some(text) = forms::own_file(agent, FILE).map_err(Failure::config)? {
        let unfit = |error: String| Failure::config(Finding::error("toml-invalid").at(FILE).with("reason", error));
        ui::terms::add(ui::terms::read(&text).map_err(|error| unfit(error.message().to_owned()))?);
    }
    // What is wrong with these is told where they are used.
    let causes = audit::causes(agent).map(|all| all.causes).unwrap_or_default();
    ui::terms::add(causes.into_values().map(|cause| (cause.zh, cause.en)));
    let kinds = measures::facts(agent).map(|all| all.kinds.kinds).unwrap_or_default();
    ui::terms::add(kinds.into_values().map(|kind| (kind.name, kind.english)));
    Ok(())
}

/// Starts serving the pages of a configuration.
pub fn start(agent: &Agent, web: &Web) -> Result<Serving, Failure> {
    names(agent)?;
    let place = agent.place("web.listen");
    let wrong = |finding: Finding| Failure::config(finding.at(&place).with("listen", &web.listen));
    let address = web.address().ok_or_else(|| wrong(Finding::error("web-address-unfit")))?;
    if !address.ip().is_loopback() && !web.secure() {
        return Err(wrong(Finding::error("web-without-tls")));
    }
    let tls = match (&web.certificate, &web.key) {
        (Some(certificate), Some(key)) => Some(tls(&agent.folder().join(certificate), &agent.folder().join(key))?),
        (None, None) => None,
        _ => return Err(wrong(Finding::error("web-half-tls"))),
    };
    let refused = |error: std::io::Error| {
        Failure::source(Finding::error("web-refused").at(&place).with("listen", &web.listen).with("reason", error))
    };
    let listener = TcpListener::bind(address).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let hosts = gate::hosts(&web.hosts, address);
    let desk = Arc::new(Pages::new(agent.path.clone()));
    let shelf = desk.shelf();
    let router = web::router(desk, gate::Settings { hosts, secure: web.secure() });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().map_err(refused)?;
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(TIDY).await;
            shelf.tidy();
        }
    });
    let handle = Handle::new();
    let own = handle.clone();
    let thread = std::thread::spawn(move || {
        // The listener is bound: what ends the server now is the handle, or a system that nothing can be told to.
        let _ = runtime.block_on(gate::serve(listener, router, tls, own));
    });
    Ok(Serving { url: url(web, address), handle, thread: Some(thread) })
}

/// Certificate and key of the server.
fn tls(certificate: &Path, key: &Path) -> Result<gate::Tls, Failure> {
    let read = |path: &Path| fs::read(path).map_err(|error| Failure::config(Finding::io(path, &error)));
    let unfit = |path: &Path, reason: String| {
        Failure::config(Finding::error("web-certificate-unfit").at(path.display().to_string()).with("reason", reason))
    };
    gate::Tls::of_pem(&read(certificate)?, &read(key)?).map_err(|wrong| match wrong {
        gate::Unfit::Certificate(reason) => unfit(certificate, reason),
        gate::Unfit::Key(reason) => unfit(key, reason),
    })
}
