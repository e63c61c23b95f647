//! Real nodes in one process.
