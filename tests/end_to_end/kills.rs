//! kill -9 of the agent and of the receiver at random moments: every package is received exactly once, every receipt is kept, both logs hold.

use std::{
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    Site,
    delivery::{Bureau, SUBMIT, background, enrolled, receipts, sign_month, signed, state},
};

/// Rounds of kills; TAIZHANG_KILL_ROUNDS sets another number.
const ROUNDS: u32 = 50;

/// Months that the daemon delivers at once.
const MONTHS: [&str; 3] = ["2025-04", "2025-05", "2025-06"];

fn rounds() -> u32 {
    std::env::var("TAIZHANG_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let _ = fs::remove_file(to);
    crate::peers::run(Command::new("cp").arg("-a").arg(from).arg(to));
}

/// Both sides as they were before anything was sent.
struct Before(tempfile::TempDir);

impl Before {
    fn keep(site: &Site, bureau: &Bureau) -> Before {
        let folder = tempfile::tempdir().unwrap();
        copy(&site.path("taizhang-state"), &folder.path().join("state"));
        copy(bureau.folder.path(), &folder.path().join("bureau"));
        Before(folder)
    }

    fn again(&self, site: &Site, bureau: &Bureau) {
        copy(&self.0.path().join("state"), &site.path("taizhang-state"));
        for file in fs::read_dir(self.0.path().join("bureau")).unwrap().flatten() {
            copy(&file.path(), &bureau.folder.path().join(file.file_name()));
        }
    }
}

/// What must hold when everything is delivered.
fn whole(site: &Site, bureau: &mut Bureau, packages: usize, round: u32) {
    let kept = crate::csv(&site.ok(&["log", "show", "--format", "csv"]));
    let receipt = |operation: &&std::collections::BTreeMap<String, String>| operation["what"] == "receipt";
    assert_eq!(kept.iter().filter(receipt).count(), packages, "receipts are kept once, round {round}");
    // A file that no operation names is what a kill left behind; each of them holds all the same.
    assert!(receipts(site).len() >= packages);
    for receipt in receipts(site) {
        let said = site.ok(&["verify", receipt.to_str().unwrap(), "--roots", "bureau.pem"]);
        assert!(said.lines().last().unwrap().starts_with("valid"), "{said}");
    }
    site.ok(&["log", "verify"]);
    bureau.kill();
    bureau.ok(&["log", "verify"]);
    let reports = bureau.json(&["reports"]);
    assert_eq!(reports.as_array().unwrap().len(), packages, "received exactly once, round {round}: {reports}");
}

#[test]
fn kills_at_random_moments_lose_and_double_nothing() {
    let rounds = rounds();
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = signed(&bureau);
    // Each round begins with the same signed package and a receiver that has not seen it.
    bureau.kill();
    let before = Before::keep(&site, &bureau);
    for round in 0..rounds {
        before.again(&site, &bureau);
        bureau.serve();
        let chance = chance();
        let mut agent = background(&site, &SUBMIT);
        std::thread::sleep(Duration::from_millis(chance % 400));
        if chance >> 32 & 1 == 0 || round % 3 == 0 {
            agent.kill().unwrap();
        }
        if chance >> 33 & 1 == 0 || round % 3 == 1 {
            bureau.kill();
        }
        agent.wait().unwrap();
        if bureau.server.is_none() {
            bureau.serve();
        }
        site.ok(&SUBMIT);
        assert_eq!(state(&site), "delivered", "round {round}");
        whole(&site, &mut bureau, 1, round);
    }
}

#[test]
fn a_daemon_that_is_killed_again_and_again_delivers_each_month_once() {
    let rounds = rounds();
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = enrolled(&bureau);
    for month in MONTHS {
        sign_month(&site, month);
        site.ok(&["submit", "--period", month, "--as", "wu", "--queue-only"]);
    }
    bureau.kill();
    let before = Before::keep(&site, &bureau);
    let (mut kills, mut round) = (0, 0);
    while kills < rounds {
        round += 1;
        before.again(&site, &bureau);
        bureau.serve();
        let mut run = background(&site, &["run"]);
        let begun = Instant::now();
        loop {
            let chance = chance();
            std::thread::sleep(Duration::from_millis(chance % 250));
            if delivered(&site) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(90), "not delivered in round {round}");
            if chance >> 32 & 1 == 0 {
                bureau.kill();
                bureau.serve();
                kills += 1;
            }
            // A daemon that has met a dead receiver waits a second and longer; one that is started anew does not.
            if chance >> 33 & 1 == 0 {
                run.kill().unwrap();
                run.wait().unwrap();
                run = background(&site, &["run"]);
                kills += 1;
            }
        }
        run.kill().unwrap();
        run.wait().unwrap();
        whole(&site, &mut bureau, MONTHS.len(), round);
    }
}

/// Whether every month has arrived. Who looks writes nothing.
fn delivered(site: &Site) -> bool {
    let drafts = crate::csv(&site.ok(&["draft", "list", "--format", "csv"]));
    let months = drafts.iter().filter(|draft| MONTHS.contains(&&*draft["period"]));
    months.filter(|draft| draft["state"] == "delivered").count() == MONTHS.len()
}
