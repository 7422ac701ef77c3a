/*! Tools that nobody here wrote, for tests that check against them: programs of the system, and packages of PyPI in a folder of their own. */
#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "a test whose peer cannot be had must fail")]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A Python with these packages of PyPI, each `name==version`. Made once under the build's folder, and shared by whoever asks for the same.
pub fn python(packages: &[&str]) -> PathBuf {
    let name: String = packages.join(",").replace("==", "-");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers").join(if name.is_empty() { "plain" } else { &name });
    fs::create_dir_all(&folder).unwrap();
    let python = folder.join("bin/python");
    // Tests run side by side; the first makes it, the others wait.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let made = folder.join("made");
    if !made.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        if !packages.is_empty() {
            run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages));
        }
        fs::write(made, "").unwrap();
    }
    python
}

/// Runs a command that must work, and gives what it printed.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let out = output(command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(out.status.success(), "{command:?}\n{}\n{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout)
}

/// Whether a command works.
#[track_caller]
pub fn works(command: &mut Command) -> bool {
    output(command).status.success()
}

#[track_caller]
fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; `cargo xtask test` installs what tests need"))
}

/// `openssl` with these words, in a folder.
pub fn openssl(folder: &Path, words: &str) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(words.split_whitespace());
    command
}
