//! Sign-off and delivery: who did what, who must still, what is signed, what leaves, and what came back.

use model::Finding;

use super::{Answer, Attached, Comparison, DraftView, File, Operation, Paper, Place};

/// Whether a person may do something as things are, and why not. None where it is not the time for it.
pub type Offer = Option<Result<(), Vec<Finding>>>;

/// What a person may do with a draft before it is signed.
#[derive(Clone, Debug, Default)]
pub struct Offers {
    /// 提交审核
    pub review: Offer,
    /// 批准
    pub approve: Offer,
    /// 退回
    pub back: Offer,
}

/// How far a stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Behind us.
    Done,
    /// It is its turn.
    Now,
    /// Something else comes first.
    Later,
    /// It went wrong.
    Wrong,
}

/// A stage of a form's way to the bureau.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Name of its label.
    pub name: String,
    /// How far it is.
    pub reached: Reached,
    /// Who did it.
    pub who: String,
    /// When.
    pub at: String,
    /// What else is to be known: a reference, the name of a file.
    pub note: String,
    /// Names of those who can do it, where nobody has.
    pub waits: Vec<String>,
}

/// What unlocks a person's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Nobody configured one.
    None,
    /// Password of a file.
    Password,
    /// PIN of a token.
    Pin,
}

/// A role in which somebody may sign.
#[derive(Clone, Debug)]
pub struct Hand {
    /// `preparer`, `statistician`, `finance`, `head`.
    pub role: String,
    /// Whether there is a signature that another one would take the place of.
    pub signed: bool,
    /// Whether the person may.
    pub offer: Result<(), Vec<Finding>>,
}

/// A filing at the national portal.
#[derive(Clone, Debug)]
pub struct FilingView {
    /// Day.
    pub at: String,
    /// What the portal calls it.
    pub reference: String,
    /// Whether it is of the draft as it is now.
    pub current: bool,
    /// Files that show it.
    pub papers: Vec<Attached>,
}

/// A draft that a person may sign now.
#[derive(Clone, Debug)]
pub struct Signable {
    /// Where it is.
    pub place: Place,
    /// The draft.
    pub view: DraftView,
    /// Digest of what is signed.
    pub digest: String,
    /// Roles in which the person has not signed and may.
    pub roles: Vec<String>,
}

/// Drafts to be signed.
#[derive(Clone, Debug)]
pub struct Signables {
    /// Those that the person may sign.
    pub open: Vec<Signable>,
    /// Those that are approved and wait for something else: where, and why.
    pub held: Vec<(Place, Vec<Finding>)>,
    /// What unlocks the person's key.
    pub key: Key,
}

/// The sign-off of a draft.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The draft.
    pub view: DraftView,
    /// Whether this receiver is the designated channel; else a copy follows the filing at the portal.
    pub official: bool,
    /// Stages in their order.
    pub stages: Vec<Stage>,
    /// Digest of what is signed, or was.
    pub digest: Option<String>,
    /// Why nothing can be signed, and what is to be known about it.
    pub findings: Vec<Finding>,
    /// Before signing.
    pub offers: Offers,
    /// The filing, and whether the person may record one.
    pub filing: (Option<FilingView>, Offer),
    /// Roles in which the person may sign, while there is something to sign.
    pub hands: Vec<Hand>,
    /// What unlocks the person's key.
    pub key: Key,
    /// Roles that may be signed on paper, and whether the person may attest it.
    pub paper: (Vec<String>, Offer),
    /// Whether the package may be submitted.
    pub submit: Offer,
    /// Whether it is on its way or has come back.
    pub sent: bool,
    /// Compared with what the bureau has, or with the version before.
    pub with_version: Option<Comparison>,
    /// Whether that version is the bureau's.
    pub theirs: bool,
    /// Compared with the month before.
    pub with_month: Option<Comparison>,
    /// Everything that was done with it, the newest first.
    pub rounds: Vec<Operation>,
}

