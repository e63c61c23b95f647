//! Where a home is.

use std::{
    env,
    ffi::OsString,
    fs,
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use skep_node::home::{Home, HomeError};

use crate::{
    cli::Globals,
    failure::{Failure, Kind},
    verb,
};

/// The home's folder: `--home`, else `$SKEP_HOME`, else where this user keeps such things.
pub(crate) fn home_path(globals: &Globals) -> Result<PathBuf, Failure> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
    choose(globals.home.as_deref(), is_root, |name| env::var_os(name)).ok_or_else(|| {
        Failure::new(Kind::Home, "there is no place for a home: $HOME is not set")
            .cure("say where it is with --home DIR")
    })
}

/// The home, made where it is missing.
pub(crate) fn home(globals: &Globals) -> Result<Home, Failure> {
    Home::open(&home_path(globals)?).map_err(|error| failure(&error))
}

/// A home's failure, with its cure where its own words hold none.
pub(crate) fn failure(error: &HomeError) -> Failure {
    let cure = match error {
        HomeError::Io { .. } => "is this the right --home, and are you its owner?",
        HomeError::Overlaps { until_ms } => {
            let day = verb::day(*until_ms);
            let cure = format!("replace it again after {day}; see `skep authority show`");
            return Failure::of(Kind::Home, error).cure(cure);
        }
        HomeError::Overlap => "give it as --overlap 1h, 30d or the like",
        _ => "",
    };
    Failure::of(Kind::Home, error).cure(cure)
}

/// An address that others can use: one that stands for every interface is replaced by the one this
/// host would speak from.
pub(crate) fn outward(address: SocketAddr) -> SocketAddr {
    skep_node::outward(address)
        .first()
        .copied()
        .unwrap_or(address)
}

fn choose(
    flag: Option<&Path>,
    is_root: bool,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    let set = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(path) = flag {
        return Some(path.to_owned());
    }
    if let Some(path) = set("SKEP_HOME") {
        return Some(path);
    }
    if is_root {
        return Some(PathBuf::from("/var/lib/skep"));
    }
    let state = set("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let state = state.or_else(|| set("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("skep"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flag: Option<&str>, is_root: bool, set: &[(&str, &str)], expected: Option<&str>) {
        let variable = |name: &str| {
            set.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        };
        let path = choose(flag.map(Path::new), is_root, variable);
        assert_eq!(
            path.as_deref(),
            expected.map(Path::new),
            "{flag:?} {is_root} {set:?}"
        );
    }

    #[test]
    fn the_nearest_word_counts() {
        let all = [
            ("SKEP_HOME", "/s"),
            ("XDG_STATE_HOME", "/x"),
            ("HOME", "/h"),
        ];
        check(Some("/f"), true, &all, Some("/f"));
        check(None, true, &all, Some("/s"));
        check(None, true, &all[1..], Some("/var/lib/skep"));
        check(None, false, &all[1..], Some("/x/skep"));
        check(None, false, &all[2..], Some("/h/.local/state/skep"));
        check(
            None,
            false,
            &[("SKEP_HOME", ""), ("HOME", "/h")],
            Some("/h/.local/state/skep"),
        );
        check(None, false, &[("XDG_STATE_HOME", "relative")], None);
        check(None, false, &[], None);
    }
}
