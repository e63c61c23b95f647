//! `cargo xtask new-agent NAME`: the agent's folder, its two lines in the registry, and its name
//! among the workspace's members.

mod trial;

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

pub(crate) use self::trial::run as try_out;
use crate::run::{command, succeed, workspace};

const MANIFEST: &str = include_str!("new_agent/manifest.txt");
const LIB: &str = include_str!("new_agent/lib.txt");
const REGISTRY: &str = "agents/registry/src/lib.rs";
const LIST: &str = "&[AgentSpec] = &[";
const NAME_CHARS_MAX: usize = 40;

pub(crate) fn run(name: &str) -> Result<()> {
    write_tidily(workspace(), name)?;
    println!("agents/{name} is written; begin with its first test, in agents/{name}/src/lib.rs");
    Ok(())
}

/// Writes it; rustfmt decides what still fits one line, with a name of this length.
fn write_tidily(top: &Path, name: &str) -> Result<()> {
    write(top, name)?;
    let mut fmt = command("cargo");
    fmt.current_dir(top);
    let package = format!("skep-{}", name.replace('_', "-"));
    succeed(fmt.args(["fmt", "--package", "skep-registry", "--package", &package]))
}

fn write(top: &Path, name: &str) -> Result<()> {
    let good = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_';
    ensure!(
        name.starts_with(|sign: char| sign.is_ascii_lowercase())
            && name.chars().all(good)
            && name.len() <= NAME_CHARS_MAX,
        "an agent's name is a noun in snake case of at most {NAME_CHARS_MAX} letters, like log_watcher"
    );
    let folder = top.join("agents").join(name);
    ensure!(!folder.exists(), "agents/{name} exists already");
    let dash = name.replace('_', "-");
    // All edits are made before the first is written: a failure leaves nothing half done.
    let registry = listed(&fs::read_to_string(top.join(REGISTRY))?, name)?;
    let edits = [
        insert(
            top,
            "Cargo.toml",
            &format!("    \"agents/{name}\","),
            "    \"agents/",
        )?,
        insert(
            top,
            "Cargo.toml",
            &format!("skep-{dash} = {{ path = \"agents/{name}\" }}"),
            "skep-",
        )?,
        insert(
            top,
            "agents/registry/Cargo.toml",
            &format!("skep-{dash}.workspace = true"),
            "skep-",
        )?,
    ];
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("Cargo.toml"), fill(MANIFEST, name))?;
    fs::write(folder.join("src/lib.rs"), fill(LIB, name))?;
    fs::write(top.join(REGISTRY), registry)?;
    for edit in edits {
        edit.make()?;
    }
    Ok(())
}

/// One line to add to a file.
struct Edit {
    path: std::path::PathBuf,
    line: String,
    after: String,
}

impl Edit {
    fn make(&self) -> Result<()> {
        let text = fs::read_to_string(&self.path)?;
        let (old, new) = (
            format!("{}\n", self.after),
            format!("{}\n{}\n", self.after, self.line),
        );
        fs::write(&self.path, text.replacen(&old, &new, 1))?;
        Ok(())
    }
}

/// `line` after the last of the first run of lines that begin with `like`.
fn insert(top: &Path, path: &str, line: &str, like: &str) -> Result<Edit> {
    let full = top.join(path);
    let text = fs::read_to_string(&full).with_context(|| format!("cannot read {path}"))?;
    let first = text.lines().skip_while(|line| !line.starts_with(like));
    let after = first.take_while(|line| line.starts_with(like)).last();
    let after = after.with_context(|| format!("{path} has no line that begins with {like:?}"))?;
    Ok(Edit {
        path: full,
        line: line.to_owned(),
        after: after.to_owned(),
    })
}

/// The registry's text with the agent in its list, which stays in alphabetical order.
fn listed(text: &str, name: &str) -> Result<String> {
    let (before, rest) = text.split_once(LIST).context("the registry has no list")?;
    let (list, after) = rest
        .split_once("];")
        .context("the registry's list has no end")?;
    let entry = format!("skep_{name}::SPEC");
    let mut entries: Vec<&str> = list.split(',').map(str::trim).collect();
    entries.retain(|entry| !entry.is_empty());
    entries.push(&entry);
    entries.sort_unstable();
    let lines: String = entries
        .iter()
        .map(|entry| format!("\n    {entry},"))
        .collect();
    Ok(format!("{before}{LIST}{lines}\n];{after}"))
}

fn fill(template: &str, name: &str) -> String {
    let camel: String = name
        .split('_')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect();
    template
        .replace("@snake@", name)
        .replace("@dash@", &name.replace('_', "-"))
        .replace("@Camel@", &camel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top() -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = top.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "Cargo.toml",
            "members = [\n    \"agents/alert\",\n    \"tools/skep\",\n]\n\
             [workspace.dependencies]\nskep-alert = { path = \"agents/alert\" }\n\ntokio = \"1\"\n",
        );
        write(
            "agents/registry/Cargo.toml",
            "[dependencies]\nskep-alert.workspace = true\n\n[dev-dependencies]\nskep-packet.workspace = true\n",
        );
        write(
            REGISTRY,
            "static SPECS: &[AgentSpec] = &[skep_zoo::SPEC, skep_alert::SPEC];\n",
        );
        top
    }

    #[test]
    fn an_agent_is_a_folder_and_its_lines() {
        let top = top();
        write(top.path(), "night_bee").unwrap();
        let read = |path: &str| fs::read_to_string(top.path().join(path)).unwrap();
        assert!(read("agents/night_bee/src/lib.rs").contains("impl Agent for NightBee"));
        assert!(read("agents/night_bee/Cargo.toml").contains("name = \"skep-night-bee\""));
        let root = read("Cargo.toml");
        assert!(
            root.contains("\"agents/alert\",\n    \"agents/night_bee\",\n    \"tools"),
            "{root}"
        );
        assert!(
            root.contains("\nskep-night-bee = { path = \"agents/night_bee\" }\n\ntokio"),
            "{root}"
        );
        let manifest = read("agents/registry/Cargo.toml");
        assert!(
            manifest.contains("skep-night-bee.workspace = true\n\n[dev"),
            "{manifest}"
        );
        let entries = read("agents/registry/src/lib.rs");
        assert_eq!(
            entries,
            "static SPECS: &[AgentSpec] = &[\n    skep_alert::SPEC,\n    skep_night_bee::SPEC,\n    \
             skep_zoo::SPEC,\n];\n"
        );
    }

    #[test]
    fn what_cannot_be_an_agent_writes_nothing() {
        let top = top();
        for name in ["", "Bee", "bee-hive", "7bee", "../bee", "_bee"] {
            assert!(write(top.path(), name).is_err(), "{name}");
        }
        fs::create_dir_all(top.path().join("agents/bee")).unwrap();
        assert!(write(top.path(), "bee").is_err());
        fs::write(top.path().join("agents/registry/src/lib.rs"), "empty").unwrap();
        assert!(write(top.path(), "wasp").is_err());
        assert!(!top.path().join("agents/wasp").exists());
    }
}
