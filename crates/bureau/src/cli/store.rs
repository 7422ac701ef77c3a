/*!
`store`: tables of a server, whether everything is where rows say, and copies of a state.

Nothing here changes a row. What is taken away from a state, nobody can: that is for whoever owns the disks.
*/

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use model::Finding;

use super::Ctx;
use crate::{
    clock,
    config::{Config, Kind, ObjectsKind},
    db::{self, File},
    failure::Failure,
    keys::keep,
    sql,
    store::{Base, Blob, Log, Objects, Store, StoreError, folder},
};

/// What to do with the state's stores.
#[derive(Subcommand)]
pub enum What {
    /// 在 PostgreSQL 里建表或加新版本的表（用表的主人）Makes the tables in PostgreSQL, or those that a newer version adds, as their owner
    Migrate,
    /// 每一行所指的报送包是不是都在 Whether every package that a row names is there
    Check {
        /// 读出来核对摘要 Reads each and holds it against its digest
        #[arg(long)]
        read: bool,
    },
    /// 备份到一个文件夹，接收端照常运行（SQLite）A copy in a folder, while the receiver runs (SQLite)
    Backup {
        /// 文件夹，里面还没有备份 The folder, without a backup in it
        dir: PathBuf,
    },
    /// 把备份放进空的状态文件夹（SQLite）Lays a backup into an empty state (SQLite)
    Restore {
        /// 备份的文件夹 The folder of the backup
        dir: PathBuf,
    },
}

/// Names in a backup.
const DATABASE: &str = "bureau.sqlite";
const OBJECTS: &str = "objects";
const CHECKPOINT: &str = "checkpoint";

pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::Migrate => migrate(&ctx.config()?),
        What::Check { read } => check(ctx, *read),
        What::Backup { dir } => backup(ctx, dir),
        What::Restore { dir } => restore(&ctx.config()?, dir),
    }
}

fn migrate(config: &Config) -> Result<Vec<Finding>, Failure> {
    if config.store.kind != Kind::Postgres {
        return Err(Failure::config(Finding::error("store-not-server").at("store.kind")));
    }
    let (owner, receiver) = (config.store.owner()?, config.store.server()?);
    let (place, role) = (owner.place(), receiver.role().to_owned());
    let refused = |source| StoreError::Database { place: place.clone(), source };
    let found = owner.migrate(sql::MIGRATIONS, &role, &clock::text(clock::now())).map_err(refused)?;
    if found > sql::SCHEMA_VERSION {
        return Err(StoreError::Newer { place, found }.into());
    }
    let told = Finding::note("store-migrated").at(place).with("from", found).with("to", sql::SCHEMA_VERSION);
    Ok(vec![told.with("role", role)])
}

fn check(ctx: &Ctx, read: bool) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let (mut objects, mut apart, mut archived) = (0_u64, 0_u64, 0_u64);
    let mut findings = Vec::new();
    let rights = store.read(|connection| {
        Blob::each(connection, |sha256, within| {
            objects += 1;
            apart += u64::from(!within);
            let found = match (within, read) {
                (true, false) => Ok(true),
                (false, false) => store.objects().is_there(&sha256),
                (_, true) => {
                    let kept = Blob::get(connection, &sha256)?.unwrap_or_default();
                    store.objects().whole(&sha256, kept).map(|_| true)
                }
            };
            let missing = match found {
                Ok(true) => return Ok(()),
                Ok(false) => "—".to_owned(),
                Err(StoreError::Archived { .. }) => {
                    archived += 1;
                    return Ok(());
                }
                Err(StoreError::Damaged { reason, .. }) => reason,
                Err(error) => return Err(db::Error::Other(error.to_string())),
            };
            findings.push(Finding::error("store-object-missing").with("sha256", sha256).with("reason", missing));
            Ok(())
        })?;
        connection.rights()
    })?;
    findings.extend(rights.into_iter().map(|table| Finding::error("store-rights").at(store.place()).with("table", table)));
    if !findings.is_empty() {
        return Err(Failure::findings(findings));
    }
    let mut told = vec![Finding::note("store-checked").at(store.place()).with("objects", objects).with("apart", apart)];
    if archived > 0 {
        told.push(Finding::warning("objects-archived").with("packages", archived));
    }
    Ok(told)
}

