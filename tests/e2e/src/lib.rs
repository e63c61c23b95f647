//! Real daemons, real hosts, the real binary.
