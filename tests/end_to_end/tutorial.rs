//! The tutorial keeps its word: every command of docs/tutorial.md is run on the demo's folder and says what the page says.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Runs the program in `folder` as a person does; what it says, results first.
fn said(folder: &Path, arguments: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
    let out = command.current_dir(folder).args(arguments.split_whitespace()).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// Widths of columns follow what is in them: only words count.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the expected lines stand in the text in this order; a line that ends in … is the beginning of one.
fn missing<'a>(expected: &[&'a str], text: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(words);
    expected.iter().copied().find(|wanted| {
        let wanted = words(wanted);
        let fits = |line: String| wanted.strip_suffix('…').map_or(line == wanted, |begin| line.starts_with(begin.trim_end()));
        wanted != "…" && !lines.any(fits)
    })
}

#[test]
fn every_command_of_the_tutorial_says_what_the_page_says() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("taizhang-demo");
    let demo = said(root.path(), "demo");
    assert!(folder.join("agent.toml").is_file(), "{demo}");
    let (mut fence, mut commands, mut page) = (String::new(), 0, include_str!("../../docs/tutorial.md").lines().peekable());
    while let Some(line) = page.next() {
        if let Some(of) = line.strip_prefix("```") {
            fence = if fence.is_empty() { of.to_owned() } else { String::new() };
        } else if let Some(file) = fence.strip_prefix("toml ") {
            let mut file = OpenOptions::new().append(true).open(folder.join(file)).unwrap();
            writeln!(file, "{line}").unwrap();
        } else if let Some(edit) = line.strip_prefix("<!-- edit ").and_then(|edit| edit.strip_suffix(" -->")) {
            let (file, edit) = edit.split_once(": ").unwrap();
            let (from, to) = edit.split_once(" => ").unwrap();
            let text = fs::read_to_string(folder.join(file)).unwrap();
            assert!(text.contains(from), "{file} has no {from}");
            fs::write(folder.join(file), text.replace(from, to)).unwrap();
        } else if let Some(command) = line.strip_prefix("$ taizhang ").filter(|_| fence == "console") {
            let mut expected = Vec::new();
            while let Some(line) = page.next_if(|line| !line.starts_with("$ ") && !line.starts_with("```")) {
                expected.push(line);
            }
            let text = said(&folder, command);
            assert_eq!(missing(&expected, &text), None, "taizhang {command}:\n{text}");
            commands += 1;
        }
    }
    assert!(commands > 8, "the page has changed its shape: {commands} commands");
}

#[test]
fn the_demo_ends_with_a_receipt_and_goes_on_where_it_was_killed() {
    let root = tempfile::tempdir().unwrap();
    // Killed a little later each time: somewhere between the unpacking and the receipt.
    for tenths in [4, 9, 13, 16] {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_taizhang"));
        let demo = demo.current_dir(root.path()).arg("demo").stdout(Stdio::null()).stderr(Stdio::null());
        let mut demo = demo.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(tenths * 100));
        demo.kill().unwrap();
        demo.wait().unwrap();
    }
    for _ in 0..2 {
        let demo = said(root.path(), "demo");
        let lines = [
            "已接收 …",
            "…",
            "接收程序 签名人 沙盒统计局（回执无效力）, sandbox …",
            "有效 …",
            "…",
            "taizhang-demo/out/ledger.xlsx",
        ];
        assert_eq!(missing(&lines, &demo), None, "{demo}");
        assert!(!demo.contains("错误["), "{demo}");
    }
    let receipts = fs::read_dir(root.path().join("taizhang-demo/taizhang-state/receipts")).unwrap();
    assert_eq!(receipts.count(), 1);
}
