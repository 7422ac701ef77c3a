/*! This machine's clock beside the receiver's: a signature with a time that cannot be is refused there. */

use model::Finding;
use seal::Time;

use super::client::Client;
use crate::{config::Agent, signing};

/// Seconds by which two clocks may differ before it is told; the receiver forgives five minutes.
const SKEW: u64 = 120;

/// That the clocks differ, where the receiver says what time it is for it.
pub fn differs(agent: &Agent, theirs: &str) -> Option<Finding> {
    let own = agent.bureau.as_ref()?;
    let seconds = theirs.parse::<Time>().ok()?.unix().abs_diff(signing::now().ok()?.unix());
    let finding = Finding::warning("bureau-clock-differs").at(&own.url).with("theirs", theirs);
    (seconds > SKEW).then(|| finding.with("seconds", seconds))
}

/// Asks the receiver for a moment; one that is away holds nobody up.
pub fn asked(agent: &Agent) -> Option<Finding> {
    agent.bureau.as_ref()?;
    let health = Client::brief(agent, None).ok()?.health().ok()?;
    differs(agent, &health.time)
}
