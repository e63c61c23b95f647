//! What every package's Cargo.toml holds.

use super::tree::Tree;

pub(super) fn lints(tree: &Tree) -> Vec<String> {
    let lacking = members(tree).filter(|(_, text)| !text.contains("[lints]\nworkspace = true"));
    lacking
        .map(|(path, _)| format!("{path}: does not take the workspace's lints"))
        .collect()
}

pub(super) fn versions(tree: &Tree) -> Vec<String> {
    members(tree)
        .flat_map(|(path, text)| own_versions(path, text))
        .collect()
}

fn own_versions(path: &str, text: &str) -> Vec<String> {
    let mut inside = false;
    let mut breaches = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
            if !inside && line.contains("dependencies.") {
                breaches.push(format!(
                    "{path}: {line} hides a dependency in a table of its own"
                ));
            }
            continue;
        }
        let empty = line.is_empty() || line.starts_with('#');
        // A crate names itself by path where its own tests need one of its features.
        let itself = line.contains("path = \".\"");
        let inherited = itself || line.contains("workspace = true");
        // A dependency may go on over several lines: only the first one names it.
        if inside && !empty && line.contains('=') && !inherited {
            breaches.push(format!("{path}: {line}"));
        }
    }
    breaches
}

fn members(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.files
        .iter()
        .filter(|(path, _)| path.ends_with("/Cargo.toml"))
        .map(|(path, text)| (path.as_str(), text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_the_lints_is_named() {
        let good = Tree::with_file("a/Cargo.toml", "[lints]\nworkspace = true\n");
        assert!(lints(&good).is_empty());
        let bad = Tree::with_file("a/Cargo.toml", "[package]\nname = \"a\"\n");
        assert_eq!(
            lints(&bad),
            ["a/Cargo.toml: does not take the workspace's lints"]
        );
    }

    #[test]
    fn a_version_outside_the_root_is_named() {
        let text = "[dependencies]\nserde.workspace = true\n\n# why\n\
                    clap = { workspace = true, features = [\"env\"] }\n[dev-dependencies]\nrand = \"1\"\n\
                    [features]\nx = []\n[dependencies.uuid]\nversion = \"1\"\n";
        let found = versions(&Tree::with_file("a/Cargo.toml", text));
        let expected = [
            "a/Cargo.toml: rand = \"1\"",
            "a/Cargo.toml: [dependencies.uuid] hides a dependency in a table of its own",
        ];
        assert_eq!(found, expected);
        assert!(
            versions(&Tree::with_file("Cargo.toml", text)).is_empty(),
            "the root may"
        );
    }
}
