//! The crate or directory that a unit belongs to, from the arguments of its compiler.

/// The longest place kept, in characters.
const PLACE_CHARS: usize = 200;

/// Endings of sources, besides Rust's, that sccache compiles.
const SOURCES: &[&str] = &[
    "c", "cc", "cpp", "cxx", "c++", "C", "m", "mm", "cu", "hip", "s", "S", "sx", "asm", "ptx", "i", "ii",
    "cppm", "ixx",
];

/// The place of a unit: `quote-1.0.47` for a crate of a registry, its name for a crate of the workspace, the
/// directory of its source for anything else; empty when the arguments do not tell.
pub(super) fn place(arguments: &str, name: &str) -> String {
    let mut found = String::new();
    for argument in strings(arguments) {
        if argument.starts_with('-') {
            continue;
        }
        let normal = argument.replace('\\', "/");
        let Some((_, ending)) = normal.rsplit_once('.') else { continue };
        if ending == "rs" {
            found = crate_of(&normal).unwrap_or(name).to_owned();
            break;
        }
        if SOURCES.contains(&ending) {
            found = normal.rsplit_once('/').map_or(".", |(directory, _)| directory).to_owned();
            break;
        }
    }
    found.chars().take(PLACE_CHARS).collect()
}

/// The crate and version of a registry's source, or the checkout of a repository.
fn crate_of(source: &str) -> Option<&str> {
    let below = |mark: &str, skipped: usize| source.split_once(mark)?.1.split('/').nth(skipped);
    below("/registry/src/", 1).or_else(|| below("/git/checkouts/", 0))
}

/// The strings of Rust's debug form of a list of them: `["-c", "a \"b\".c"]`, as far as it goes.
fn strings(list: &str) -> impl Iterator<Item = String> + '_ {
    let mut chars = list.chars();
    std::iter::from_fn(move || {
        chars.find(|c| *c == '"')?;
        let mut string = String::new();
        loop {
            match chars.next()? {
                '"' => return Some(string),
                '\\' => string.extend(chars.next()),
                c => string.push(c),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_place_is_a_crate_or_a_directory() {
        let of = |arguments: &str| place(arguments, "name");
        assert_eq!(
            of(r#"["--crate-name", "q", "/h/.cargo/registry/src/index-1/quote-1.0.47/src/lib.rs"]"#),
            "quote-1.0.47"
        );
        assert_eq!(of(r#"["/h/git/checkouts/tool-ab12/9f/src/lib.rs", "-C"]"#), "tool-ab12");
        assert_eq!(of(r#"["src/lib.rs"]"#), "name");
        assert_eq!(of(r#"["-O1", "-c", "a.c", "-o", "/out/a.o"]"#), ".");
        assert_eq!(of(r#"["-DX=\"a.c\"", "-c", "/w/sub dir/x.cpp", "-o", "x.o"]"#), "/w/sub dir");
        assert_eq!(of(r#"["-c", "C:\\w\\x.cpp"]"#), "C:/w");
        assert_eq!(of(r#"["@args"]"#), "");
        assert_eq!(of(r#"["-c", "cut of"#), "");
        assert_eq!(of(&format!(r#"["{}/a.c"]"#, "x".repeat(900))).len(), 200);
    }
}
