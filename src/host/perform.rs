//! The one place of this room that writes.
//!
//! Owns the standard streams and appending to the host's files. It never changes what was rendered, but for a
//! missing line break at the end of somebody else's last line.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::error::Error;

use super::Output;

/// Writes each output in order; what fails is returned, and the rest goes on.
///
/// # Errors
/// [`Error::FileUnwritable`] for each file or stream. A reader that has gone away is no trouble.
#[must_use]
pub fn perform(outputs: &[Output]) -> Vec<Error> {
    perform_to(outputs, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())
}

/// As [`perform`], for what is of use only when somebody reads it: the code that a shell evaluates.
///
/// # Errors
/// [`Error::FileUnwritable`], for a reader of standard output that has gone away, too.
#[must_use]
pub fn deliver(outputs: &[Output]) -> Vec<Error> {
    let (codes, others): (Vec<Output>, Vec<Output>) =
        outputs.iter().cloned().partition(|output| matches!(output, Output::Stdout(_)));
    let mut errors = perform(&others);
    let mut stdout = std::io::stdout().lock();
    for code in codes {
        let Output::Stdout(text) = code else { continue };
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        errors.extend(written.err().map(|error| Error::FileUnwritable {
            purpose: "shell code",
            path: PathBuf::from("/dev/stdout"),
            source: error.into(),
        }));
    }
    errors
}

fn perform_to(outputs: &[Output], stdout: &mut dyn Write, stderr: &mut dyn Write) -> Vec<Error> {
    let mut errors = Vec::new();
    for output in outputs {
        let result = match output {
            Output::Stdout(text) => stream(stdout, text, "standard output", "/dev/stdout"),
            Output::Stderr(text) => stream(stderr, text, "standard error", "/dev/stderr"),
            Output::Append { purpose, path, bytes } => append(path, bytes)
                .map_err(|source| Error::FileUnwritable { purpose, path: path.clone(), source }),
            Output::Replace { purpose, path, bytes } => replace(path, bytes)
                .map_err(|source| Error::FileUnwritable { purpose, path: path.clone(), source }),
        };
        errors.extend(result.err());
    }
    errors
}

fn stream(stream: &mut dyn Write, text: &str, purpose: &'static str, path: &str) -> Result<(), Error> {
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::FileUnwritable { purpose, path: PathBuf::from(path), source: error.into() })
        }
        _ => Ok(()),
    }
}

fn append(path: &Path, text: &str) -> anyhow::Result<()> {
    // In one write, so that a writer beside us cannot come between.
    let bytes = if ends_inside_a_line(path) { format!("\n{text}") } else { text.to_owned() };
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(bytes.as_bytes()).context("the write was cut short")
}

/// Complete or not at all: a reader beside us never sees half of it.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(directory).context("its directory cannot be created")?;
    // A link or a device that was put there on purpose is written to, not replaced.
    if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return std::fs::write(path, text).map_err(Into::into);
    }
    let name = path.file_name().context("it has no name")?.to_string_lossy().into_owned();
    // Created as any other file, so that others may read it as the user's umask says.
    let half = directory.join(format!(".{name}.{}", std::process::id()));
    let written = File::create_new(&half)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&half, path));
    if written.is_err() {
        // Half a file is of no use; whether it can be removed changes nothing.
        let _ = std::fs::remove_file(&half);
    }
    written.map_err(Into::into)
}

/// Somebody wrote a last line without ending it, and ours would become a part of it.
fn ends_inside_a_line(path: &Path) -> bool {
    let last = || -> std::io::Result<u8> {
        let mut file = File::open(path)?;
        let mut byte = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut byte)?;
        Ok(byte[0])
    };
    // A file that is absent, empty or unreadable has no last byte.
    last().is_ok_and(|byte| byte != b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn append_to(path: &Path, text: &str) -> Output {
        Output::Append { purpose: "environment file", path: path.to_owned(), bytes: text.into() }
    }

    #[test]
    fn a_failing_file_is_reported_and_the_rest_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let (bad, good) = (directory.path().join("no/such"), directory.path().join("env"));
        let outputs = [append_to(&bad, "x\n"), append_to(&good, "y\n"), Output::Stdout("z\n".into())];
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let errors = perform_to(&outputs, &mut stdout, &mut stderr);
        assert!(matches!(&errors[..], [Error::FileUnwritable { path, .. }] if *path == bad), "{errors:?}");
        assert_eq!(std::fs::read_to_string(good).unwrap(), "y\n");
        assert_eq!((stdout, stderr), (b"z\n".to_vec(), vec![]));
    }

    #[test]
    fn appending_keeps_what_is_there_and_ends_its_last_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("env");
        std::fs::write(&path, "a=b").unwrap();
        assert!(perform(&[append_to(&path, "c\n"), append_to(&path, "d\n")]).is_empty());
        assert_eq!(std::fs::read_to_string(path).unwrap(), "a=b\nc\nd\n");
    }

    #[test]
    fn a_file_of_ours_is_replaced_whole_and_its_directory_created() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reports/a.json");
        let to = |path: &Path, text: &str| Output::Replace {
            purpose: "report",
            path: path.into(),
            bytes: text.into(),
        };
        assert!(perform(&[to(&path, "long text"), to(&path, "x")]).is_empty());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing half is left");
        let errors = perform(&[to(&path.join("below a file"), "x"), to(directory.path(), "x")]);
        assert_eq!(errors.len(), 2, "{errors:?}");
    }

    #[test]
    fn a_reader_that_has_gone_away_is_no_trouble() {
        let outputs = [Output::Stdout("x".into()), Output::Stderr("y".into())];
        let mut closed = Broken(ErrorKind::BrokenPipe);
        let mut full = Broken(ErrorKind::StorageFull);
        assert!(perform_to(&outputs[..1], &mut closed, &mut Vec::new()).is_empty());
        assert_eq!(perform_to(&outputs, &mut closed, &mut full).len(), 1);
    }
}
