/*!
Whether a query is one that a reader runs. Databases refuse writes in a read-only transaction, but not all that an ERP would feel:
MariaDB writes files from a SELECT and locks rows for one, and a second statement could end the transaction first.
*/

use crate::{Fault, Kind};

/// Words that, one after the other, make a query that locks rows.
const LOCKS: [&[&str]; 5] = [
    &["FOR", "UPDATE"],
    &["FOR", "NO", "KEY", "UPDATE"],
    &["FOR", "SHARE"],
    &["FOR", "KEY", "SHARE"],
    &["LOCK", "IN", "SHARE", "MODE"],
];

/// Refuses what is not one query that only reads. It knows words and no grammar, so that no quoting gets around it; what it refuses
/// wrongly, a literal with a semicolon, is right as a parameter.
pub(crate) fn check(query: &str) -> Result<(), Fault> {
    let refuse = |message: &str| Err(Fault::new(Kind::Writes, message));
    let query = query.trim_end_matches([';', ' ', '\t', '\r', '\n']);
    if query.contains(';') {
        return refuse("a query is one statement; a semicolon in a text is given as a parameter");
    }
    let words: Vec<String> = query
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_uppercase)
        .collect();
    if !words.first().is_some_and(|first| first == "SELECT" || first == "WITH") {
        return refuse("a query begins with SELECT or WITH");
    }
    if words.iter().any(|word| word == "OUTFILE" || word == "DUMPFILE") {
        return refuse("a query does not write files");
    }
    if LOCKS.iter().any(|lock| words.windows(lock.len()).any(|window| window == *lock)) {
        return refuse("a query does not lock rows");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_query_that_reads_passes() {
        for query in ["SELECT 1", " with x as (select 1) select * from x;\n", "(SELECT 1)", "SELECT for_update, 'for' FROM t"] {
            assert!(check(query).is_ok(), "{query}");
        }
        for query in [
            "",
            "SELECT 1; COMMIT",
            "SELECT ';'",
            "INSERT INTO t VALUES (1)",
            "select 'x' into/**/outfile '/tmp/x'",
            "SELECT a FROM t FOR /**/ \nUPDATE",
            "SELECT a FROM t LOCK IN SHARE MODE",
        ] {
            assert!(check(query).is_err(), "{query}");
        }
    }
}