/// The state is in a file; whoever has a server has its tools.
fn own_file(config: &Config) -> Result<(), Failure> {
    if config.store.kind == Kind::Sqlite {
        Ok(())
    } else {
        Err(Failure::config(Finding::error("store-own-tools").at("store.kind")))
    }
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    let path = path.to_owned();
    move |error| Failure::source(Finding::io(&path, &error))
}

fn backup(ctx: &Ctx, dir: &Path) -> Result<Vec<Finding>, Failure> {
    let (config, store) = ctx.open()?;
    own_file(&config)?;
    let Base::Sqlite(file) = store.base() else { return own_file(&config).map(|()| Vec::new()) };
    let copy = dir.join(DATABASE);
    if copy.exists() {
        return Err(Failure::config(Finding::error("store-exists").at(copy.display().to_string())));
    }
    folder(dir)?;
    file.copy(&copy).map_err(store.refused())?;
    let (size, note) = File::new(copy.clone())
        .reading()
        .and_then(|connection| Log::checkpoint(&connection))
        .map_err(store.refused())?
        .unwrap_or_default();
    let mut objects = 0_u64;
    if let Objects::Folder(_) = store.objects() {
        let into = Objects::Folder(dir.join(OBJECTS));
        let copied = File::new(copy).reading().map_err(store.refused())?;
        // What the copy's rows name was written before them, and is never changed.
        let mut names = Vec::new();
        Blob::each(&copied, |sha256, within| {
            names.extend((!within).then_some(sha256));
            Ok(())
        })
        .map_err(store.refused())?;
        for sha256 in names {
            into.put(&sha256, &store.objects().whole(&sha256, Vec::new())?)?;
            objects += 1;
        }
    }
    keep(&dir.join(CHECKPOINT), note.as_bytes(), 0o600)?;
    Ok(vec![Finding::note("store-backed-up").at(dir.display().to_string()).with("objects", objects).with("size", size)])
}

fn restore(config: &Config, dir: &Path) -> Result<Vec<Finding>, Failure> {
    own_file(config)?;
    let (from, to) = (dir.join(DATABASE), config.state.join(DATABASE));
    if to.exists() {
        return Err(Failure::config(Finding::error("store-exists").at(to.display().to_string())));
    }
    folder(&config.state)?;
    if let ObjectsKind::Folder(own) = &config.objects.kind {
        let (kept, own) = (Objects::Folder(dir.join(OBJECTS)), Objects::Folder(own.clone()));
        let copied = File::new(from.clone());
        let refused = |source| StoreError::Database { place: from.display().to_string(), source };
        let connection = copied.reading().map_err(refused)?;
        let mut names = Vec::new();
        Blob::each(&connection, |sha256, within| {
            names.extend((!within).then_some(sha256));
            Ok(())
        })
        .map_err(refused)?;
        for sha256 in names {
            own.put(&sha256, &kept.whole(&sha256, Vec::new())?)?;
        }
    }
    // The database comes last: where it is, everything that it names is there.
    let beside = to.with_extension("restoring");
    fs::copy(&from, &beside).map_err(io(&from))?;
    fs::File::open(&beside).and_then(|file| file.sync_all()).map_err(io(&beside))?;
    fs::rename(&beside, &to).map_err(io(&to))?;
    let store = Store::open(config)?;
    let (size, _) = store.read(Log::checkpoint)?.unwrap_or_default();
    Ok(vec![Finding::warning("store-restored").at(to.display().to_string()).with("size", size)])
}
