/*! The receiver at work: what `exchange` asks of it, over the store, the keys and what it knows of the survey. */

use std::sync::{Arc, OnceLock, Weak, mpsc::SyncSender};

use exchange::{
    Caller, Code, Consistency, Health, Inclusion, Message, Messages, NewMessage, PACKAGE_MAX, Packs, Problem, Receipted,
    Receiver, UploadOrder, UploadState,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use model::{Finding, Month};
use seal::{Certificate, Digest, Role, Time};
use tokio::sync::Semaphore;

use crate::{
    clock,
    config::Config,
    db, enrol, est,
    events::{Event, Teller},
    failure::Failure,
    keys::Keys,
    knowledge::Knowledge,
    problem::{self, Unwritten},
    receive::{self, Arrived, Receiving},
    store::{
        Base, Issued, Known, Log, MessageDraft, Objects, Published, Refused, Signing, Store, StoreError, Task, Unit, Writer,
    },
    uploads::Uploads,
};

/// A receiver.
pub struct Office {
    me: Weak<Office>,
    config: Config,
    keys: Keys,
    store: Store,
    writer: Writer,
    knowledge: Knowledge,
    uploads: Uploads,
    /// As many packages are judged at once as there are processors: more would only wait for each other. Where rows or bytes come from another
    /// machine, some wait for those.
    judging: Semaphore,
    teller: OnceLock<Teller>,
    bell: OnceLock<SyncSender<()>>,
}

/// Hours that China's clocks are ahead of UTC.
const CHINA: i64 = 8;

impl Office {
    /// Opens the state and the keys.
    pub fn open(config: Config) -> Result<Arc<Office>, Failure> {
        let keys = Keys::read(&config)?;
        Office::with(config, keys)
    }

    /// Opens the state with keys that are in memory.
    pub fn with(config: Config, keys: Keys) -> Result<Arc<Office>, Failure> {
        let store = Store::open(&config)?;
        let writer = Writer::start(&store, Box::new(Signing { origin: config.origin(), signer: keys.signer() }))?;
        let uploads = Uploads::open(&config.state, config.uploads.clone());
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let waiting = match (store.objects(), store.base()) {
            (Objects::Bucket(_), _) => 16,
            (_, Base::Postgres(_)) => 2,
            _ => 1,
        };
        Ok(Arc::new_cyclic(|me| Office {
            me: Weak::clone(me),
            config,
            keys,
            store,
            writer,
            knowledge: Knowledge::default(),
            uploads,
            judging: Semaphore::new(cores * waiting),
            teller: OnceLock::new(),
            bell: OnceLock::new(),
        }))
    }

    /// Configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Writes rows, each of which is an entry of the log as well.
    pub fn write<T>(&self, act: impl FnOnce(&db::Connection) -> db::Result<T>) -> Result<T, StoreError> {
        let (done, acts) = self.store.write(&self.notary(), act)?;
        acts.iter().for_each(|act| self.tell(|| Event::of_act(act)));
        self.ring();
        Ok(done)
    }

    /// Hands a task to the group commit.
    pub fn send(&self, task: Box<dyn Task>) {
        self.writer.send(task);
    }

    /// Tells from now on what happens, a line each, on stderr.
    pub fn tells(&self, teller: Teller) {
        // Who was told to before goes on.
        let _ = self.teller.set(teller);
    }

    /// Tells what happened, where somebody wants to hear it.
    pub fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(teller) = self.teller.get() {
            teller.tell(&event());
        }
    }

    /// Rings from now on after each commit: for what is derived from the state.
    pub fn rings(&self, bell: SyncSender<()>) {
        // Who was rung to before goes on.
        let _ = self.bell.set(bell);
    }

    /// Something was written. A bell that has rung already rings no louder.
    pub fn ring(&self) {
        if let Some(bell) = self.bell.get() {
            let _ = bell.try_send(());
        }
    }

    /// Who signs the log.
    pub fn notary(&self) -> Signing<crate::keys::Shared> {
        Signing { origin: self.config.origin(), signer: self.keys.signer() }
    }

    /// Keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// State.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Forms and rules.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// Unfinished uploads.
    pub fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    /// The month of a moment in China.
    pub fn month(&self, at: Time) -> Month {
        let seconds = i64::try_from(at.unix()).unwrap_or(0);
        let moment = Timestamp::from_second(seconds).unwrap_or_default();
        let moment = moment.checked_add(SignedDuration::from_hours(CHINA)).unwrap_or(moment);
        let date = TimeZone::UTC.to_datetime(moment).date();
        let month = u16::try_from(date.year()).ok().zip(u8::try_from(date.month()).ok());
        month.and_then(|(year, month)| Month::new(year, month)).unwrap_or(Month::FIRST)
    }

    /// Work that asks disks or processors, away from the threads that talk.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Office) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let gone = || Problem::from(Unwritten("the receiver is ending".to_owned()));
        let me = self.me.upgrade().ok_or_else(gone)?;
        tokio::task::spawn_blocking(move || work(&me)).await.map_err(|error| Problem::from(Unwritten(error.to_string())))?
    }

    /// What is wrong with the certificate of a connection.
    pub fn connection(&self, who: &Caller, now: Time) -> Result<Vec<Finding>, StoreError> {
        let Ok(certificate) = Certificate::from_der(&who.certificate) else {
            return Ok(vec![Finding::error("client-certificate-unfit").at("tls").with("subject", "—")]);
        };
        let mut findings = Vec::new();
        let subject = certificate.subject();
        if !subject.roles.contains(&Role::Agent) {
            findings.push(Finding::error("client-certificate-unfit").at("tls").with("subject", subject));
        }
        if now > certificate.not_after() {
            let finding = Finding::error("certificate-expired").at("tls").with("subject", subject);
            findings.push(finding.with("until", certificate.not_after()).with("at", now));
        }
        let (revoked, unit) = self.store.read(|connection| {
            Ok((Issued::revoked(connection, &certificate.serial())?, Unit::find(connection, &subject.unit)?))
        })?;
        if let Some(since) = revoked {
            let finding = Finding::error("certificate-revoked").at("tls").with("subject", subject);
            findings.push(finding.with("since", since).with("at", now));
        }
        if unit.is_none() {
            findings.push(Finding::error("bureau-unit-unknown").at("tls").with("unit", &subject.unit));
        }
        Ok(findings)
    }

    /// Turns away who may not ask.
    pub async fn admit(&self, who: &Caller) -> Result<(), Problem> {
        let who = who.clone();
        self.apart(move |office| {
            let findings = office.connection(&who, clock::now()).map_err(Unwritten::from)?;
            findings.first().map_or(Ok(()), |finding| Err(problem::of(403, finding)))
        })
        .await
    }

    /// Judges a package and writes it down.
    async fn take(&self, who: &Caller, bytes: Vec<u8>, agent: Option<&str>) -> Result<Receipted, Problem> {
        let _turn = self.judging.acquire().await.map_err(|error| Problem::from(Unwritten(error.to_string())))?;
        let (who, agent) = (who.clone(), agent.map(str::to_owned));
        let (judged, bytes) = self
            .apart(move |office| {
                let at = clock::now();
                let arrived = Arrived {
                    bytes: &bytes,
                    whole: None,
                    unit: Some(&who.unit),
                    machines: Certificate::from_der(&who.certificate).into_iter().collect(),
                    connection: office.connection(&who, at).map_err(Unwritten::from)?,
                    agent: agent.as_deref(),
                    at,
                };
                let judged = receive::judge(office, &arrived).map_err(Unwritten::from)?;
                Ok((judged, bytes))
            })
            .await?;
        drop(_turn);
        let (judged, bytes) = if self.store.objects().apart() {
            let kept = self.apart(move |office| {
                receive::keep(office, &judged, &bytes).map_err(Unwritten::from)?;
                Ok((judged, bytes))
            });
            kept.await?
        } else {
            (judged, bytes)
        };
        let me = self.me.upgrade().ok_or_else(|| Problem::from(Unwritten("the receiver is ending".to_owned())))?;
        let (task, receipt) = Receiving::new(me, judged, bytes);
        self.writer.send(Box::new(task));
        match receipt.await {
            Ok(Ok(receipt)) => Ok(receipt),
            Ok(Err(Refused::State(why))) => Err(Unwritten(why).into()),
            Ok(Err(Refused::Finding(finding))) => Err(Unwritten(finding.to_string()).into()),
            Err(error) => Err(Unwritten(error.to_string()).into()),
        }
    }
}

