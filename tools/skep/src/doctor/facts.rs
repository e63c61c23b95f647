//! What the doctor saw.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf};

use skep_log_watcher::Look;
use skep_packet::NodeId;

/// Everything that was seen.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) now_ms: u64,
    /// The user who looks.
    pub(crate) uid: u32,
    pub(crate) home: Home,
    pub(crate) papers: Papers,
    pub(crate) clock: Clock,
    pub(crate) node: Node,
    pub(crate) ports: Ports,
    pub(crate) store: Store,
    /// Bytes that are free where the home lies.
    pub(crate) free_bytes: Option<u64>,
    /// Files that the node may have open, or this process where none runs.
    pub(crate) files_max: Option<u64>,
    pub(crate) directive: Directive,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) sources: Vec<Look>,
}

/// The folder, and the files in it that are nobody else's business.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) path: PathBuf,
    /// None where there is no folder.
    pub(crate) folder: Option<Guarded>,
    pub(crate) secrets: Vec<(&'static str, Guarded)>,
}

/// Who may do what with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guarded {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The node's papers.
#[derive(Debug, Clone)]
pub(crate) enum Papers {
    /// None were made.
    None,
    /// They are there and make no sense.
    Broken(String),
    Whole {
        not_before_ms: u64,
        not_after_ms: u64,
        /// Until when they count, where another authority has replaced the one that signed them.
        replaced_ms: Option<u64>,
        /// Why TLS would not believe the certificate now.
        certificate: Option<String>,
        /// Whether this home can make new ones by itself.
        is_authority: bool,
        /// Whether another node was ever let in.
        has_members: bool,
        operator: Operator,
    },
}

/// The operator's key of this home.
#[derive(Debug, Clone)]
pub(crate) enum Operator {
    None,
    Broken(String),
    Whole { name: String, not_after_ms: u64 },
}

/// What is known about time.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    /// Whether something keeps it right; None where nothing tells.
    pub(crate) is_synchronised: Option<bool>,
    /// How far each node's clock is ahead of this one's, in milliseconds.
    pub(crate) peers: Vec<(NodeId, i64)>,
}

/// The node of this home.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// None runs.
    Down {
        /// The last one left without a word.
        was_killed: bool,
    },
    /// Its control socket can not be used.
    Deaf { why: String, is_forbidden: bool },
    Up {
        /// What keeps it from its work.
        sick: Vec<String>,
        /// Owner, group and mode of the control socket.
        socket: Option<Guarded>,
        /// The group `skep` of this host.
        group: Option<u32>,
    },
}

/// Where the node listens, or would.
#[derive(Debug, Clone)]
pub(crate) struct Ports {
    /// Where the running node says that it listens: for the swarm, for people.
    pub(crate) swarm: Option<SocketAddr>,
    pub(crate) people: Option<SocketAddr>,
    /// Whether the directive has a door to people.
    pub(crate) has_door: bool,
    /// Where the directive wants that door.
    pub(crate) people_wanted: Option<SocketAddr>,
    /// Ports that somebody on this host listens on.
    pub(crate) udp: BTreeSet<u16>,
    pub(crate) tcp: BTreeSet<u16>,
}

/// The store's file.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    None,
    /// The running node has it.
    Held {
        bytes: u64,
    },
    Good {
        bytes: u64,
    },
    Bad {
        why: String,
        cure: String,
    },
}

/// The directive that was looked at.
#[derive(Debug, Clone)]
pub(crate) struct Directive {
    pub(crate) name: String,
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
}

/// A reference to a secret; never its value.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub(crate) reference: String,
    /// The agent that wants it.
    pub(crate) agent: String,
    /// Why it is not there.
    pub(crate) missing: Option<String>,
    /// The file that holds it.
    pub(crate) file: Option<(PathBuf, Guarded)>,
}
