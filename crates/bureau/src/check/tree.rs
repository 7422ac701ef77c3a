//! The log's tree as it grows, held against the hashes of whole subtrees that are kept.

use std::collections::HashMap;

use seal::{Digest, log};

use crate::{
    db::{self, Connection, Rows, Statement},
    sql,
};

/// No log is as high as that.
pub(super) const HIGHEST: usize = 64;

/// The right edge of a tree: the largest whole subtrees, which is all that growing needs.
#[derive(Default)]
pub(super) struct Edge {
    nodes: HashMap<(u32, u64), Digest>,
    size: u64,
}

impl Edge {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Grows by a leaf; gives the whole subtrees that it makes.
    pub(super) fn push(&mut self, leaf: Digest) -> Vec<(u32, u64, Digest)> {
        // Whole subtrees of the edge are there since they were made here.
        let new = log::append(&self.nodes, self.size, leaf).unwrap_or_default();
        for (level, index, hash) in &new {
            if *level > 0 {
                self.nodes.remove(&(level - 1, 2 * index));
                self.nodes.remove(&(level - 1, 2 * index + 1));
            }
            self.nodes.insert((*level, *index), *hash);
        }
        self.size += 1;
        new
    }

    /// The root of what there is.
    pub(super) fn root(&self) -> Option<Digest> {
        log::root(&self.nodes, self.size)
    }
}

/// Statements that give the kept hashes, one for each level.
pub(super) fn statements(connection: &Connection, height: usize) -> db::Result<Vec<Statement<'_>>> {
    (0..height.min(HIGHEST)).map(|_| connection.prepare_cached(sql::NODES_OF)).collect()
}

/// Kept hashes of a level, from the left.
struct Level<'s> {
    rows: Rows<'s>,
    next: Option<(u64, Vec<u8>)>,
}

impl Level<'_> {
    fn step(&mut self) -> db::Result<()> {
        self.next = match self.rows.next()? {
            Some(row) => Some((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?)),
            None => None,
        };
        Ok(())
    }
}

/// Kept hashes of all levels.
pub(super) struct Kept<'s>(Vec<Level<'s>>);

impl<'s> Kept<'s> {
    pub(super) fn new(statements: &'s mut [Statement<'_>]) -> db::Result<Kept<'s>> {
        let mut levels = Vec::new();
        for (at, statement) in statements.iter_mut().enumerate() {
            let mut level = Level { rows: statement.query([u32::try_from(at).unwrap_or(u32::MAX)])?, next: None };
            level.step()?;
            levels.push(level);
        }
        Ok(Kept(levels))
    }

    /// Holds a subtree against the kept hash; which places differ.
    pub(super) fn hold(&mut self, (at, place, hash): (u32, u64, Digest), mut differs: impl FnMut(u32, u64)) -> db::Result<()> {
        let Some(level) = self.0.get_mut(at as usize) else {
            differs(at, place);
            return Ok(());
        };
        while let Some((odd, _)) = level.next.as_ref().filter(|(kept, _)| *kept < place) {
            differs(at, *odd);
            level.step()?;
        }
        match &level.next {
            Some((kept, bytes)) if *kept == place => {
                if *bytes != hash.0 {
                    differs(at, place);
                }
                level.step()
            }
            _ => {
                differs(at, place);
                Ok(())
            }
        }
    }

    /// What is kept and was not held.
    pub(super) fn rest(mut self, mut differs: impl FnMut(u32, u64)) -> db::Result<()> {
        for (at, level) in (0..).zip(&mut self.0) {
            while let Some((odd, _)) = &level.next {
                differs(at, *odd);
                level.step()?;
            }
        }
        Ok(())
    }
}
