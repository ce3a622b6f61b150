//! What `action.yml` says, read line by line: it is written in one plain style.

use super::tools::repository;

/// An input or output of the action.
#[derive(Debug, PartialEq, Eq)]
pub struct Declared {
    pub name: String,
    pub description: String,
    pub default: String,
}

/// The entries of a section: `inputs` or `outputs`.
pub fn section(wanted: &str) -> Vec<Declared> {
    let text = std::fs::read_to_string(repository().join("action.yml")).unwrap();
    let lines = text.lines().skip_while(|line| *line != format!("{wanted}:")).skip(1);
    let mut found: Vec<Declared> = Vec::new();
    for line in lines.take_while(|line| line.is_empty() || line.starts_with(' ')) {
        let depth = line.len() - line.trim_start().len();
        let Some((name, value)) = line.trim().split_once(':') else { continue };
        let value = value.trim().trim_matches('"').to_owned();
        match (depth, name) {
            (2, _) => {
                let (description, default) = (String::new(), String::new());
                found.push(Declared { name: name.to_owned(), description, default });
            }
            (4, "description") => found.last_mut().unwrap().description = value,
            (4, "default") => found.last_mut().unwrap().default = value,
            _ => panic!("action.yml: `{line}` is not understood"),
        }
    }
    found
}
