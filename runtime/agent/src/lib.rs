//! The contract between an agent and its node.
