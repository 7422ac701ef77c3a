//! Private database servers on free ports in temporary folders, stopped by process id.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// Password of every account; long enough to be found in an output that it must not be in.
pub const PASSWORD: &str = "s3cret;pass}word";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn root() -> bool {
    let out = Command::new("id").arg("-u").output().unwrap();
    out.stdout == b"0\n"
}

/// A command that runs as `user` when the tests run as root, because database servers refuse to.
fn as_user(user: &str, program: &Path) -> Command {
    if !root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups", "--"]).arg(program);
    command
}

fn owned(folder: &Path, user: &str) {
    if root() {
        let id = |flag| {
            let out = Command::new("id").args([flag, user]).output().unwrap();
            String::from_utf8(out.stdout).unwrap().trim().parse::<u32>().unwrap()
        };
        chown(folder, Some(id("-u")), Some(id("-g"))).unwrap();
    }
}

fn done(command: &mut Command) -> String {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; `cargo xtask test` installs what tests need"));
    assert!(out.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Feeds an SQL text, packed or plain, to a client.
fn feed(command: &mut Command, file: &Path) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut sql = String::new();
    flate2::read::GzDecoder::new(File::open(file).unwrap()).read_to_string(&mut sql).unwrap();
    let writing = std::thread::spawn(move || input.write_all(sql.as_bytes()));
    let out = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(out.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&out.stderr));
}

/// A PostgreSQL server.
pub struct Postgres {
    folder: tempfile::TempDir,
    port: u16,
    server: Child,
}

/// The newest installed version's programs.
fn postgres_bin() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is missing; `cargo xtask test` installs it");
    let version = versions.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok()).max();
    PathBuf::from(format!("/usr/lib/postgresql/{}/bin", version.expect("PostgreSQL is missing")))
}

impl Postgres {
    /// One that logs every statement, so that a test can say what was asked of it.
    pub fn start() -> Postgres {
        Postgres::start_with(&["log_statement=all"])
    }

    pub fn start_with(settings: &[&str]) -> Postgres {
        let folder = tempfile::tempdir().unwrap();
        owned(folder.path(), "postgres");
        let (data, port) = (folder.path().join("data"), free_port());
        let secret = folder.path().join("secret");
        fs::write(&secret, PASSWORD).unwrap();
        owned(&secret, "postgres");
        let mut init = as_user("postgres", &postgres_bin().join("initdb"));
        init.current_dir(folder.path()).arg("-D").arg(&data).args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8"]);
        done(init.args(["--locale", "C.UTF-8", "--no-sync", "--pwfile"]).arg(&secret));
        let mut server = as_user("postgres", &postgres_bin().join("postgres"));
        server.current_dir(folder.path()).arg("-D").arg(&data);
        for setting in [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", folder.path().display()),
            "fsync=off".to_owned(),
            "log_line_prefix=%a|".to_owned(),
        ] {
            server.arg("-c").arg(setting);
        }
        for setting in settings {
            server.arg("-c").arg(setting);
        }
        let log = File::create(folder.path().join("log")).unwrap();
        let server = server.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let server = Postgres { folder, port, server };
        let begun = Instant::now();
        while !server.client("postgres").args(["-c", "SELECT 1"]).output().is_ok_and(|out| out.status.success()) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", server.log());
            sleep(Duration::from_millis(50));
        }
        server
    }

    pub fn client(&self, database: &str) -> Command {
        let mut command = Command::new(postgres_bin().join("psql"));
        command.env("PGPASSWORD", PASSWORD).args([
            "-X",
            "-q",
            "-At",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
        ]);
        command.args(["-p", &self.port.to_string(), "-d", database]);
        command
    }

    pub fn sql(&self, database: &str, sql: &str) -> String {
        done(self.client(database).args(["-c", sql]))
    }

    /// Makes a database from a packed dump, with a role `reader` that may do everything: what keeps it from writing is the session.
    pub fn load(&self, database: &str, dump: &Path) {
        self.sql("postgres", &format!("CREATE DATABASE {database}"));
        feed(&mut self.client(database), dump);
    }

    /// Connection string without the password.
    pub fn odbc(&self, database: &str) -> String {
        format!("Driver={{PostgreSQL Unicode}};Server=127.0.0.1;Port={};Database={database};UID=postgres", self.port)
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        stop(&mut self.server, "INT");
    }
}

/// A MariaDB server.
pub struct MariaDb {
    folder: tempfile::TempDir,
    port: u16,
    server: Child,
}

impl MariaDb {
    pub fn start() -> MariaDb {
        let folder = tempfile::tempdir().unwrap();
        owned(folder.path(), "mysql");
        let (data, port) = (folder.path().join("data"), free_port());
        let mut init = as_user("mysql", Path::new("/usr/bin/mariadb-install-db"));
        // A server that starts clears what others left in its folder for temporary tables: each needs one of its own.
        init.env("TMPDIR", folder.path());
        init.current_dir(folder.path()).args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        done(init.arg(format!("--datadir={}", data.display())));
        let mut server = as_user("mysql", Path::new("/usr/sbin/mariadbd"));
        server.env("TMPDIR", folder.path());
        server.current_dir(folder.path()).args([
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=0",
        ]);
        server.arg(format!("--datadir={}", data.display())).arg(format!("--port={port}"));
        server.arg(format!("--socket={}", folder.path().join("socket").display()));
        server.arg(format!("--pid-file={}", folder.path().join("pid").display()));
        let log = File::create(folder.path().join("log")).unwrap();
        let server = server.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let server = MariaDb { folder, port, server };
        let begun = Instant::now();
        while !server.client("").args(["-e", "SELECT 1"]).output().is_ok_and(|out| out.status.success()) {
            let log = || fs::read_to_string(server.folder.path().join("log")).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", log());
            sleep(Duration::from_millis(50));
        }
        server.sql(
            "",
            &format!("CREATE USER reader@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO reader@'127.0.0.1'"),
        );
        server
    }

    fn client(&self, database: &str) -> Command {
        let mut command = Command::new("mariadb");
        command.arg("--no-defaults").arg(format!("--socket={}", self.folder.path().join("socket").display()));
        command.args(["-u", "root", "-N", "-B", "--default-character-set=utf8mb4"]);
        if !database.is_empty() {
            command.arg(database);
        }
        command
    }

    pub fn sql(&self, database: &str, sql: &str) -> String {
        done(self.client(database).args(["-e", sql]))
    }

    /// Connection string without the password.
    pub fn odbc(&self, database: &str) -> String {
        format!("Driver={{MariaDB Unicode}};Server=127.0.0.1;Port={};Database={database};UID=reader;charset=utf8mb4", self.port)
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        stop(&mut self.server, "TERM");
    }
}

/// Asks the process to end, and waits for it.
fn stop(server: &mut Child, signal: &str) {
    let _ = Command::new("kill").args([&format!("-{signal}"), &server.id().to_string()]).status();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if !matches!(server.try_wait(), Ok(None)) {
            return;
        }
        sleep(Duration::from_millis(20));
    }
    let _ = server.kill();
    let _ = server.wait();
}
