//! Release archives: good ones, forged ones, odd ones; and publishing among other jobs.

use super::server::{Server, answer};
use super::*;

fn serving(archive: &[u8]) -> Server {
    let archive = archive.to_vec();
    Server::start(move |_, _| answer("200 OK", &[], &archive))
}

#[test]
fn an_archive_is_installed_and_used_again() {
    if !has_shell() {
        return;
    }
    let (machine, archive) = (Machine::new(), good_archive());
    let (server, digests) = (serving(&archive), digests_of(&archive));
    let order = machine.order(&[Installer::Archive], &server.base, &digests);
    let installed = install(&order, &Silent).unwrap();
    machine.assert_installed(&installed);
    assert_eq!(installed.source, Some(Installer::Archive));
    let path = format!("GET /v0.16.0/{STEM}.tar.gz HTTP/1.1\r\n");
    assert!(server.requests()[0].starts_with(&path), "{:?}", server.requests());

    let again = install(&order, &Silent).unwrap();
    assert_eq!((again.source, &again.path), (None, &installed.path));
    assert_eq!(server.requests().len(), 1, "the second time nothing was downloaded");
}

#[test]
fn a_digest_mismatch_names_both_digests_leaves_nothing_and_is_final() {
    let (machine, archive) = (Machine::new(), good_archive());
    let server = serving(&archive);
    let digests = Digests::parse(&format!("archive\t0.16.0\t{TARGET}\t{ZEROES}")).unwrap();
    machine.add_program("cargo", "#!/bin/sh\necho called > called\n");
    // What is known to be wrong is not accepted under `allow-unpinned` either.
    for allow_unpinned in [false, true] {
        let order = machine.order(&[Installer::Archive, Installer::Cargo], &server.base, &digests);
        let error = install(&Order { allow_unpinned, ..order }, &Silent).unwrap_err();
        let Error::DigestMismatch { artefact, expected, actual } = &error else { panic!("{error}") };
        assert_eq!((expected.as_str(), actual), (ZEROES, &sha256(&archive)));
        assert!(artefact.ends_with(&format!("/v0.16.0/{STEM}.tar.gz")), "{artefact}");
        assert!(error.to_string().contains(ZEROES) && error.to_string().contains(actual));
        assert_eq!(machine.tree(), Vec::<String>::new());
    }
}

#[test]
fn only_the_program_is_unpacked() {
    if !has_shell() {
        return;
    }
    let machine = Machine::new();
    let program = format!("./{STEM}/sccache");
    let archive = pack(&[
        ("../../../escaped", tar::EntryType::Regular, b"x"),
        ("/tmp/sccache-step-absolute-escape", tar::EntryType::Regular, b"x"),
        (&format!("{STEM}/../sccache"), tar::EntryType::Regular, b"x"),
        (&format!("{STEM}/link"), tar::EntryType::Symlink, b""),
        (&program, tar::EntryType::Regular, &script()),
    ]);
    let (server, digests) = (serving(&archive), digests_of(&archive));
    let installed = install(&machine.order(&[Installer::Archive], &server.base, &digests), &Silent).unwrap();
    machine.assert_installed(&installed);
    assert!(!Path::new("/tmp/sccache-step-absolute-escape").exists());
    assert!(!machine.home.path().join("escaped").exists());
}

#[test]
fn an_archive_without_a_regular_program_is_refused() {
    let name = format!("{STEM}/sccache");
    let odd: [(Vec<u8>, &str); 4] = [
        (pack(&[(&name, tar::EntryType::Symlink, b"")]), "is not a regular file"),
        (pack(&[("sccache", tar::EntryType::Regular, b"x")]), "it holds no `"),
        (b"<html>not an archive</html>".to_vec(), "cannot be unpacked"),
        (good_archive()[..1000].to_vec(), "cannot be unpacked"),
    ];
    for (archive, expected) in odd {
        let machine = Machine::new();
        let (server, digests) = (serving(&archive), digests_of(&archive));
        let error =
            install(&machine.order(&[Installer::Archive], &server.base, &digests), &Silent).unwrap_err();
        assert!(matches!(error, Error::InstallFailed { .. }));
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(machine.tree(), Vec::<String>::new());
    }
}

#[test]
fn a_program_of_another_version_is_not_published() {
    if !has_shell() {
        return;
    }
    let machine = Machine::new();
    let name = format!("{STEM}/sccache");
    for (text, expected) in [
        ("#!/bin/sh\necho sccache 0.15.0\n", "the sccache received is version 0.15.0"),
        ("#!/bin/sh\necho loader: no such library >&2; exit 127\n", "loader: no such library"),
    ] {
        let archive = pack(&[(&name, tar::EntryType::Regular, text.as_bytes())]);
        let (server, digests) = (serving(&archive), digests_of(&archive));
        let error =
            install(&machine.order(&[Installer::Archive], &server.base, &digests), &Silent).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(machine.tree(), Vec::<String>::new());
    }
}

#[test]
fn an_unfinished_installation_is_replaced() {
    if !has_shell() {
        return;
    }
    let (machine, archive) = (Machine::new(), good_archive());
    let (server, digests) = (serving(&archive), digests_of(&archive));
    let order = machine.order(&[Installer::Archive], &server.base, &digests);
    let program = locate::tool_cache_program(&machine.tool_cache, &VERSION);
    let marker = locate::tool_cache_marker(&machine.tool_cache, &VERSION);
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::write(&program, "half a progr").unwrap();
    std::fs::write(program.with_file_name("rest"), "of a killed job").unwrap();
    machine.assert_installed(&install(&order, &Silent).unwrap());

    // Marked complete, yet it does not run: replaced as well.
    std::fs::write(&program, "damaged").unwrap();
    assert!(marker.exists());
    let installed = install(&order, &Silent).unwrap();
    machine.assert_installed(&installed);
    assert_eq!(installed.source, Some(Installer::Archive));

    // A marker alone says nothing.
    std::fs::remove_dir_all(program.parent().unwrap()).unwrap();
    machine.assert_installed(&install(&order, &Silent).unwrap());
}

#[test]
fn jobs_that_install_at_once_share_one_installation() {
    if !has_shell() {
        return;
    }
    let (machine, archive) = (Machine::new(), good_archive());
    let (server, digests) = (serving(&archive), digests_of(&archive));
    let barrier = std::sync::Barrier::new(6);
    std::thread::scope(|scope| {
        let job = || {
            barrier.wait();
            install(&machine.order(&[Installer::Archive], &server.base, &digests), &Silent)
        };
        let jobs: Vec<_> = (0..6).map(|_| scope.spawn(job)).collect();
        for job in jobs {
            let installed = job.join().unwrap().unwrap();
            assert_eq!(installed.path, locate::tool_cache_program(&machine.tool_cache, &VERSION));
        }
    });
    let installed = install(&machine.order(&[], &server.base, &digests), &Silent).unwrap();
    machine.assert_installed(&installed);
}

#[test]
fn what_a_killed_job_left_is_swept_when_it_is_old() {
    let machine = Machine::new();
    let [old, young] = ["old", "young"].map(|age| machine.tool_cache.join(format!(".sccache-step-{age}")));
    std::fs::create_dir_all(old.join("target")).unwrap();
    std::fs::create_dir_all(&young).unwrap();
    let week = std::time::SystemTime::now() - Duration::from_secs(7 * 24 * 60 * 60);
    std::fs::File::open(&old).unwrap().set_modified(week).unwrap();
    drop(publish::staging(&machine.tool_cache).unwrap());
    assert_eq!(machine.tree(), [".sccache-step-young"]);
}
