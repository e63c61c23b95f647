//! The conversations between agents, one file each.
