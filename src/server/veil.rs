//! Keeps credentials out of what a server says: its log, and the words that travel from there into reports.
//!
//! sccache tells the whole URL of a request that failed. With a signature in the query, as Azure has it, that is a
//! credential. The log is the server's own file, so what must not stay in it is overwritten in place.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Shorter ones would hide ordinary words.
const SHORTEST_SECRET: usize = 4;
/// The parameter of a query that signs it: of Azure, and of the URLs that GitHub's cache service hands out.
const SIGNATURE: &[u8] = b"sig=";
/// What is looked at again, as a credential may have been cut where the last look ended, in bytes.
const OVERLAP: u64 = 4096;
/// How much is looked at in one go, in bytes: the supervisor stays small.
const PART: u64 = 64 << 10;

/// What is hidden, and how far the log has been looked at.
pub struct Veil {
    secrets: Vec<Vec<u8>>,
    seen_bytes: u64,
}

impl Veil {
    /// Hides these, and every signature of a URL; in the log what comes after so many bytes.
    #[must_use]
    pub fn over(secrets: &[String], seen_bytes: u64) -> Self {
        let long = secrets.iter().filter(|secret| secret.len() >= SHORTEST_SECRET);
        let mut secrets: Vec<Vec<u8>> = long.map(|secret| secret.clone().into_bytes()).collect();
        // A longer one may have a shorter one in it.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets, seen_bytes }
    }

    /// The text without them.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        for (at, length) in self.find(&bytes) {
            bytes[at..at + length].fill(b'*');
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Overwrites them in what a file has got since the last time.
    ///
    /// # Errors
    /// When the file cannot be read or written. One that is not there, or is no file, has nothing to hide.
    pub fn file(&mut self, path: &Path) -> io::Result<()> {
        let Ok(length) = std::fs::metadata(path).map(|found| if found.is_file() { found.len() } else { 0 })
        else {
            return Ok(());
        };
        // Somebody may have cut it.
        self.seen_bytes = self.seen_bytes.min(length);
        if length == self.seen_bytes {
            return Ok(());
        }
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        while self.seen_bytes < length {
            let begin = self.seen_bytes.saturating_sub(OVERLAP);
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(begin))?;
            (&file).take(PART.min(length - begin)).read_to_end(&mut bytes)?;
            for (at, length) in self.find(&bytes) {
                let place = u64::try_from(at).map_err(io::Error::other)?;
                file.seek(SeekFrom::Start(begin + place))?;
                file.write_all(&vec![b'*'; length])?;
            }
            let end = begin + u64::try_from(bytes.len()).map_err(io::Error::other)?;
            if end <= self.seen_bytes {
                break;
            }
            self.seen_bytes = end;
        }
        Ok(())
    }

    /// Where something is to be hidden, and how many bytes of it.
    fn find(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for at in 0..bytes.len() {
            let rest = &bytes[at..];
            if let Some(secret) = self.secrets.iter().find(|secret| rest.starts_with(secret)) {
                found.push((at, secret.len()));
            } else if let Some(value) = rest.strip_prefix(SIGNATURE) {
                let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"%-_+/=.".contains(byte);
                let length = value.iter().take_while(is_part).count();
                found.push((at + SIGNATURE.len(), length));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn veil() -> Veil {
        Veil::over(&["hunter2".to_owned(), "hunter2-and-more".to_owned(), "ci".to_owned()], 0)
    }

    #[test]
    fn credentials_and_signatures_are_hidden_and_nothing_else_is() {
        let hidden = veil().text("ci: hunter2, hunter2-and-more; http://h/a?sv=1&sig=ab%2Bc%3D&x=1 sig=");
        assert_eq!(hidden, "ci: *******, ****************; http://h/a?sv=1&sig=*********&x=1 sig=");
        assert_eq!(veil().text("grün"), "grün");
    }

    #[test]
    fn a_log_that_grows_is_overwritten_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut veil = veil();
        veil.file(&path).unwrap();
        std::fs::write(&path, "one hun").unwrap();
        veil.file(&path).unwrap();
        let mut log = OpenOptions::new().append(true).open(&path).unwrap();
        log.write_all(b"ter2 two\n").unwrap();
        veil.file(&path).unwrap();
        // What the server appends goes to the end as before.
        log.write_all(b"three\n").unwrap();
        veil.file(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one ******* two\nthree\n");
    }
}
