//! Assembles the runtime, supervises agents, owns the store file.
