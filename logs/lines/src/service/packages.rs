//! What package managers say they changed: dpkg, apt's history, dnf and yum, pacman.
//!
//! dpkg and apt write of the same change; a change has the same name, version and kind in both, so
//! that whoever counts can count it once.

use crate::facts::Facts;
use crate::facts::Outcome;
use crate::scan;
use crate::stamp;
use crate::stamp::Stamp;

/// What happened to a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It was not there and is now.
    Installed,
    /// It has another version now.
    Upgraded,
    /// It is not there any more.
    Removed,
}

impl Kind {
    /// The event's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Installed => "packages.installed",
            Self::Upgraded => "packages.upgraded",
            Self::Removed => "packages.removed",
        }
    }
}

/// Which program wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Writer {
    /// What does the work: dpkg, rpm's front ends, pacman. A line for each change.
    Manager,
    /// apt, which has dpkg do the work and writes of it too.
    History,
}

/// A package that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// What happened.
    pub kind: Kind,
    /// Who says so.
    pub writer: Writer,
    /// The package, with its architecture where that is written.
    pub package: &'a [u8],
    /// The version that is there now, or was there before it was removed.
    pub version: &'a [u8],
}

impl<'a> Change<'a> {
    /// The package's name, without its architecture.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        let colon = self.package.iter().rposition(|byte| *byte == b':');
        colon.map_or(self.package, |at| &self.package[..at])
    }

    /// Its architecture; empty where not written.
    #[must_use]
    pub fn architecture(&self) -> &'a [u8] {
        let name_bytes = self.name().len();
        self.package.get(name_bytes + 1..).unwrap_or_default()
    }
}

/// A line about packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// One package changed.
    Change(Change<'a>),
    /// apt lists what changed, all in one way.
    List(List<'a>),
    /// Somebody told apt to do what follows.
    RequestedBy(&'a [u8]),
}

/// What apt lists behind `Install: ` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List<'a> {
    /// What happened to all of them.
    pub kind: Kind,
    items: &'a [u8],
}

impl<'a> List<'a> {
    /// The changes, in order. `NAME:ARCH (VERSION)`, `NAME:ARCH (OLD, NEW)`, with a comma between;
    /// no name or version holds a parenthesis.
    pub fn changes(&self) -> impl Iterator<Item = Change<'a>> + use<'a> {
        let kind = self.kind;
        let items = self.items.split(|byte| *byte == b')');
        items.filter_map(move |item| {
            let item = item.strip_prefix(b", ").unwrap_or(item).trim_ascii();
            let open = item.iter().position(|byte| *byte == b'(')?;
            let mut versions = item[open + 1..].split(|byte| *byte == b',');
            let first = versions.next()?.trim_ascii();
            let version = match kind {
                Kind::Upgraded => versions.next().unwrap_or(first).trim_ascii(),
                _ => first,
            };
            Some(Change {
                kind,
                writer: Writer::History,
                package: item[..open].trim_ascii_end(),
                version,
            })
        })
    }
}

impl Event<'_> {
    /// What the line says, under the names that all services share.
    #[must_use]
    pub fn facts(&self) -> Facts {
        match self {
            Self::Change(change) => {
                let rule = "DATE install|upgrade|remove PACKAGE OLD NEW, or dnf's or pacman's form";
                facts(change, rule)
            }
            Self::List(list) => {
                let count = list.changes().count() as u64;
                let rule = "Install|Upgrade|Remove|Purge: PACKAGE (VERSION), …";
                match list.changes().next() {
                    Some(first) => facts(&first, rule).number("event.count", Some(count)),
                    None => Facts::new(list.kind.name(), rule),
                }
            }
            Self::RequestedBy(user) => {
                Facts::new("packages.requested", "Requested-By: USER (UID)").text("user.name", user)
            }
        }
    }
}

fn facts(change: &Change<'_>, rule: &'static str) -> Facts {
    Facts::new(change.kind.name(), rule)
        .outcome(Outcome::Success)
        .text("package.name", change.name())
        .text("package.version", change.version)
        .text("package.architecture", change.architecture())
}

/// The stamp of a whole line, where it holds one.
#[must_use]
pub fn locate(line: &[u8]) -> Stamp<'_> {
    let dated = line
        .strip_prefix(b"Start-Date: ")
        .or(line.strip_prefix(b"End-Date: "));
    if let Some(date) = dated {
        // Two spaces stand between date and time.
        return match date.get(..20) {
            Some(date) if date[10..12] == *b"  " => Stamp::Iso(date),
            _ => Stamp::None,
        };
    }
    if let Some(inside) = line.strip_prefix(b"[") {
        let end = inside.iter().take(32).position(|byte| *byte == b']');
        let stamp = end.and_then(|end| stamp::leading_iso(&inside[..end]));
        return stamp.map_or(Stamp::None, |(stamp, _)| stamp);
    }
    stamp::leading(line).map_or(Stamp::None, |(stamp, _)| stamp)
}

