//! A judged package on its way into the database: its rows, its entry of the log, its receipt.

use std::sync::Arc;

use exchange::Receipted;
use model::Finding;
use seal::{Limits, Receipt, Role, Verdict, countersign};
use tokio::sync::oneshot;

use super::Judged;
use crate::{
    clock,
    db::{self, Ask, Connection, Value},
    events::Event,
    office::Office,
    sql,
    store::{Agent, Blob, Close, Known, Log, NewReport, Refused, Report, Taken, Task},
};

/// Codes of a receipt's reasons, each with its place.
pub fn told(receipt: &Receipt) -> Vec<String> {
    receipt.reasons.iter().map(|reason| format!("{} {}", reason.code, reason.place)).collect()
}

/// A package that is being received.
pub struct Receiving {
    office: Arc<Office>,
    /// As it was judged; where it is written twice, it begins anew from here.
    arrived: Judged,
    judged: Judged,
    bytes: Vec<u8>,
    reply: oneshot::Sender<Result<Receipted, Refused>>,
    /// The receipt that was there before, or that was made.
    done: Option<Receipted>,
    /// Whether the same package is in this batch before it.
    twin: bool,
    leaf: u64,
}

impl Receiving {
    /// A task and where its receipt comes out.
    pub fn new(
        office: Arc<Office>,
        judged: Judged,
        bytes: Vec<u8>,
    ) -> (Receiving, oneshot::Receiver<Result<Receipted, Refused>>) {
        let (reply, receipt) = oneshot::channel();
        (Receiving { office, arrived: judged.clone(), judged, bytes, reply, done: None, twin: false, leaf: 0 }, receipt)
    }

    fn received(&self) -> bool {
        self.judged.receipt.verdict == Verdict::Received
    }

    /// The receipt that this package has already.
    fn known(&self, connection: &Connection) -> db::Result<Option<Known>> {
        let receipt = &self.judged.receipt;
        if self.received() {
            let known = Known::of_payload(connection, &receipt.payload.to_string(), &receipt.unit)?;
            return Ok(known.filter(|known| known.accepted));
        }
        // A refusal for the same reasons is the same refusal. Of a package that was taken, the receipt stands whatever became of certificates since.
        let content = receipt.package.to_string();
        let known = Known::of_bytes(connection, &content, &receipt.unit)?;
        let reasons = self.reasons();
        Ok(known.filter(|known| known.accepted || known.reasons == reasons))
    }

    /// Codes of the reasons, each with its place.
    fn reasons(&self) -> Vec<String> {
        told(&self.judged.receipt)
    }

    /// The newest version of each form, and that the package comes after them.
    fn versions(&mut self, connection: &Connection) -> db::Result<Vec<Option<Report>>> {
        let receipt = &mut self.judged.receipt;
        let mut before = Vec::new();
        for form in &receipt.forms {
            let key = [form.form.as_str(), form.edition.as_str(), form.period.as_str()];
            before.push(Report::newest(connection, &receipt.unit, key, receipt.test)?);
        }
        let newest = before.iter().flatten().max_by_key(|report| report.id).map(|report| report.payload.clone());
        if newest != self.judged.supersedes {
            let none = || "—".to_owned();
            let finding = Finding::error("package-not-next").with("wanted", newest.unwrap_or_else(none));
            receipt.reasons.push(finding.with("supersedes", self.judged.supersedes.clone().unwrap_or_else(none)));
            receipt.verdict = Verdict::Refused;
        }
        for (form, before) in receipt.forms.iter_mut().zip(&before) {
            form.version = before.as_ref().map_or(1, |before| u64::from(before.version) + 1);
        }
        Ok(before)
    }

    /// Notices an agent whose log became shorter, or another.
    fn agent(&mut self, connection: &Connection, at: &str) -> Result<(), Refused> {
        let Some(note) = &self.judged.agent else { return Ok(()) };
        let checkpoint = note.checkpoint()?;
        let receipt = &mut self.judged.receipt;
        let last = Agent::last(connection, &receipt.unit, &checkpoint.origin)?;
        let (size, root) = (checkpoint.size, checkpoint.root.to_string());
        if let Some(last) = last.filter(|last| size < last.size || (size == last.size && root != last.root)) {
            let finding = Finding::warning("agent-log-rewound").at("agent-checkpoint");
            receipt.reasons.push(finding.with("size", size).with("seen", last.size));
        }
        let identity = self.office.keys().receiver()?;
        let origin = self.office.config().origin();
        let countersigned = countersign(note, &origin, identity.signer())?;
        let kept = Agent { origin: checkpoint.origin, size, root };
        kept.add(connection, at, &receipt.unit, &countersigned.to_string())?;
        self.judged.agent = Some(countersigned);
        Ok(())
    }
}

