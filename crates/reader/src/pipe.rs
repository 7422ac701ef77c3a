/*! Room in a pipe. */

use std::process::ChildStdout;

/// Room in the pipe that rows come through, in bytes: what Linux lets anyone have.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;

/// Makes room for some batches where the system can: who writes goes on while who reads works on what came before.
pub(crate) fn widen(stdout: &ChildStdout) {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(stdout, PIPE_BYTES);
    #[cfg(not(target_os = "linux"))]
    let _ = stdout;
}
