//! A private PostgreSQL server with a database whose tables one role owns and another may read and add to.
#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test whose server cannot be had must fail"
)]

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// Password of every role.
const PASSWORD: &str = "s3cret-pass";

pub struct Postgres {
    folder: tempfile::TempDir,
    port: u16,
    server: Child,
}

fn root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// A command that runs as `postgres` where the tests run as root, because database servers refuse to.
fn program(name: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is missing; `cargo xtask test` installs it");
    let version = versions.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok()).max();
    let path = PathBuf::from(format!("/usr/lib/postgresql/{}/bin/{name}", version.expect("PostgreSQL is missing")));
    if !root() || name == "psql" {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]).arg(path);
    command
}

fn owned(path: &Path) {
    if root() {
        let id = |flag| {
            let out = Command::new("id").args([flag, "postgres"]).output().unwrap();
            String::from_utf8(out.stdout).unwrap().trim().parse::<u32>().unwrap()
        };
        chown(path, Some(id("-u")), Some(id("-g"))).unwrap();
    }
}

fn done(command: &mut Command) -> String {
    let out =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; `cargo xtask test` installs what tests need"));
    assert!(out.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

impl Postgres {
    /// With settings as `name=value`; `fsync=off` where nothing has to outlast the machine.
    pub fn start(settings: &[&str]) -> Postgres {
        let folder = tempfile::tempdir().unwrap();
        owned(folder.path());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (data, secret) = (folder.path().join("data"), folder.path().join("secret"));
        fs::write(&secret, PASSWORD).unwrap();
        owned(&secret);
        let mut init = program("initdb");
        init.current_dir(folder.path()).arg("-D").arg(&data).args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8"]);
        // Texts of a province's language sort by its rules, unless the tables say otherwise.
        done(init.args(["--locale", "C.UTF-8", "--no-sync", "--pwfile"]).arg(&secret));
        // A certificate of an authority of its own, for the name under which it is asked.
        let openssl = |args: &[&str]| done(Command::new("openssl").args(args).current_dir(folder.path()));
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        openssl(
            &[&["req", "-x509", "-days", "2", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem"], &key[..]]
                .concat(),
        );
        openssl(&[&["req", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"], &key[..]].concat());
        fs::write(folder.path().join("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
        let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-out", "server.pem"];
        openssl(&[&["x509", "-req", "-in", "server.csr", "-days", "2"], &signed[..]].concat());
        owned(&folder.path().join("server.key"));
        let mut server = program("postgres");
        server.current_dir(folder.path()).arg("-D").arg(&data);
        let path = |name: &str| folder.path().join(name).display().to_string();
        let own = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", folder.path().display()),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", path("server.pem")),
            format!("ssl_key_file={}", path("server.key")),
        ];
        own.iter().map(String::as_str).chain(settings.iter().copied()).for_each(|setting| {
            server.args(["-c", setting]);
        });
        let log = File::create(folder.path().join("log")).unwrap();
        let server = server.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let server = Postgres { folder, port, server };
        let begun = Instant::now();
        while !server.psql("postgres").args(["-c", "SELECT 1"]).output().is_ok_and(|out| out.status.success()) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", server.log());
            sleep(Duration::from_millis(50));
        }
        for role in ["owner", "receiver"] {
            server.sql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'"));
        }
        server.sql("postgres", "CREATE DATABASE bureau OWNER owner");
        server.sql("bureau", "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT ALL ON SCHEMA public TO owner; GRANT USAGE ON SCHEMA public TO receiver");
        server
    }

    fn psql(&self, database: &str) -> Command {
        let mut command = program("psql");
        command.env("PGPASSWORD", PASSWORD).args(["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"]);
        command.arg(self.folder.path()).args(["-p", &self.port.to_string(), "-d", database]);
        command
    }

    /// Runs statements as the server's superuser.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        done(self.psql(database).args(["-c", sql]))
    }

    /// Runs statements as a role; what it says where it refuses.
    pub fn sql_as(&self, role: &str, sql: &str) -> Result<String, String> {
        let out = self.psql("bureau").args(["-U", role, "-c", sql]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if out.status.success() { Ok(text(&out.stdout)) } else { Err(text(&out.stderr)) }
    }

    /// The database's address for a role, over a socket of this machine.
    pub fn url(&self, role: &str) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgresql://{role}:{PASSWORD}@{folder}:{}/bureau", self.port)
    }

    /// The same over TLS.
    pub fn network(&self, role: &str, host: &str) -> String {
        format!("postgresql://{role}:{PASSWORD}@{host}:{}/bureau", self.port)
    }

    /// Authority of its certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Process number of the server.
    pub fn pid(&self) -> u32 {
        self.server.id()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.server.id().to_string()]).status();
        let _ = self.server.wait();
    }
}
