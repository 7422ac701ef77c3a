//! `packs publish` and `packs list`.

use std::{fs, path::PathBuf};

use clap::Subcommand;
use exchange::{PACK_FILE, Pack};
use model::{Finding, Level};
use seal::{Digest, Limits, Package, Payload, Role};
use survey::{Calendar, Form, pack::Kind};

use super::{Ctx, output};
use crate::{
    clock,
    failure::Failure,
    knowledge,
    office::Office,
    store::{Published, Store},
};

/// What to do with packs.
#[derive(Subcommand)]
pub enum What {
    /// 签名并发布一个制度包或日历 Signs and publishes a form pack or a calendar
    Publish {
        /// 文件 The file
        file: PathBuf,
    },
    /// 列出发布的包 Lists what is published
    List,
}

pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::Publish { file } => publish(ctx, &*ctx.office()?, file),
        What::List => {
            let (_, store) = ctx.open()?;
            let published = store.read(Published::all)?;
            let row = |published: &Published| {
                let pack = &published.pack;
                let revision = pack.revision.to_string();
                let texts = [&pack.kind, &pack.edition, &pack.form, &revision, &pack.at, &pack.sha256];
                texts.map(String::clone).to_vec()
            };
            let rows: Vec<Vec<String>> = published.iter().map(row).collect();
            output::rows(ctx.format, ctx.lang, &["kind", "edition", "form", "revision", "at", "sha256"], &rows)?;
            Ok(Vec::new())
        }
    }
}

fn publish(ctx: &Ctx, office: &Office, file: &PathBuf) -> Result<Vec<Finding>, Failure> {
    let (keys, store) = (office.keys(), office.store());
    let text = fs::read_to_string(file).map_err(|error| Failure::config(Finding::io(file, &error)))?;
    let name = file.display().to_string();
    let (pack, mut findings) = examined(store, &name, &text)?;
    let known = store.read(Published::all)?;
    let before = known.iter().find(|known| {
        let (known, new) = (&known.pack, &pack);
        known.kind == new.kind && known.edition == new.edition && known.form == new.form
    });
    // What agents have with their program is there before anything is published.
    let present = before.map(|before| before.pack.revision).or_else(|| built_in(&pack));
    if let Some(present) = present.filter(|present| *present >= pack.revision) {
        let finding = Finding::error("pack-older").at(name).with("form", &pack.form).with("edition", &pack.edition);
        findings.push(finding.with("given", pack.revision).with("present", present));
        return Err(Failure::findings(findings));
    }
    let now = clock::now();
    let mut payload = Payload::new();
    payload.insert(PACK_FILE, text.as_bytes())?;
    let mut package = Package::new(payload)?;
    package.sign(&keys.receiver()?, Role::Receiver, now)?;
    let container = package.write(Limits::default())?;
    let sha256 = Digest::of(&container).to_string();
    let pack = Pack { sha256, length: container.len() as u64, at: clock::text(now), ..pack };
    let published = Published { pack, text };
    office.write(|connection| published.add(connection, &container, &ctx.who()))?;
    let Pack { form, edition, revision, .. } = &published.pack;
    let form = if form.is_empty() { "calendar" } else { form };
    let told = Finding::note("pack-published").at(file.display().to_string());
    findings.push(told.with("form", form).with("edition", edition).with("revision", revision));
    Ok(findings)
}

/// The revision that comes with the program.
fn built_in(pack: &Pack) -> Option<u32> {
    if pack.kind == "calendar" {
        let (_, text) = survey::CALENDARS.iter().find(|(year, _)| *year == pack.edition)?;
        return Calendar::parse(&pack.edition, text).0.map(|calendar| calendar.revision);
    }
    let (_, _, text) = survey::FORMS.iter().find(|(edition, form, _)| *edition == pack.edition && *form == pack.form)?;
    Form::parse(&pack.form, text).0.map(|form| form.revision)
}

/// What a text is: a calendar has a year, a form has a form. A form is looked at beside all others of its edition.
fn examined(store: &Store, name: &str, text: &str) -> Result<(Pack, Vec<Finding>), Failure> {
    let blank = |kind: &str, edition: String, form: String, revision: u32| Pack {
        kind: kind.to_owned(),
        edition,
        form,
        revision,
        sha256: String::new(),
        length: 0,
        at: String::new(),
    };
    if Kind::of(text) == Kind::Calendar {
        let (calendar, findings) = Calendar::parse(name, text);
        return match calendar.filter(|_| !findings.iter().any(|finding| finding.level == Level::Error)) {
            Some(calendar) => Ok((blank("calendar", calendar.year.to_string(), String::new(), calendar.revision), findings)),
            None => Err(Failure::findings(findings)),
        };
    }
    let (form, findings) = Form::parse(name, text);
    let Some(form) = form else { return Err(Failure::findings(findings)) };
    let pack = blank("form", form.edition.clone(), form.form.clone(), form.revision);
    let mut beside = store.read(Published::all)?;
    beside.push(Published { pack: Pack { sha256: name.to_owned(), ..pack.clone() }, text: text.to_owned() });
    let (_, found) = knowledge::editions(&beside);
    let own: Vec<Finding> = found.into_iter().filter(|finding| finding.place.starts_with(name)).collect();
    if own.iter().any(|finding| finding.level == Level::Error) { Err(Failure::findings(own)) } else { Ok((pack, own)) }
}
