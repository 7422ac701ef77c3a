//! `init` and `serve`.

use std::{fs, net::SocketAddr, path::PathBuf};

use clap::Args;
use model::Finding;

use super::{Ctx, output};
use crate::{
    clock,
    config::{Config, written},
    enrol,
    events::Teller,
    failure::Failure,
    keys::{Keys, keep},
    office::Office,
    pages, sandbox,
    serve::{Running, start},
    store::Store,
};

/// What the bureau is called, and how it is reached.
#[derive(Args)]
pub struct Init {
    /// 统计局代码：行政区划代码或统一社会信用代码 The bureau's code
    #[arg(long)]
    code: String,
    /// 统计局名称 The bureau's name
    #[arg(long)]
    name: String,
    /// 企业用来连接的主机名或地址，可多次 Names or addresses by which agents reach it
    #[arg(long = "host", required = true)]
    names: Vec<String>,
}

pub fn init(ctx: &Ctx, what: &Init) -> Result<Vec<Finding>, Failure> {
    let folder = ctx.config.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(PathBuf::from("."), PathBuf::from);
    fs::create_dir_all(&folder).map_err(|error| Failure::source(Finding::io(&folder, &error)))?;
    let text = written(&what.code, &what.name, &what.names);
    let config = Config::parse(&ctx.config.display().to_string(), &text, &folder);
    let config = config.map_err(|findings| Failure { exit: 2, findings })?;
    // Its log and certificates are named by it for ever.
    let region = what.code.len() == 6 && what.code.bytes().all(|byte| byte.is_ascii_digit());
    if !region && what.code.parse::<model::CreditCode>().is_err() {
        return Err(Failure::config(Finding::error("bureau-code-unknown").with("code", &what.code)));
    }
    if ctx.config.exists() {
        return Err(Failure::config(Finding::error("bureau-file-exists").at(ctx.config.display().to_string())));
    }
    let keys = Keys::make(&config.code, &config.name, clock::now())?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&config.keys).map_err(|error| Failure::source(Finding::io(&config.keys, &error)))?;
    // A password as long as a key, in a file that can be kept apart.
    let password = enrol::code()? + "-" + &enrol::code()?;
    keep(&config.keys.join("password"), format!("{password}\n").as_bytes(), 0o600)?;
    keys.write(&config.keys, password.as_bytes())?;
    Store::open(&config)?;
    // The configuration comes last: where it is, everything that it names is there.
    keep(&ctx.config, text.as_bytes(), 0o644)?;
    let told = Finding::note("bureau-made").at(ctx.config.display().to_string());
    Ok(vec![told.with("fingerprint", keys.root().fingerprint()).with("keys", config.keys.display())])
}

/// How it serves.
#[derive(Args)]
pub struct Serve {
    /// 沙盒：用后即弃的颁证机构和示例单位 A throw-away authority and sample units
    #[arg(long)]
    sandbox: bool,
    /// 监听地址，代替配置里的 Address to listen on, in the place of the configuration's
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// 沙盒的文件夹，留着以后看、再运行；不写则用后即弃 Folder of the sandbox, to look at and serve again; one that is thrown away where absent
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub fn serve(ctx: &Ctx, what: &Serve) -> Result<Vec<Finding>, Failure> {
    let refused = |error: std::io::Error| Failure::source(Finding::error("tls-refused").with("reason", error));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(refused)?;
    if !what.sandbox {
        let mut config = ctx.config()?;
        config.listen = what.listen.unwrap_or(config.listen);
        let office = Office::open(config)?;
        tells(ctx, &office)?;
        let lang = ctx.lang;
        let told = move |failure: &Failure| crate::failure::tell(lang, &failure.findings);
        crate::board::watch(&office, ctx.folder(), told).map_err(refused)?;
        return runtime.block_on(serving(ctx, office));
    }
    let thrown_away = what.dir.is_none();
    let folder = what.dir.clone().map_or_else(sandbox::folder, Ok)?;
    let listen = what.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8443)));
    let made = if thrown_away { sandbox::make(&folder, listen)? } else { sandbox::keep(&folder, listen)? };
    let row = |ticket: &sandbox::Ticket| {
        let ticket = ticket.clone();
        let roles: Vec<String> = ticket.roles.split_whitespace().map(str::to_owned).collect();
        vec![ticket.unit, ticket.unit_name, ticket.person, ctx.roles(&roles), ticket.code]
    };
    let rows: Vec<Vec<String>> = made.tickets.iter().map(row).collect();
    output::rows(ctx.format, ctx.lang, &["unit", "unit_name", "person", "roles", "code"], &rows)?;
    let told = [Finding::note("sandbox-made").with("authority", made.authority.display())];
    crate::failure::tell(ctx.lang, &told);
    tells(ctx, &made.office)?;
    let done = runtime.block_on(serving(ctx, made.office));
    if thrown_away {
        // What cannot be removed is in the folder for what is thrown away.
        let _ = fs::remove_dir_all(&folder);
    }
    done
}

/// A line for each thing that happens while it serves.
fn tells(ctx: &Ctx, office: &Office) -> Result<(), Failure> {
    office.tells(Teller::start(ctx.lang).map_err(|error| Failure::source(Finding::error("tls-refused").with("reason", error)))?);
    Ok(())
}

/// The door of agents, and that of the bureau's people where the configuration has one.
async fn serving(ctx: &Ctx, office: std::sync::Arc<Office>) -> Result<Vec<Finding>, Failure> {
    let pages = pages::start(&office)?;
    if let Some(serving) = &pages {
        let told = [Finding::note("pages-serve").at(&serving.url)];
        crate::failure::tell(ctx.lang, &told);
    }
    let running = start(office).await?;
    until_stopped(running, pages.map(|serving| serving.handle)).await
}

/// How long what is being done may take when the program is told to stop.
const GRACE: Option<std::time::Duration> = Some(std::time::Duration::from_secs(10));

/// Serves until the system says to stop.
async fn until_stopped(running: Running, pages: Option<axum_server::Handle<SocketAddr>>) -> Result<Vec<Finding>, Failure> {
    // It listens for the word to stop before it says that it is there.
    let asked = asked_to_stop();
    crate::problem::eprint_line(&format!("https://{}", running.address));
    let stop = running.stopper();
    tokio::spawn(async move {
        asked.await;
        if let Some(pages) = pages {
            pages.graceful_shutdown(GRACE);
        }
        stop.graceful_shutdown(GRACE);
    });
    running.ended().await?;
    Ok(Vec::new())
}

#[cfg(unix)]
fn asked_to_stop() -> impl Future<Output = ()> + Send {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = signal(SignalKind::terminate());
    async move {
        let Ok(mut terminate) = terminate else { return std::future::pending().await };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() {
    let _ = tokio::signal::ctrl_c().await;
}