impl Receiver for Office {
    async fn health(&self) -> Result<Health, Problem> {
        // Something is read, so that a server that went away is noticed.
        self.apart(|office| office.store.read(Log::checkpoint).map(drop).map_err(|error| Unwritten::from(error).into())).await?;
        let status = "ok";
        let (time, version) = (clock::text(clock::now()), env!("CARGO_PKG_VERSION").to_owned());
        Ok(Health { status: status.to_owned(), time, version, sandbox: self.config.sandbox })
    }

    async fn submit(&self, who: &Caller, package: Vec<u8>, agent: Option<&str>) -> Result<Receipted, Problem> {
        self.take(who, package, agent).await
    }

    async fn begin_upload(&self, who: &Caller, order: &UploadOrder) -> Result<(bool, UploadState), Problem> {
        let (unit, order) = (who.unit.clone(), order.clone());
        self.apart(move |office| {
            office.uploads.sweep();
            office.uploads.begin(&unit, &order, PACKAGE_MAX)
        })
        .await
    }

    async fn upload_state(&self, who: &Caller, sha256: &str) -> Result<UploadState, Problem> {
        let (unit, sha256) = (who.unit.clone(), sha256.to_owned());
        self.apart(move |office| office.uploads.state(&unit, &sha256)).await
    }

