//! Where a home is.

use std::{
    env,
    ffi::OsString,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use skep_node::home::{Home, HomeError};

use crate::{
    cli::Globals,
    failure::{Failure, Kind},
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
        _ => "",
    };
    Failure::of(Kind::Home, error).cure(cure)
}

/// An address that others can use: one that stands for every interface is replaced by the one this
/// host would speak from. Nothing is sent.
pub(crate) fn outward(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    // TEST-NET-1 and the documentation prefix (RFC 5737, RFC 3849): routed like any other, owned by
    // nobody.
    let v4 = || {
        speaks_from(
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
        )
    };
    let documentation = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let v6 = || speaks_from(Ipv6Addr::UNSPECIFIED.into(), documentation.into());
    let found = if address.is_ipv4() {
        v4()
    } else {
        v4().or_else(v6)
    };
    SocketAddr::new(found.unwrap_or(address.ip()), address.port())
}

fn speaks_from(any: IpAddr, to: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((to, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
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
    fn an_address_of_one_interface_stays_as_it_is() {
        for text in ["10.0.0.1:7400", "127.0.0.1:1", "[::1]:7400"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(outward(address), address);
        }
        let any: SocketAddr = "0.0.0.0:7400".parse().unwrap();
        assert_eq!(outward(any).port(), 7400);
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
