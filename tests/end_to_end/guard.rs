//! Somebody else's hand in the state: sealed files and rows that are no longer what was sealed.

use std::{fs, path::PathBuf};

use crate::{Site, books};

/// The sealed files of June; the cube is the second.
fn june(site: &Site) -> [PathBuf; 2] {
    let files = fs::read_dir(site.path("taizhang-state/snapshots/hz")).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.to_str().unwrap().contains("/2025-06-")).collect();
    files.sort_by_key(|path| path.to_str().unwrap().ends_with(".cube.parquet"));
    files.try_into().unwrap()
}

#[test]
fn a_touched_file_or_row_is_found_and_never_believed() {
    let site = Site::tryton(&books("hz", "tryton", "source.sqlite = \"tryton.sqlite\"", &["1"]).replace("\"hz1\"", "\"hz\""));
    site.ok(&["pull"]);
    let balances = || site.ok(&["balances", "--period", "2025-06", "--format", "csv"]);
    let explain = ["explain", "B203:301", "--period", "2025-06"];
    let (trial, told) = (balances(), site.ok(&explain));
    let [entries, cube] = june(&site);
    let (lines, cells) = (fs::read(&entries).unwrap(), fs::read(&cube).unwrap());

    // Any byte, wherever it stands: the cube is made again from the entries, the entries are not believed.
    for at in (4..cells.len()).step_by(cells.len() / 9) {
        let mut touched = cells.clone();
        touched[at] ^= 0x41;
        fs::write(&cube, &touched).unwrap();
        site.refused(&["log", "verify"], 1, &["file-damaged", "cube.parquet"]);
        assert_eq!(balances(), trial, "byte {at}");
        assert_eq!(fs::read(&cube).unwrap(), cells, "byte {at}");
    }
    for at in (4..lines.len()).step_by(lines.len() / 9) {
        let mut touched = lines.clone();
        touched[at] ^= 0x41;
        fs::write(&entries, &touched).unwrap();
        site.refused(&explain, 3, &["file-damaged", "2025-06-"]);
        site.refused(&["log", "verify"], 1, &["file-damaged", "2025-06-"]);
    }
    // Lost both: nothing can be said until the ERP is read again.
    fs::remove_file(&entries).unwrap();
    fs::remove_file(&cube).unwrap();
    for verb in [&["balances", "--period", "2025-06"][..], &["pull"], &explain] {
        site.refused(verb, 3, &["file-missing", "2025-06-"]);
    }
    site.ok(&["pull", "--full"]);
    assert_eq!((fs::read(&entries).unwrap(), fs::read(&cube).unwrap()), (lines, cells));
    assert_eq!((balances(), site.ok(&explain)), (trial, told));
    site.ok(&["log", "verify"]);

    // A row of the state.
    let state = rusqlite::Connection::open(site.path("taizhang-state/state.sqlite")).unwrap();
    state.execute_batch("UPDATE seal SET debit = '1' WHERE period = '2025-06'").unwrap();
    site.refused(&["log", "verify"], 1, &["rows-changed", "operation 1"]);
}