    async fn append(&self, who: &Caller, sha256: &str, offset: u64, piece: Vec<u8>) -> Result<UploadState, Problem> {
        let (unit, sha256) = (who.unit.clone(), sha256.to_owned());
        self.apart(move |office| office.uploads.append(&unit, &sha256, offset, &piece)).await
    }

    async fn complete(&self, who: &Caller, sha256: &str, agent: Option<&str>) -> Result<Receipted, Problem> {
        let (unit, digest) = (who.unit.clone(), sha256.to_owned());
        let whole = self.apart(move |office| match office.uploads.whole(&unit, &digest) {
            // The answer was lost on its way, and the upload is done: its receipt is there.
            Err(problem) if problem.status == 404 => {
                let known = office.store.read(|connection| Known::of_bytes(connection, &digest, &unit));
                let known = known.map_err(Unwritten::from)?.ok_or(problem)?;
                Ok(Err(Receipted { accepted: known.accepted, new: false, receipt: known.receipt }))
            }
            whole => whole.map(Ok),
        });
        let bytes = match whole.await? {
            Ok(bytes) => bytes,
            Err(known) => return Ok(known),
        };
        let receipt = self.take(who, bytes, agent).await?;
        self.uploads.done(&who.unit, sha256);
        Ok(receipt)
    }

    async fn receipt(&self, who: &Caller, payload: &str) -> Result<Receipted, Problem> {
        let (unit, payload) = (who.unit.clone(), payload.to_owned());
        self.apart(move |office| {
            let known =
                office.store.read(|connection| Known::of_payload(connection, &payload, &unit)).map_err(Unwritten::from)?;
            let known = known.ok_or_else(|| Problem::new(404, "receipt-unknown").with("payload", &payload))?;
            Ok(Receipted { accepted: known.accepted, new: false, receipt: known.receipt })
        })
        .await
    }

    async fn checkpoint(&self, _: &Caller) -> Result<String, Problem> {
        self.apart(|office| {
            let newest = office.store.read(Log::checkpoint).map_err(Unwritten::from)?;
            match newest {
                Some((_, note)) => Ok(note),
                // A log without an entry has a checkpoint too.
                None => {
                    let empty = seal::Checkpoint { origin: office.config.origin(), size: 0, root: Digest::of(b"") };
                    let note = empty.sign(&office.keys.signer()).map_err(|finding| problem::of(503, &finding))?;
                    Ok(note.to_string())
                }
            }
        })
        .await
    }