/// A file of a package.
#[derive(Clone, Debug)]
pub struct PackedFile {
    /// Name.
    pub name: String,
    /// `payload`, `signature` or `attachment`.
    pub kind: &'static str,
    /// Bytes.
    pub size: usize,
    /// SHA-256.
    pub sha256: String,
}

/// What would leave the firm.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// The draft it is asked for.
    pub view: DraftView,
    /// Digest of the payload.
    pub digest: String,
    /// Every form of the package: code, book, whether this is the one.
    pub forms: Vec<[String; 2]>,
    /// The files.
    pub parts: Vec<PackedFile>,
    /// Bytes of the container.
    pub size: usize,
    /// What stays: names of labels.
    pub stays: Vec<&'static str>,
    /// The receiver's address; empty where none is configured.
    pub to: String,
    /// What the receiver calls itself, where that is known.
    pub bureau: String,
    /// Why it does not leave, and what is to be known.
    pub findings: Vec<Finding>,
    /// Whether a reason is asked for, as the books have moved since it was signed.
    pub anyway: bool,
    /// Whether the person may.
    pub offer: Result<(), Vec<Finding>>,
}

/// A package of a form's month.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Digest of the payload.
    pub digest: String,
    /// Whether it was only tried.
    pub trial: bool,
    /// `signed`, `queued`, `sending`, `handed_out`, `delivered`, `refused` or `withdrawn`.
    pub state: String,
    /// How often it was tried.
    pub tries: u64,
    /// Who submitted it.
    pub by: String,
    /// When.
    pub at: String,
    /// Digest of the package that it corrects.
    pub corrects: Option<String>,
    /// Why it waits.
    pub trouble: Option<Finding>,
    /// Receipts, the newest first: name, verdict, when.
    pub receipts: Vec<[String; 3]>,
}

/// Where the packages of a form's month are.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Name of the form.
    pub name: String,
    /// State of the draft.
    pub state: String,
    /// The newest first.
    pub sent: Vec<Sent>,
    /// Whether something is under way, so that it is worth looking again.
    pub moving: bool,
    /// Whether the newest may be taken back.
    pub withdraw: Offer,
    /// What the bureau says about it.
    pub threads: Vec<Thread>,
}

/// A receipt, looked at now.
#[derive(Clone, Debug)]
pub struct ReceiptView {
    /// SHA-256 of its container: its name.
    pub name: String,
    /// `received` or `refused`.
    pub verdict: &'static str,
    /// Whether it was only tried.
    pub trial: bool,
    /// Code and name of the receiver.
    pub receiver: [String; 2],
    /// When it arrived there, by the receiver's clock.
    pub at: String,
    /// `official` or `companion`.
    pub channel: String,
    /// Form, period, edition, and the count of what arrived for it.
    pub forms: Vec<[String; 4]>,
    /// Digest of the payload.
    pub payload: String,
    /// SHA-256 of the package as it arrived.
    pub package: String,
    /// Why it was refused, or what was noticed.
    pub reasons: Vec<Finding>,
    /// The audit on arrival: how many rules, by name of the outcome.
    pub audit: Vec<(String, String)>,
    /// Rules that were not met: form, rule, severity, what it asks.
    pub hits: Vec<[String; 4]>,
    /// Those among them that the package explains: form and rule.
    pub explained: Vec<[String; 2]>,
    /// Its place in the receiver's log and the log's size, where it holds.
    pub place: Option<[u64; 2]>,
    /// What is wrong with it; nothing where it holds.
    pub findings: Vec<Finding>,
    /// Where its drafts are.
    pub drafts: Vec<Place>,
    /// The package that it corrects, and the one that corrects it: payload digest and the name of a receipt, where there is one.
    pub corrects: Option<[String; 2]>,
    /// The same.
    pub corrected: Option<[String; 2]>,
    /// The command that verifies it anywhere.
    pub verify: String,
}