/// The event of a whole line, its stamp included; none where it is none. Linear time.
#[must_use]
pub fn event(line: &[u8]) -> Option<Event<'_>> {
    match line.first()? {
        b'[' => pacman(line),
        b'0'..=b'9' => {
            let (_, rest) = stamp::leading_iso(line)?;
            dpkg(rest).or_else(|| dnf(rest))
        }
        _ => match stamp::leading(line) {
            Some((_, rest)) => yum(rest),
            None => history(line),
        },
    }
}

/// `upgrade libc6:amd64 2.36-9 2.36-10`; a reinstallation has twice the same version.
fn dpkg(rest: &[u8]) -> Option<Event<'_>> {
    let (verb, rest) = scan::token(rest);
    let (package, rest) = scan::token(rest);
    let (old, new) = scan::token(rest);
    if package.is_empty() || old.is_empty() || new.contains(&b' ') {
        return None;
    }
    let (kind, version) = match verb {
        b"install" if old != new => (Kind::Installed, new),
        b"upgrade" if old != new => (Kind::Upgraded, new),
        b"remove" => (Kind::Removed, old),
        _ => return None,
    };
    manager(kind, package, version)
}

fn manager<'a>(kind: Kind, package: &'a [u8], version: &'a [u8]) -> Option<Event<'a>> {
    Some(Event::Change(Change {
        kind,
        writer: Writer::Manager,
        package,
        version,
    }))
}

/// `SUBDEBUG Installed: bash-5.1.8-6.el9.x86_64`; `Upgraded:` is the old version, going.
fn dnf(rest: &[u8]) -> Option<Event<'_>> {
    let rest = rest
        .strip_prefix(b"SUBDEBUG ")
        .or(rest.strip_prefix(b"INFO "))?;
    let (verb, package) = scan::token(rest);
    let kind = match verb {
        b"Installed:" => Kind::Installed,
        b"Upgrade:" | b"Downgrade:" => Kind::Upgraded,
        b"Erase:" | b"Erased:" | b"Removed:" => Kind::Removed,
        _ => return None,
    };
    rpm(kind, package)
}

/// `Installed: bash-5.1.8-6.el7.x86_64`, with an epoch in front of some.
fn yum(rest: &[u8]) -> Option<Event<'_>> {
    let (verb, package) = scan::token(rest);
    let kind = match verb {
        b"Installed:" => Kind::Installed,
        b"Updated:" => Kind::Upgraded,
        b"Erased:" => Kind::Removed,
        _ => return None,
    };
    rpm(kind, package)
}

/// `NAME-VERSION-RELEASE.ARCH`: two dashes from the end the version begins.
fn rpm(kind: Kind, package: &[u8]) -> Option<Event<'_>> {
    if package.is_empty() || package.contains(&b' ') {
        return None;
    }
    let release = package.iter().rposition(|byte| *byte == b'-');
    let version = release.and_then(|at| package[..at].iter().rposition(|byte| *byte == b'-'));
    match version {
        Some(at) => manager(kind, &package[..at], &package[at + 1..]),
        None => manager(kind, package, b""),
    }
}

/// `[DATE] [ALPM] upgraded bash (5.1-1 -> 5.2-1)`.
fn pacman(line: &[u8]) -> Option<Event<'_>> {
    let end = line.iter().take(34).position(|byte| *byte == b']')?;
    let rest = line[end + 1..].strip_prefix(b" [ALPM] ")?;
    let (verb, rest) = scan::token(rest);
    let (package, rest) = scan::token(rest);
    let versions = rest.strip_prefix(b"(")?.strip_suffix(b")")?;
    let kind = match verb {
        b"installed" => Kind::Installed,
        b"upgraded" | b"downgraded" => Kind::Upgraded,
        b"removed" => Kind::Removed,
        _ => return None,
    };
    let newest = versions.iter().rposition(|byte| *byte == b' ');
    manager(
        kind,
        package,
        newest.map_or(versions, |at| &versions[at + 1..]),
    )
}

