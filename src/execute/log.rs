//! The server's log, as far as it tells what each unit did.

use std::fs::File;

use super::Work;
use crate::error::Error;
use crate::sccache;

impl Work<'_> {
    /// Reads the lines of this job. A log without a unit in it tells nothing: then the report has no such part.
    pub(super) fn read_log(&mut self) -> Result<(), Error> {
        let Some(server) = &self.outcome.server else { return Ok(()) };
        let began_unix_ms =
            self.state.as_ref().map_or(self.environment.now_unix_ms, |state| state.began_unix_ms);
        let path = server.log.clone();
        let read = File::open(&path).and_then(|log| sccache::read_units(log, began_unix_ms / 1000));
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