/// What the bureau wrote, and what was answered.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Number.
    pub number: u64,
    /// `query`, `return`, `acceptance` or `notice`; `answer` where what it answers is not here.
    pub kind: String,
    /// When.
    pub at: String,
    /// Who wrote it.
    pub by: String,
    /// Where its draft is, where it is about one.
    pub place: Option<Place>,
    /// Form and period, for people.
    pub about: String,
    /// Indicator or rule.
    pub subject: String,
    /// The words.
    pub text: String,
    /// Answers: when, who, words.
    pub answers: Vec<[String; 3]>,
    /// Whether it asks for an answer that nobody has given.
    pub open: bool,
    /// Receipt of the package that came after it: what was corrected.
    pub corrected: Option<String>,
}

/// Messages.
#[derive(Clone, Debug)]
pub struct Letters {
    /// Open ones first, then the newest.
    pub threads: Vec<Thread>,
    /// Whether the person may answer.
    pub offer: Result<(), Vec<Finding>>,
    /// Whether there is a receiver to be asked.
    pub connected: bool,
}

/// One thing to do with a form, for the person who looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// Name of its label.
    pub name: &'static str,
    /// Page of the draft, without its address; empty is the draft itself.
    pub page: &'static str,
    /// Names of those whose turn it is, where it is not the person's.
    pub waits: Vec<String>,
}

/// What is signed, by whom.
#[derive(Clone, Debug)]
pub struct Sign {
    /// In which role.
    pub role: String,
    /// The digest that was shown.
    pub digest: String,
    /// Password or PIN.
    pub secret: zeroize::Zeroizing<String>,
    /// Scan of the paper that another hand signed.
    pub paper: Option<Paper>,
}

/// What sign-off pages ask, and do.
pub trait SignDesk: Send + Sync + 'static {
    /// What a person may do with a draft before it is signed.
    fn offers(&self, who: &str, place: &Place) -> Answer<Offers>;
    /// The sign-off of a draft.
    fn signing(&self, who: &str, place: &Place) -> Answer<Signing>;
    /// Signs, or attests a signature on paper.
    fn sign(&self, who: &str, place: &Place, sign: &Sign) -> Answer<Vec<Finding>>;
    /// Every draft that a person may sign now.
    fn signables(&self, who: &str) -> Answer<Signables>;
    /// What is to be signed as a page or PDF, with lines for a hand.
    fn print(&self, place: &Place, pdf: bool) -> Answer<File>;
    /// Records the filing of a draft at the national portal: the draft's digest, the day, and what the portal calls it.
    fn note_filing(&self, who: &str, place: &Place, said: [&str; 3], papers: &[Paper]) -> Answer<()>;
    /// What would leave.
    fn leaving(&self, who: &str, place: &Place) -> Answer<Leaving>;
    /// Puts the package with this digest into the outbox; `anyway` is the reason where the books have moved.
    fn submit(&self, who: &str, place: &Place, digest: &str, anyway: &str) -> Answer<()>;
    /// Notes that the package with this digest is carried by hand, and gives it.
    fn carry(&self, who: &str, place: &Place, digest: &str, anyway: &str) -> Answer<File>;
    /// The page within a package that shows its forms, by the digest of its payload.
    fn content(&self, place: &Place, digest: &str) -> Answer<File>;
    /// A package that is carried by hand once more, or the checkpoint that goes beside it.
    fn carried(&self, place: &Place, digest: &str, checkpoint: bool) -> Answer<File>;
    /// Keeps a receipt that was carried back; its name.
    fn import_receipt(&self, who: &str, paper: &Paper) -> Answer<String>;
    /// Takes it back.
    fn call_back(&self, who: &str, place: &Place, digest: &str, reason: &str) -> Answer<Vec<Finding>>;
    /// Where the packages of a form's month are.
    fn delivery(&self, who: &str, place: &Place) -> Answer<Delivery>;
    /// A receipt.
    fn receipt(&self, name: &str) -> Answer<ReceiptView>;
    /// Its file.
    fn receipt_file(&self, name: &str) -> Answer<File>;
    /// What the bureau wrote.
    fn letters(&self, who: &str) -> Answer<Letters>;
    /// Asks the bureau for more.
    fn fetch(&self) -> Answer<Vec<Finding>>;
    /// Answers a query.
    fn answer(&self, who: &str, number: u64, text: &str) -> Answer<Vec<Finding>>;
}
