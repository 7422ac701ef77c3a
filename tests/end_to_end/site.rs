//! A folder with a configuration, where the built program is run.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::copy,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::PASSWORD;

pub fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

/// A folder with a configuration, where the program is run.
pub struct Site {
    pub folder: tempfile::TempDir,
}

impl Site {
    pub fn new(config: &str) -> Site {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("agent.toml"), config).unwrap();
        Site { folder }
    }

    /// With the Tryton company's database beside the configuration.
    pub fn tryton(config: &str) -> Site {
        let site = Site::new(config);
        let mut database = File::create(site.path("tryton.sqlite")).unwrap();
        let packed = File::open(data("tryton/tryton.sqlite.gz")).unwrap();
        copy(&mut flate2::read::GzDecoder::new(packed), &mut database).unwrap();
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
        command.current_dir(self.folder.path()).args(["--lang", "en"]).args(args);
        command.env("TAIZHANG_TEST_PASSWORD", PASSWORD).output().unwrap()
    }

    /// Runs a verb that must succeed; its stdout.
    pub fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// Explains every rule to be verified that a form's month does not meet, as a person does before anybody signs.
    pub fn explains(&self, form: &str, month: &str, person: &str) {
        let judged = self.ok(&["audit", "run", "--form", form, "--period", month, "--format", "csv"]);
        let open = |row: &&BTreeMap<String, String>| {
            row["severity"] == "verify" && row["result"] == "unmet" && row["explanation"].is_empty()
        };
        for row in csv(&judged).iter().filter(open) {
            let words = format!("{month} 的数已按凭证 {} 逐笔核对，见合同 HT-{month}。", row["rule"]);
            let of = ["--rule", &row["rule"], "--period", month, "--cause", "other", "--text", &words, "--as", person];
            self.ok(&[&["audit", "explain", form][..], &of].concat());
        }
    }

    /// Runs a verb that must be refused with this exit code and these words, and without a result.
    pub fn refused(&self, args: &[&str], code: i32, words: &[&str]) -> String {
        let out = self.run(args);
        let message = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {message}");
        for word in words {
            assert!(message.contains(word), "{word:?} is not in: {message}");
        }
        assert!(!message.contains(PASSWORD), "a secret in: {message}");
        message
    }
}

pub type Rows = Vec<BTreeMap<String, String>>;

pub fn csv(text: &str) -> Rows {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
}
