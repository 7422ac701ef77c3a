/*!
A state in PostgreSQL, for several receivers.

A session is driven by whoever asks it, in their own thread: what does not need its answer at once waits and goes out together with the next
question, and the answers are read in their order. So a batch of packages costs a few journeys, not thousands. A lock that PostgreSQL ends with the
transaction, whatever becomes of the receiver, lets one of all receivers add rows at a time.
*/

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    future::{Future, poll_fn},
    path::Path,
    pin::{Pin, pin},
    str::FromStr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{
    Client, Config, Statement,
    config::{Host, SslMode},
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

use super::{Ask, Connection, Error, Guards, Kind, Result, Row, Value, dialect, tls::Verified, value::Given};
use crate::sql::{self, Migration};

/// Rows of a long answer that are fetched at once.
const FETCHED: usize = 400;
/// What a session is told of itself: a receiver that hangs must not keep the others from writing for ever.
const OPTIONS: &str =
    "-c idle_in_transaction_session_timeout=60s -c statement_timeout=600s -c lock_timeout=60s -c client_min_messages=warning";

type Sent = Pin<Box<dyn Future<Output = std::result::Result<(), tokio_postgres::Error>> + Send>>;
type Line = Pin<Box<dyn Future<Output = std::result::Result<(), tokio_postgres::Error>> + Send>>;

/// A server and a database on it.
#[derive(Clone)]
pub struct Server {
    config: Config,
    tls: Verified,
}

impl Server {
    /// From an address (`postgresql://role@host/database`). Over a network the server's certificate must lead to `authority`.
    pub fn new(address: &str, authority: Option<&Path>) -> std::result::Result<Server, String> {
        // The crate's word may repeat the address, and the address may hold a password.
        let mut config = Config::from_str(address.trim()).map_err(|_| "the address of PostgreSQL cannot be read".to_owned())?;
        let local = config.get_hosts().iter().filter(|host| !matches!(host, Host::Tcp(_))).count();
        if local == 0 && authority.is_none() {
            return Err("a PostgreSQL server across a network needs [store] ca, the authority of its certificate".to_owned());
        }
        if local != 0 && local != config.get_hosts().len() {
            return Err("hosts of both kinds, sockets and names".to_owned());
        }
        config.ssl_mode(if local == 0 { SslMode::Require } else { SslMode::Disable });
        config.application_name("taizhang-bureau").options(OPTIONS).connect_timeout(Duration::from_secs(10));
        config.keepalives_idle(Duration::from_secs(30)).tcp_user_timeout(Duration::from_secs(60));
        Ok(Server { config, tls: Verified::new(authority)? })
    }

    /// The role that it is asked as.
    pub fn role(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// What to call it: never its password.
    pub fn place(&self) -> String {
        let host = |host: &Host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        };
        let hosts: Vec<String> = self.config.get_hosts().iter().map(host).collect();
        format!("postgresql://{}/{}", hosts.join(","), self.config.get_dbname().unwrap_or_default())
    }

    /// A connection.
    pub fn connect(&self) -> Result<Connection> {
        Session::open(&self.config, self.tls.clone()).map(|session| Connection::new(Kind::Postgres(Box::new(session))))
    }

    /// Version of the tables; 0 where there are none.
    pub fn version(&self) -> Result<i64> {
        let connection = self.connect()?;
        let Kind::Postgres(session) = &connection.kind else { return Ok(0) };
        session.version()
    }

    /// Makes the tables that are missing, as their owner, and lets `role` read them and add rows; gives the version there was.
    pub fn migrate(&self, migrations: &[Migration], role: &str, at: &str) -> Result<i64> {
        let connection = self.connect()?;
        let Kind::Postgres(session) = &connection.kind else { return Ok(0) };
        session.lock()?;
        let found = session.version()?;
        let newest = migrations.last().map_or(0, |last| last.version);
        if found > newest {
            session.roll_back()?;
            return Ok(found);
        }
        if found == 0 {
            session.run(&format!("{} {}", dialect::tables_text(sql::VERSIONS), dialect::REFUSE))?;
            session.run(&dialect::guard("state_version"))?;
        }
        for migration in migrations.iter().filter(|migration| migration.version > found) {
            session.run(&dialect::tables_text(migration.text))?;
            for table in migration.tables {
                session.run(&dialect::guard(table))?;
            }
            session.insert(sql::ADD_VERSION, &[Given::Integer(migration.version), Given::Text(at)])?;
        }
        let tables = migrations.iter().flat_map(|migration| migration.tables);
        for grant in sql::grants(tables, role) {
            session.run(&grant)?;
        }
        session.commit()?;
        Ok(found)
    }
}

/// A session.
pub(super) struct Session {
    /// Drives what follows; put down in the background, as whoever ends may be in another's turn.
    runtime: Option<Runtime>,
    client: Arc<Client>,
    line: RefCell<Option<Line>>,
    statements: RefCell<HashMap<String, Statement>>,
    /// What was said or will be said with the next question, in order, and whose answers are not heard yet.
    waiting: RefCell<VecDeque<(bool, Sent)>>,
    /// The first error of what was waiting.
    failed: RefCell<Option<Error>>,
    answers: RefCell<HashMap<Ask, Vec<Row>>>,
    numbers: RefCell<HashMap<String, i64>>,
    last: Cell<i64>,
    hasten: Cell<bool>,
    cursors: Cell<u64>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Several questions, sent in their order; done when all are.
struct All<F: Future> {
    asked: Vec<std::result::Result<F::Output, Pin<Box<F>>>>,
    sent: bool,
}

impl<F: Future> Future for All<F>
where
    F::Output: Unpin,
{
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let sent = std::mem::replace(&mut self.sent, true);
        for asked in &mut self.asked {
            if let Err(ask) = asked {
                match ask.as_mut().poll(cx) {
                    Poll::Ready(answer) => *asked = Ok(answer),
                    // Answers come in the order of the questions; the first time, each must be sent.
                    Poll::Pending if sent => return Poll::Pending,
                    Poll::Pending => {}
                }
            }
        }
        if self.asked.iter().any(|asked| asked.is_err()) {
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut self.asked).into_iter().filter_map(std::result::Result::ok).collect())
    }
}

