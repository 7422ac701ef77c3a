//! The thread that feeds the board while a receiver serves: after each commit, and every so often for what other receivers of the same state took.

use std::{
    path::PathBuf,
    sync::{Arc, Weak, mpsc},
    thread,
    time::Duration,
};

use super::{Board, Duties, catch_up, refresh};
use crate::{
    clock,
    failure::Failure,
    letters::Letters,
    office::Office,
    robot::{self, Policy},
};

/// How long nobody has to ring until it looks by itself.
const OFTEN: Duration = Duration::from_secs(20);
/// How long it waits after a commit for those that follow it, so that a rush is read in few turns.
const SETTLE: Duration = Duration::from_millis(500);

/// Starts it. `folder` is the configuration's, where thresholds, lists and the robot's policy may be; `told` hears what went wrong, once for each reason.
pub fn watch(office: &Arc<Office>, folder: PathBuf, told: impl Fn(&Failure) + Send + 'static) -> std::io::Result<()> {
    let (bell, rung) = mpsc::sync_channel(1);
    office.rings(bell);
    let office = Arc::downgrade(office);
    thread::Builder::new().name("board".to_owned()).spawn(move || {
        let mut last = String::new();
        // The bell is the office's: when it is gone, so is what there is to read.
        while let Ok(()) | Err(mpsc::RecvTimeoutError::Timeout) = rung.recv_timeout(OFTEN) {
            let Some(office) = Weak::upgrade(&office) else { return };
            match turn(&office, &folder) {
                Ok(()) => last.clear(),
                Err(failure) => {
                    let reason = failure.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                    if reason != last {
                        told(&failure);
                        last = reason;
                    }
                }
            }
            drop(office);
            thread::sleep(SETTLE);
        }
    })?;
    Ok(())
}

/// One turn: what came is read, what changed is screened, and the robot looks at it, where there is a policy.
pub fn turn(office: &Office, folder: &std::path::Path) -> Result<(), Failure> {
    let board = Board::open(&office.config().state)?;
    catch_up(office.store(), &board)?;
    refresh(&board, office.store(), office.knowledge(), folder)?;
    if let Some(policy) = Policy::read(folder)?.filter(|policy| policy.enabled) {
        let duties = Duties::read(office.store(), folder)?;
        robot::run(office, &board, &duties, (&policy, &Letters::load(folder)?), clock::now())?;
        catch_up(office.store(), &board)?;
    }
    Ok(())
}
