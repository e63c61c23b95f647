//! What an event is in a story. Events that nobody here knows are failures.

use skep_protocol::case::Entry;

/// The part that an event plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Somebody tries to come in.
    Attack,
    /// Somebody came in.
    Login,
    /// Somebody used an administrator's rights.
    Privilege,
    /// Somebody was shut out.
    Ban,
    /// A disk or file system failed.
    Disk,
    /// Memory ran out.
    Memory,
    /// A program touched memory that is not its own.
    Crash,
    /// A unit came to an end that it should not.
    UnitFailed,
    /// Anything else that failed.
    Failure,
    /// A unit was started again: what follows a failure.
    Restart,
    /// Software was changed.
    Change,
}

/// The part that an entry's event plays.
pub(super) fn kind(entry: &Entry) -> Kind {
    match entry.event.as_str() {
        "brute_force" | "web_attack" | "sudo_failed" | "sudo_denied" => Kind::Attack,
        "login" | "login_after_failures" => Kind::Login,
        "sudo" => Kind::Privilege,
        "ban" => Kind::Ban,
        "disk_error" => Kind::Disk,
        "oom_kill" => Kind::Memory,
        "segfault" => Kind::Crash,
        "unit_failed" => Kind::UnitFailed,
        "unit_restart" => Kind::Restart,
        "package_change" => Kind::Change,
        _ => Kind::Failure,
    }
}

impl Kind {
    /// Whether its user is an account that somebody holds; who attacks names what they like.
    pub(super) fn has_account(self) -> bool {
        matches!(self, Self::Login | Self::Privilege)
    }

    /// Whether it is something that other things make fail.
    pub(super) fn is_effect(self) -> bool {
        matches!(self, Self::UnitFailed | Self::Failure | Self::Crash)
    }
}
