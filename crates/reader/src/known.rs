/*! What is known of the drivers that the reader meets. */

/// Letters of two planes, as a database's driver should give them.
pub(crate) const SAMPLE: &str = "台账😀";

/// What is known of a driver. Others rely on the rights of the account and on the roll-back.
pub(crate) struct Known {
    /// Word in the driver's name in a connection string, in lower case.
    pub(crate) driver: &'static str,
    /// Word in the name the database gives itself.
    pub(crate) system: &'static str,
    pub(crate) dialect: &'static str,
    /// Added to the connection string where the key is not there.
    pub(crate) options: &'static [(&'static str, &'static str)],
    /// Added instead where all answers are small.
    pub(crate) small: &'static [(&'static str, &'static str)],
    /// Run first: the session cannot write, and all queries of a request see one state.
    pub(crate) session: &'static [&'static str],
    /// How another session sees the state of this one.
    pub(crate) share: Option<Share>,
    /// Gives [`SAMPLE`]: where it arrives as UTF-8 in narrow text, all texts are asked for so, which is far quicker than UTF-16.
    pub(crate) sample: &'static str,
    /// Run with the seconds that a statement may take, where the driver does not see to it.
    pub(crate) timeout: &'static str,
    /// The server's version: one row of one column.
    pub(crate) version: &'static str,
    /// Whether the account could write: one row of one column.
    pub(crate) can_write: &'static str,
}

/// How two sessions see one state.
#[derive(Clone, Copy)]
pub(crate) struct Share {
    /// A query that names the state this session sees.
    pub(crate) name: &'static str,
    /// How the statement begins with which another session enters it.
    pub(crate) enter: &'static str,
}

pub(crate) const KNOWN: &[Known] = &[
    Known {
        driver: "postgres",
        system: "PostgreSQL",
        dialect: "postgresql",
        // Without declare/fetch the driver holds the whole result in memory.
        options: &[("UseDeclareFetch", "1"), ("Fetch", "1000"), ("BoolsAsChar", "0")],
        // A cursor is planned for its first rows and in one process.
        small: &[("UseDeclareFetch", "0"), ("BoolsAsChar", "0")],
        session: &["SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"],
        share: Some(Share { name: "SELECT pg_export_snapshot()", enter: "SET TRANSACTION SNAPSHOT " }),
        sample: "SELECT U&'\\53F0\\8D26\\+01F600'",
        timeout: "",
        version: "SELECT current_setting('server_version')",
        can_write: "SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
                    AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) THEN 'yes' ELSE 'no' END",
    },
    Known {
        driver: "mariadb",
        system: "MariaDB",
        dialect: "mariadb",
        // Without these the driver holds the whole result in memory.
        options: &[("NO_CACHE", "1"), ("FORWARDONLY", "1"), ("charset", "utf8mb4")],
        small: &[("NO_CACHE", "1"), ("FORWARDONLY", "1"), ("charset", "utf8mb4")],
        share: None,
        sample: "",
        session: &["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET SESSION TRANSACTION READ ONLY"],
        timeout: "SET SESSION max_statement_time = ",
        version: "SELECT version()",
        can_write: "SELECT CASE WHEN EXISTS (SELECT 1 FROM information_schema.user_privileges \
                    WHERE privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'DROP')) OR EXISTS (SELECT 1 FROM \
                    information_schema.schema_privileges WHERE privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'DROP')) \
                    THEN 'yes' ELSE 'no' END",
    },
    Known {
        driver: "mysql",
        system: "MySQL",
        dialect: "mariadb",
        options: &[("NO_CACHE", "1"), ("FORWARD_CURSOR", "1"), ("charset", "utf8mb4")],
        small: &[("NO_CACHE", "1"), ("FORWARD_CURSOR", "1"), ("charset", "utf8mb4")],
        share: None,
        sample: "",
        session: &["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET SESSION TRANSACTION READ ONLY"],
        timeout: "SET SESSION max_execution_time = 1000 * ",
        version: "SELECT version()",
        can_write: "",
    },
    Known {
        driver: "sqlite",
        system: "SQLite",
        dialect: "sqlite",
        // NoCreat: a misspelt path is an error and not a new, empty database.
        options: &[("NoCreat", "1")],
        small: &[("NoCreat", "1")],
        share: None,
        sample: "",
        session: &["PRAGMA query_only = ON"],
        // Its driver knows no time-out: the parent's patience ends what takes too long.
        timeout: "",
        version: "SELECT sqlite_version()",
        can_write: "",
    },
];

/// What is known of the driver that a connection string names.
pub(crate) fn driver(text: &str) -> Option<&'static Known> {
    let lower = text.to_lowercase();
    KNOWN.iter().find(|known| lower.contains(known.driver))
}
