//! The one message that we send a server ourselves: the request to shut down.
//!
//! Speaks sccache's own protocol: a 4-byte big-endian length, then a bincode variant index. The request is
//! number 3 and its answer number 4 in sccache 0.8 to 0.19. It works with any server version, and without
//! its program file.

use std::time::Duration;

use anyhow::bail;

use crate::process;
use crate::state::{Address, ProcessIdentity};

const SHUTDOWN: [u8; 8] = [0, 0, 0, 4, 3, 0, 0, 0];
const SHUTTING_DOWN: [u8; 4] = [4, 0, 0, 0];

/// Asks the server to finish its requests and exit. Returns when it has agreed, not when it has ended.
///
/// Another server that took over the address, as sccache's clients start one after a crash, is not asked.
pub(super) fn request_shutdown(
    server: ProcessIdentity,
    address: &Address,
    limit: Duration,
) -> anyhow::Result<()> {
    let (mut stream, peer) = process::connect(address, limit)?;
    if let Some(other) = peer.filter(|peer| *peer != server.pid) {
        bail!("process {other} answers at its address");
    }
    stream.write_all(&SHUTDOWN)?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer)?;
    if answer[4..] != SHUTTING_DOWN {
        bail!("it answered the request to shut down with {answer:02x?}");
    }
    Ok(())
}