impl Session {
    fn open(config: &Config, tls: Verified) -> Result<Session> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| Error::Other(error.to_string()))?;
        let (client, connection) = runtime.block_on(config.connect(tls))?;
        Ok(Session {
            runtime: Some(runtime),
            client: Arc::new(client),
            line: RefCell::new(Some(Box::pin(connection))),
            statements: RefCell::default(),
            waiting: RefCell::default(),
            failed: RefCell::default(),
            answers: RefCell::default(),
            numbers: RefCell::default(),
            last: Cell::new(0),
            hasten: Cell::new(false),
            cursors: Cell::new(0),
        })
    }

    /// Asks, after all that waits, and gives the answer when all is answered.
    fn drive<T>(&self, ask: impl Future<Output = T>) -> Result<T> {
        let mut ask = pin!(ask);
        let mut answer = None;
        let turn = poll_fn(|cx| {
            self.send(cx);
            if answer.is_none()
                && let Poll::Ready(said) = ask.as_mut().poll(cx)
            {
                answer = Some(said);
            }
            self.listen(cx);
            self.hear(cx);
            if answer.is_none()
                && let Poll::Ready(said) = ask.as_mut().poll(cx)
            {
                answer = Some(said);
            }
            if answer.is_some() && self.waiting.borrow().is_empty() { Poll::Ready(()) } else { Poll::Pending }
        });
        if let Some(runtime) = &self.runtime {
            runtime.block_on(turn);
        }
        if let Some(error) = self.failed.borrow_mut().take() {
            return Err(error);
        }
        answer.ok_or_else(|| Error::Other("no answer".to_owned()))
    }

    /// Says what waits to be said.
    fn send(&self, cx: &mut Context<'_>) {
        for (sent, message) in self.waiting.borrow_mut().iter_mut().filter(|(sent, _)| !sent) {
            *sent = true;
            if let Poll::Ready(outcome) = message.as_mut().poll(cx) {
                // It could not even be sent: it is heard in its turn.
                *message = Box::pin(std::future::ready(outcome));
            }
        }
    }

    /// Moves bytes.
    fn listen(&self, cx: &mut Context<'_>) {
        let mut line = self.line.borrow_mut();
        if let Some(open) = line.as_mut()
            && open.as_mut().poll(cx).is_ready()
        {
            // Whoever waits for an answer is told that it is closed.
            *line = None;
        }
    }

    /// Takes the answers that are there.
    fn hear(&self, cx: &mut Context<'_>) {
        let mut waiting = self.waiting.borrow_mut();
        while let Some((_, message)) = waiting.front_mut() {
            let Poll::Ready(outcome) = message.as_mut().poll(cx) else { return };
            waiting.pop_front();
            if let Err(error) = outcome {
                self.failed.borrow_mut().get_or_insert(error.into());
            }
        }
    }

    /// Says something with the next question.
    pub(super) fn later(&self, text: &'static str) -> Result<()> {
        let client = Arc::clone(&self.client);
        self.wait(async move { client.batch_execute(text).await });
        Ok(())
    }

    fn wait(&self, message: impl Future<Output = std::result::Result<(), tokio_postgres::Error>> + Send + 'static) {
        self.waiting.borrow_mut().push_back((false, Box::pin(message)));
    }

    /// Says what waits now, and does not wait for answers.
    fn kick(&self) {
        let turn = poll_fn(|cx| {
            self.send(cx);
            self.listen(cx);
            self.hear(cx);
            Poll::Ready(())
        });
        if let Some(runtime) = &self.runtime {
            runtime.block_on(turn);
        }
    }

    /// Whether the server is still there, as far as this side knows.
    pub(super) fn is_open(&self) -> bool {
        self.kick();
        self.line.borrow().is_some() && !self.client.is_closed()
    }

    /// Runs texts of several statements.
    fn run(&self, text: &str) -> Result<()> {
        Ok(self.drive(self.client.batch_execute(text))??)
    }

    pub(super) fn lock(&self) -> Result<()> {
        self.forget();
        self.later("BEGIN")?;
        self.later(sql::LOCK_OF_POSTGRES)
    }

    fn forget(&self) {
        self.answers.borrow_mut().clear();
        self.numbers.borrow_mut().clear();
        self.hasten.set(false);
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.forget();
        self.later("COMMIT")?;
        self.drive(std::future::ready(()))
    }

    pub(super) fn roll_back(&self) -> Result<()> {
        self.forget();
        self.later("ROLLBACK")?;
        self.kick();
        // What failed before is over with this transaction.
        self.failed.borrow_mut().take();
        Ok(())
    }

    pub(super) fn hasten(&self, hasten: bool) {
        self.hasten.set(hasten);
    }

    pub(super) fn last(&self) -> i64 {
        self.last.get()
    }

    fn version(&self) -> Result<i64> {
        let there = self.query(sql::VERSIONED_OF_POSTGRES, &[])?;
        let there: Option<i64> = there.first().map(|row| row.get(0)).transpose()?;
        if there.unwrap_or_default() == 0 {
            return Ok(0);
        }
        self.query(sql::VERSION, &[])?.first().map_or(Ok(0), |row| row.get(0))
    }

    /// A statement in PostgreSQL's words, prepared once.
    fn prepared(&self, text: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.borrow().get(text) {
            return Ok(statement.clone());
        }
        let statement = self.drive(self.client.prepare(text))??;
        self.statements.borrow_mut().insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    /// The statement of a text of `sql.rs`.
    fn statement(&self, text: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.borrow().get(text) {
            return Ok(statement.clone());
        }
        let statement = self.drive(self.client.prepare(&dialect::statement(text).0))??;
        self.statements.borrow_mut().insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(super) fn understands(&self, text: &str) -> Result<()> {
        self.prepared(&dialect::insert(text).0).map(drop)
    }

    /// Adds a row; in haste, how many is not known yet.
    pub(super) fn insert(&self, text: &str, given: &[Given<'_>]) -> Result<usize> {
        let (statement, params) = self.inserting(text, given, "")?;
        let client = Arc::clone(&self.client);
        if self.hasten.get() {
            self.wait(async move { client.execute_raw(&statement, params).await.map(drop) });
            return Ok(1);
        }
        let added = self.drive(client.execute_raw(&statement, params))??;
        if added == 0
            && let Some(table) = dialect::table_of(text)
        {
            // The number was not used.
            self.numbers.borrow_mut().remove(table);
        }
        Ok(usize::try_from(added).unwrap_or(usize::MAX))
    }

    /// Adds a row and gives it as it is there.
    pub(super) fn insert_returning(&self, text: &str, given: &[Given<'_>]) -> Result<Vec<Row>> {
        let (statement, params) = self.inserting(text, given, " RETURNING *")?;
        let rows = self.drive(rows(&self.client, statement, params))??;
        if rows.is_empty()
            && let Some(table) = dialect::table_of(text)
        {
            self.numbers.borrow_mut().remove(table);
        }
        Ok(rows)
    }

    fn inserting(&self, text: &str, given: &[Given<'_>], ending: &str) -> Result<(Statement, Vec<Bound>)> {
        let mut params = bound(given)?;
        let (words, table) = dialect::insert(text);
        if let Some(table) = table {
            let number = self.next(&table)?;
            self.last.set(number);
            params.push(Bound(Value::Integer(number)));
        }
        Ok((self.prepared(&format!("{words}{ending}"))?, params))
    }

    /// The number of a table's next row: who asks holds the lock.
    fn next(&self, table: &str) -> Result<i64> {
        let known = self.numbers.borrow().get(table).copied();
        let last = match known {
            Some(last) => last,
            None => self.query(&sql::last_of(table), &[])?.first().map_or(Ok(0), |row| row.get(0))?,
        };
        self.numbers.borrow_mut().insert(table.to_owned(), last + 1);
        Ok(last + 1)
    }

    /// All rows of an answer.
    pub(super) fn query(&self, text: &str, given: &[Given<'_>]) -> Result<Vec<Row>> {
        if !self.answers.borrow().is_empty() {
            let key = (Cow::Owned(text.to_owned()), given.iter().map(Given::kept).collect());
            if let Some(known) = self.answers.borrow_mut().remove(&key) {
                return Ok(known);
            }
        }
        if given.iter().any(|given| matches!(given, Given::Text(text) if text.contains('\0'))) {
            // No text of PostgreSQL has a zero byte: there is no such row.
            return Ok(Vec::new());
        }
        let params = bound(given)?;
        let statement = self.statement(text)?;
        self.drive(rows(&self.client, statement, params))?
    }

    /// Asks all of it in one journey.
    pub(super) fn expect(&self, asks: Vec<Ask>) -> Result<()> {
        let mut asked = Vec::new();
        // What has a zero byte is asked, and answered, by itself.
        let fit = |(_, values): &Ask| !values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0')));
        let asks: Vec<Ask> = asks.into_iter().filter(fit).collect();
        for (text, values) in &asks {
            let statement = self.statement(text)?;
            let params = values.iter().cloned().map(Bound).collect();
            asked.push(Err(Box::pin(rows(&self.client, statement, params))));
        }
        let answers = self.drive(All { asked, sent: false })?;
        let mut known = self.answers.borrow_mut();
        for ((text, values), answer) in asks.into_iter().zip(answers) {
            known.insert((text, values), answer?);
        }
        Ok(())
    }

    /// Rows in portions, so that an answer may be longer than memory.
    pub(super) fn cursor(&self, text: &str, given: &[Given<'_>]) -> Result<Cursor<'_>> {
        let number = self.cursors.get() + 1;
        self.cursors.set(number);
        let (words, _) = dialect::statement(text);
        let declare = self.drive(self.client.prepare(&format!("DECLARE rows_{number} NO SCROLL CURSOR FOR {words}")))??;
        self.drive(self.client.execute_raw(&declare, bound(given)?))??;
        let fetch = self.drive(self.client.prepare(&format!("FETCH {FETCHED} FROM rows_{number}")))??;
        Ok(Cursor { session: self, fetch, portion: VecDeque::new(), ended: false })
    }

    pub(super) fn rights(&self) -> Result<Vec<String>> {
        self.query(sql::RIGHTS_OF_POSTGRES, &[])?.iter().map(|row| row.get(0)).collect()
    }

    pub(super) fn guards(&self, tables: &[&str]) -> Result<Guards> {
        let rows = self.query(sql::GUARDS_OF_POSTGRES, &[])?;
        let present: Result<Vec<(String, String)>> = rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect();
        let body = dialect::REFUSE.split("$$").nth(1).unwrap_or_default();
        let wanted = tables.iter().chain(&["state_version"]).map(|table| {
            let text = dialect::guard(table);
            (format!("{table}_only_added"), format!("{} O {body}", text.trim_end_matches(';')))
        });
        Ok(Guards { present: present?, wanted: wanted.collect() })
    }
}

/// Rows in portions.
pub(super) struct Cursor<'s> {
    session: &'s Session,
    fetch: Statement,
    portion: VecDeque<Row>,
    ended: bool,
}

impl Cursor<'_> {
    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        if self.portion.is_empty() && !self.ended {
            let session = self.session;
            self.portion = session.drive(rows(&session.client, self.fetch.clone(), Vec::new()))??.into();
            self.ended = self.portion.len() < FETCHED;
        }
        Ok(self.portion.pop_front())
    }
}

/// Asks and reads all rows.
fn rows(client: &Arc<Client>, statement: Statement, params: Vec<Bound>) -> impl Future<Output = Result<Vec<Row>>> + Send + use<> {
    let client = Arc::clone(client);
    async move {
        let names: Arc<[String]> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
        let given: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let mut all = Vec::new();
        for row in client.query(&statement, &given).await? {
            let values = (0..row.len()).map(|at| row.try_get::<_, Got>(at).map(|got| got.0));
            let values = values.collect::<std::result::Result<Vec<Value>, _>>()?;
            all.push(Row::new(&names, values));
        }
        Ok(all)
    }
}

fn bound(given: &[Given<'_>]) -> Result<Vec<Bound>> {
    let keep = |(column, given): (usize, &Given<'_>)| match given {
        // PostgreSQL would refuse it with all that goes before it.
        Given::Text(text) if text.contains('\0') => Err(Error::Value { column, reason: "a text with a zero byte".to_owned() }),
        given => Ok(Bound(given.kept())),
    };
    given.iter().enumerate().map(keep).collect()
}

/// A value on its way to PostgreSQL.
#[derive(Debug)]
struct Bound(Value);

impl ToSql for Bound {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(number) if *kind == Type::INT8 => number.to_sql(kind, out),
            Value::Integer(number) if *kind == Type::INT4 => i32::try_from(*number)?.to_sql(kind, out),
            Value::Text(text) if [Type::TEXT, Type::VARCHAR, Type::NAME].contains(kind) => text.to_sql(kind, out),
            Value::Blob(bytes) if *kind == Type::BYTEA => bytes.to_sql(kind, out),
            other => Err(format!("{other:?} in the place of {kind}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A value as it came.
struct Got(Value);

impl<'r> FromSql<'r> for Got {
    fn from_sql(kind: &Type, raw: &'r [u8]) -> std::result::Result<Got, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Got(match *kind {
            Type::INT8 => Value::Integer(i64::from_sql(kind, raw)?),
            Type::INT4 => Value::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT2 => Value::Integer(i16::from_sql(kind, raw)?.into()),
            Type::BOOL => Value::Integer(bool::from_sql(kind, raw)?.into()),
            Type::BYTEA => Value::Blob(raw.to_vec()),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => Value::Text(std::str::from_utf8(raw)?.to_owned()),
            _ => return Err(format!("a column of {kind}").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Got, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Got(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
