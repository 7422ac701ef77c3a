//! Runs a program and watches what it and its children hold.

use std::{
    collections::HashMap,
    fs,
    process::{Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Wall time.
    pub took: Duration,
    /// Time that the process and its children computed, all cores together; not that of a server they talk to.
    pub cpu: Duration,
    /// Highest sum over the process and its children of their share of memory (PSS), in KiB.
    pub peak_kib: u64,
}

/// Runs a command to its end; an error where it fails. Its stdout goes nowhere. Its environment may hold a password, so errors name the
/// program only.
pub fn run(command: &mut Command) -> Result<Run, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let before = children_cpu();
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().map_err(|error| format!("{name}: {error}"))?;
    let mut peak_kib = 0;
    let status: ExitStatus = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {}
            Err(error) => return Err(format!("{name}: {error}")),
        }
        peak_kib = peak_kib.max(tree(child.id()).into_iter().map(share).sum());
        // The end is waited for more closely than memory is looked at, so that short runs are timed as they are.
        for _ in 0..20 {
            if let Ok(None) = child.try_wait() {
                sleep(LOOK / 20);
            }
        }
    };
    let took = begun.elapsed();
    if status.success() {
        Ok(Run { took, cpu: children_cpu().saturating_sub(before), peak_kib })
    } else {
        Err(format!("{name}: {status}"))
    }
}

/// What all processes that were waited for have computed so far.
fn children_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').skip(13).take(2));
    // In hundredths of a second, as Linux tells it everywhere.
    let ticks: u64 = fields.into_iter().flatten().filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// A process and all that descend from it.
fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name before it may hold blanks and brackets.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        children.entry(parent.unwrap_or(0)).or_default().push(id);
    }
    let mut all = vec![root];
    let mut at = 0;
    while let Some(id) = all.get(at) {
        all.extend(children.remove(id).unwrap_or_default());
        at += 1;
    }
    all
}

/// Memory of a process in KiB: its proportional share, or all of its resident pages where that cannot be read.
fn share(id: u32) -> u64 {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(format!("/proc/{id}/{file}")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    field("smaps_rollup", "Pss:").or_else(|| field("status", "VmRSS:")).unwrap_or(0)
}