    async fn inclusion(&self, _: &Caller, leaf: &str, size: Option<u64>) -> Result<Inclusion, Problem> {
        let leaf = leaf.to_owned();
        self.apart(move |office| {
            let found = office.store.read(|connection| {
                let log = Log::open(connection)?;
                let note = match size {
                    None => Log::checkpoint(connection)?,
                    Some(size) => Log::checkpoint_at(connection, size)?,
                };
                let index = log.find(&leaf)?;
                let (Some((size, note)), Some(index)) = (note, index) else { return Ok(None) };
                if index >= size {
                    return Ok(None);
                }
                Ok(Some((index, size, log.inclusion(index, size)?, note)))
            });
            let found = found.map_err(Unwritten::from)?;
            let (index, size, proof, checkpoint) = found.ok_or_else(|| Problem::new(404, "leaf-unknown").with("leaf", &leaf))?;
            let proof = proof.iter().map(ToString::to_string).collect();
            Ok(Inclusion { leaf, index, size, proof, checkpoint })
        })
        .await
    }

    async fn consistency(&self, _: &Caller, from: u64, to: u64) -> Result<Consistency, Problem> {
        self.apart(move |office| {
            let proof = office.store.read(|connection| {
                let log = Log::open(connection)?;
                if to > log.size() { Ok(None) } else { log.consistency(from, to).map(Some) }
            });
            let proof = proof.map_err(Unwritten::from)?.ok_or_else(|| Problem::new(404, "log-shorter").with("size", to))?;
            Ok(Consistency { from, to, proof: proof.iter().map(ToString::to_string).collect() })
        })
        .await
    }

    async fn messages(&self, who: &Caller, after: u64, limit: usize) -> Result<Messages, Problem> {
        let unit = who.unit.clone();
        self.apart(move |office| {
            let found = office.store.read(|connection| MessageDraft::after(connection, &unit, after, limit + 1));
            let mut messages: Vec<Message> = found.map_err(Unwritten::from)?.into_iter().map(|(_, message)| message).collect();
            let more = messages.len() > limit;
            messages.truncate(limit);
            let next = messages.last().map_or(after, |message| message.id);
            Ok(Messages { messages, next, more })
        })
        .await
    }

    async fn post(&self, who: &Caller, message: &NewMessage) -> Result<(bool, Message), Problem> {
        let (unit, asked) = (who.unit.clone(), message.clone());
        self.apart(move |office| crate::messages::post(office, &unit, &asked)).await
    }

    async fn packs(&self, _: &Caller) -> Result<Packs, Problem> {
        self.apart(|office| {
            let published = office.store.read(Published::all).map_err(Unwritten::from)?;
            Ok(Packs { packs: published.into_iter().map(|published| published.pack).collect() })
        })
        .await
    }

    async fn pack(&self, _: &Caller, sha256: &str) -> Result<Vec<u8>, Problem> {
        let sha256 = sha256.to_owned();
        self.apart(move |office| {
            let found = office.store.read(|connection| Published::container(connection, &sha256)).map_err(Unwritten::from)?;
            found.ok_or_else(|| Problem::new(404, "bureau-pack-unknown").with("sha256", &sha256))
        })
        .await
    }

    async fn ca_certificates(&self) -> Result<Vec<u8>, Problem> {
        Ok(est::certificates_only([self.keys.root().der()]))
    }

    async fn request_attributes(&self) -> Result<Vec<u8>, Problem> {
        Ok(est::request_attributes())
    }

    async fn enrol(&self, code: &Code, request: &[u8]) -> Result<Vec<u8>, Problem> {
        let (code, request) = (code.clone(), request.to_vec());
        self.apart(move |office| enrol::enrol(office, &code, &request)).await
    }

    async fn reenrol(&self, who: &Caller, request: &[u8]) -> Result<Vec<u8>, Problem> {
        let (who, request) = (who.clone(), request.to_vec());
        self.apart(move |office| enrol::renew(office, &who, &request)).await
    }
}