impl Task for Receiving {
    fn unit(&self) -> &str {
        &self.judged.receipt.unit
    }

    fn asks(&self) -> Vec<Ask> {
        let receipt = &self.judged.receipt;
        let text = |text: &str| Value::Text(text.to_owned());
        let unit = text(&receipt.unit);
        if !self.received() {
            return vec![(sql::RECEIPT_OF_BYTES.into(), vec![text(&receipt.package.to_string()), unit])];
        }
        let payload = text(&receipt.payload.to_string());
        let mut asks = vec![(sql::RECEIPT.into(), vec![payload.clone(), unit.clone()]), (sql::PACKAGE.into(), vec![payload])];
        asks.extend(receipt.forms.iter().map(|form| {
            let trial = Value::Integer(receipt.test.into());
            (sql::REPORT.into(), vec![unit.clone(), text(&form.form), text(&form.edition), text(&form.period), trial])
        }));
        asks
    }

    fn write(&mut self, connection: &Connection, log: &mut Log<'_>) -> Result<(), Refused> {
        (self.judged, self.done, self.twin) = (self.arrived.clone(), None, false);
        if let Some(known) = self.known(connection)? {
            self.done = Some(Receipted { accepted: known.accepted, new: false, receipt: known.receipt });
            return Ok(());
        }
        let mut before = Vec::new();
        if self.received() && Taken::owner(connection, &self.judged.receipt.payload.to_string())?.is_some() {
            self.twin = true;
            return Ok(());
        }
        if self.received() {
            before = self.versions(connection)?;
            if !self.received() {
                // Refused only now, by what arrived meanwhile; the same refusal may be there already.
                if let Some(known) = self.known(connection)? {
                    self.done = Some(Receipted { accepted: known.accepted, new: false, receipt: known.receipt });
                    return Ok(());
                }
            }
        }
        if !self.received() {
            self.judged.receipt.forms.iter_mut().for_each(|form| form.version = 0);
            self.judged.agent = None;
        }
        // A clock that was put back would date receipts before what is in the log.
        let at = clock::text(self.judged.receipt.received);
        self.agent(connection, &at)?;
        if self.received() {
            let receipt = &self.judged.receipt;
            let (payload, content) = (receipt.payload.to_string(), receipt.package.to_string());
            let bytes: &[u8] = if self.office.store().objects().apart() { &[] } else { &self.bytes };
            Blob::add(connection, &content, bytes)?;
            let (unit, trial) = (receipt.unit.clone(), receipt.test);
            let package = Taken { at: at.clone(), unit, payload, content, trial }.add(connection)?;
            for (report, before) in self.judged.reports.iter().zip(&before) {
                NewReport::add(report, connection, package, &receipt.unit, trial, before.as_ref())?;
            }
        }
        self.leaf = log.append("receipt", &at, &self.judged.receipt.to_bytes()?)?;
        Ok(())
    }

    fn close(&mut self, close: &Close<'_>) -> Result<(), Refused> {
        if self.twin {
            let known = self.known(close.connection)?;
            self.done = known.map(|known| Receipted { accepted: known.accepted, new: false, receipt: known.receipt });
        }
        if self.twin || self.done.is_some() {
            return Ok(());
        }
        let receipt = &self.judged.receipt;
        let proof = close.log.proof(self.leaf, close.log.size(), close.note.clone())?;
        let mut package = receipt.package(&proof, self.judged.agent.as_ref())?;
        package.sign(&self.office.keys().receiver()?, Role::Receiver, receipt.received)?;
        let bytes = package.write(Limits::default())?;
        let known = Known { accepted: self.received(), receipt: bytes.clone(), reasons: self.reasons() };
        let digests = [receipt.payload.to_string(), receipt.package.to_string()];
        let at = clock::text(receipt.received);
        known.add(close.connection, &at, &receipt.unit, [&digests[0], &digests[1]], self.leaf)?;
        self.done = Some(Receipted { accepted: self.received(), new: true, receipt: bytes });
        Ok(())
    }

    fn reply(self: Box<Self>, outcome: Result<(), Refused>) {
        let Receiving { done, reply, office, judged, .. } = *self;
        if outcome.is_ok() && done.as_ref().is_some_and(|done| done.new) {
            office.tell(|| Event::of_receipt(&judged.receipt));
            office.ring();
        }
        let lost = || Refused::State("nothing was written".to_owned());
        let answer = outcome.and_then(|()| done.ok_or_else(lost));
        // Who asked may have gone; the receipt is there when it comes again.
        let _ = reply.send(answer);
    }
}
