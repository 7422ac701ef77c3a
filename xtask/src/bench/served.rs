/*!
The review pages of a large book, asked over HTTP as a browser asks: from connecting to the last byte of the page.

The book is the one that the other measurements pulled. The first call of a page of figures reads the book into memory; the calls after it are
what a person waits for on the way from the form to the vouchers.
*/

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use super::{Site, data, report::Report};

/// What is asked for before: people, a form, pages.
const CONFIG: &str = "\n[unit]\nname = \"量测公司\"\ncode = \"91350100M000100Y43\"\n\n[[form]]\ncode = \"B203\"\nbook = \"ledger\"\n\n\
                      [[person]]\nid = \"wu\"\nname = \"吴静\"\nroles = [\"preparer\", \"statistician\"]\n\n[web]\nlisten = \"127.0.0.1:0\"\n";
/// What the person of the bench signs in with.
const PASSWORD: &str = "only-for-this-bench-run";
/// Calls of each page after the first.
const CALLS: usize = 15;

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Status line, headers and body of one answer.
fn ask(address: &str, request: &str) -> Result<String, String> {
    let wrong = |error: std::io::Error| format!("{address}: {error}");
    let mut stream = TcpStream::connect(address).map_err(wrong)?;
    stream.write_all(request.as_bytes()).map_err(wrong)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(wrong)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn get(address: &str, path: &str, cookie: &str) -> Result<(Duration, String), String> {
    let begun = Instant::now();
    let answer =
        ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"))?;
    let took = begun.elapsed();
    if answer.starts_with("HTTP/1.1 200") {
        Ok((took, answer))
    } else {
        Err(format!("{path}: {}", &answer[..answer.len().min(600)]))
    }
}

/// The first address in a page that begins with `start`.
fn link(page: &str, start: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("href=\"{start}"))?;
    Some(format!("{start}{}", rest.split('"').next()?).replace("&amp;", "&"))
}

/// Measures home, form, figure, lines and voucher.
pub fn served(site: &Site, report: &mut Report) -> Result<(), String> {
    eprintln!("review pages of the book");
    let config = site.folder.path().join("agent.toml");
    let opened = OpenOptions::new().append(true).open(&config);
    opened.and_then(|mut file| file.write_all(CONFIG.as_bytes())).map_err(|error| error.to_string())?;
    let month = data::month(data::MONTHS - 1);
    site.run(&["build", "--book", "ledger", "--period", &month])?;
    let mut daemon =
        Daemon(site.command(&["--lang", "en", "run"]).stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())?);
    let told = daemon.0.stderr.take().ok_or("no stderr")?;
    let mut lines = BufReader::new(told).lines().map_while(Result::ok);
    let address = lines
        .find_map(|line| Some(line.split_once("[web-serves] http://")?.1.split(": ").next()?.to_owned()))
        .ok_or("no pages are served")?;
    std::thread::spawn(move || lines.for_each(drop));
    let invited = site.output(&["person", "invite", "wu", "--format", "csv"])?;
    let token =
        invited.split("invitation=").nth(1).and_then(|rest| rest.split([',', '"', '\n', '&']).next()).ok_or("no invitation")?;
    let body = format!("person=wu&invitation={token}&password={PASSWORD}&again={PASSWORD}");
    let entered = ask(
        &address,
        &format!(
            "POST /welcome HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        ),
    )?;
    let cookie = entered.lines().find_map(|line| line.to_lowercase().starts_with("set-cookie: ").then(|| line[12..].to_owned()));
    let cookie = cookie.and_then(|cookie| Some(cookie.split(';').next()?.to_owned())).ok_or("nobody is signed in")?;
    let form = format!("/drafts/ledger/B203/{month}");
    let figure = format!("{form}/figure?cell=301&column=cumulative");
    let (_, page) = get(&address, &figure, &cookie)?;
    let lines = link(&page, &format!("{form}/lines?")).ok_or("the figure has no lines")?;
    let voucher = link(&page, "/books/ledger/vouchers?").ok_or("the figure has no voucher")?;
    for (name, path, target) in [
        ("home", "/", 50),
        ("form B203", form.as_str(), 50),
        ("its rules", &format!("{form}/rules"), 200),
        ("figure 301, cumulative", &figure, 200),
        ("a page of its lines", &lines, 200),
        ("a voucher", &voucher, 200),
    ] {
        let mut times = Vec::new();
        for _ in 0..CALLS {
            times.push(get(&address, path, &cookie)?.0);
        }
        times.sort();
        report.millis(&format!("page: {name}, middle of {CALLS}"), times[CALLS / 2], &format!("≤ {target} ms"));
        report.millis(&format!("page: {name}, worst"), times[CALLS - 1], "");
    }
    // As after a change: everything is read anew.
    fs::write(&config, fs::read_to_string(&config).map_err(|error| error.to_string())? + "\n# read anew\n")
        .map_err(|e| e.to_string())?;
    report.millis("page: figure 301, book read anew", get(&address, &figure, &cookie)?.0, "");
    Ok(())
}
