//! Programs that are nothing but the headers that tell what a program is for.

use std::path::{Path, PathBuf};

/// What is wrong with a program.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    None,
    Dynamic,
    NotStripped,
}

/// A 64-bit ELF file for this machine: its header, and one program or section header if the fault needs it.
pub(super) fn elf(machine: u16, fault: Fault) -> Vec<u8> {
    let mut bytes = vec![0; 192];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[54] = 56;
    bytes[58] = 64;
    match fault {
        Fault::None => {}
        Fault::Dynamic => (bytes[32], bytes[56], bytes[64]) = (64, 1, 3),
        Fault::NotStripped => (bytes[40], bytes[60], bytes[128 + 4]) = (128, 1, 2),
    }
    bytes
}

fn mach_o(processor: u8) -> Vec<u8> {
    vec![0xcf, 0xfa, 0xed, 0xfe, processor, 0, 0, 1, 0, 0, 0, 0]
}

fn pe(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[60] = 64;
    bytes[64..68].copy_from_slice(b"PE\0\0");
    bytes[68..70].copy_from_slice(&machine.to_le_bytes());
    bytes
}

/// The file that a target's program is.
pub(super) fn path(programs: &Path, target: &str) -> PathBuf {
    let name = if target.contains("windows") { "sccache-step.exe" } else { "sccache-step" };
    programs.join(target).join(name)
}

/// A program for every target, below `programs`.
pub(super) fn all(programs: &Path) {
    for target in super::targets() {
        let bytes = match target.as_str() {
            "x86_64-unknown-linux-musl" => elf(0x3e, Fault::None),
            "aarch64-unknown-linux-musl" => elf(0xb7, Fault::None),
            "x86_64-apple-darwin" => mach_o(7),
            "aarch64-apple-darwin" => mach_o(12),
            "x86_64-pc-windows-msvc" => pe(0x8664),
            "aarch64-pc-windows-msvc" => pe(0xaa64),
            other => panic!("no program is known for {other}"),
        };
        let path = path(programs, &target);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}