/// A line of apt's `history.log`.
fn history(line: &[u8]) -> Option<Event<'_>> {
    if let Some(user) = line.strip_prefix(b"Requested-By: ") {
        return Some(Event::RequestedBy(scan::token(user).0)).filter(|_| !user.is_empty());
    }
    let (verb, items) = scan::token(line);
    let kind = match verb {
        b"Install:" => Kind::Installed,
        b"Upgrade:" | b"Downgrade:" => Kind::Upgraded,
        b"Remove:" | b"Purge:" => Kind::Removed,
        _ => return None,
    };
    let list = List { kind, items };
    list.changes().next().map(|_| Event::List(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let found =
            event(line.as_bytes()).map_or("none".to_owned(), |event| event.facts().to_string());
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn dpkgs_lines() {
        check(
            "2026-02-12 14:10:21 install sl:amd64 <none> 5.02-1",
            "packages.installed success package.name=sl package.version=5.02-1 package.architecture=amd64",
        );
        check(
            "2026-02-12 14:10:21 upgrade libc6:amd64 2.36-9 2.36-10",
            "packages.upgraded success package.name=libc6 package.version=2.36-10 package.architecture=amd64",
        );
        check(
            "2026-02-12 14:10:21 remove sl:amd64 5.02-1 <none>",
            "packages.removed success package.name=sl package.version=5.02-1 package.architecture=amd64",
        );
        for line in [
            "2026-02-12 14:10:21 upgrade sl:amd64 5.02-1 5.02-1",
            "2026-02-12 14:10:21 purge sl:amd64 5.02-1 <none>",
            "2026-02-12 14:10:21 status installed sl:amd64 5.02-1",
            "2026-02-12 14:10:21 startup archives unpack",
            "2026-02-12 14:10:21 trigproc man-db:amd64 2.11.2-2 <none>",
        ] {
            check(line, "none");
        }
    }

    #[test]
    fn apts_lists() {
        check(
            "Install: sl:amd64 (5.02-1), libfoo1:amd64 (1.0~rc1-1, automatic)",
            "packages.installed success package.name=sl package.version=5.02-1 package.architecture=amd64 event.count=2",
        );
        check(
            "Upgrade: libc6:amd64 (2.36-9, 2.36-10)",
            "packages.upgraded success package.name=libc6 package.version=2.36-10 package.architecture=amd64 event.count=1",
        );
        check(
            "Purge: sl:amd64 (5.02-1)",
            "packages.removed success package.name=sl package.version=5.02-1 package.architecture=amd64 event.count=1",
        );
        check(
            "Requested-By: amy (1000)",
            "packages.requested user.name=amy",
        );
        check("Commandline: apt-get install sl", "none");
        check("Install: ", "none");
    }

    #[test]
    fn other_families() {
        check(
            "2026-02-12T14:10:21+0000 SUBDEBUG Installed: bash-completion-2.11-5.el9.noarch",
            "packages.installed success package.name=bash-completion package.version=2.11-5.el9.noarch",
        );
        check(
            "2026-02-12T14:10:21+0000 SUBDEBUG Upgraded: bash-5.1-5.el9.x86_64",
            "none",
        );
        check(
            "Feb 12 14:10:21 Updated: bash-4.2.46-35.el7.x86_64",
            "packages.upgraded success package.name=bash package.version=4.2.46-35.el7.x86_64",
        );
        check(
            "[2026-02-12T14:10:21+0000] [ALPM] upgraded bash (5.1-1 -> 5.2-1)",
            "packages.upgraded success package.name=bash package.version=5.2-1",
        );
        check(
            "[2026-02-12T14:10:21+0000] [PACMAN] Running 'pacman -Syu'",
            "none",
        );
    }

    #[test]
    fn stamps() {
        let date = |line| locate(str::as_bytes(line));
        assert_eq!(
            date("Start-Date: 2026-02-12  14:10:21"),
            Stamp::Iso(b"2026-02-12  14:10:21")
        );
        assert_eq!(
            date("[2026-02-12T14:10:21+0000] [ALPM] x"),
            Stamp::Iso(b"2026-02-12T14:10:21+0000")
        );
        assert_eq!(
            date("2026-02-12 14:10:21 startup archives unpack"),
            Stamp::Iso(b"2026-02-12 14:10:21")
        );
        assert_eq!(date("Install: sl:amd64 (5.02-1)"), Stamp::None);
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(
            head in proptest::sample::select(vec![
                "Install: ", "2026-02-12 14:10:21 install ", "[2026-02-12T14:10:21+0000] [ALPM] ",
                "Start-Date: ", "Feb 12 14:10:21 Updated: ", "",
            ]),
            tail in proptest::prelude::any::<Vec<u8>>(),
        ) {
            let line = [head.as_bytes(), &tail].concat();
            proptest::prop_assert!(matches!(locate(&line), Stamp::None | Stamp::Iso(_) | Stamp::Bsd(_)));
            proptest::prop_assert!(event(&line).is_none_or(|event| !event.facts().event.is_empty()));
        }
    }
}
