//! The server's log, as far as it tells what each unit did.

use std::fs::File;
use std::io::Read as _;

use super::Work;
use crate::error::Error;
use crate::sccache;

/// The most of a log that is read, in bytes: `post` may not take long, whatever `log-level: trace` has written.
const LIMIT_BYTES: u64 = 2 << 30;

impl Work<'_> {
    /// Reads the lines of this job. A log without a unit in it tells nothing: then the report has no such part.
    pub(super) fn read_log(&mut self) -> Result<(), Error> {
        let Some(server) = &self.outcome.server else { return Ok(()) };
        let began_unix_ms =
            self.state.as_ref().map_or(self.environment.now_unix_ms, |state| state.began_unix_ms);
        let path = server.log.clone();
        // A pipe or a device was asked for by somebody who reads it himself; opening it could wait for ever.
        if std::fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Ok(());
        }
        let read = File::open(&path)
            .and_then(|log| sccache::read_units(log.take(LIMIT_BYTES), began_unix_ms / 1000));
        match read {
            Ok(units) => {
                let tells = units.hits > 0 || units.misses > 0 || units.last_write_error.is_some();
                self.outcome.units = Some(units).filter(|units| tells || units.read_errors > 0);
                Ok(())
            }
            // Without a log there is nothing to tell, and a lost server may have taken it along.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::FileUnreadable { purpose: "server's log", path, source: error.into() }),
        }
    }
}
