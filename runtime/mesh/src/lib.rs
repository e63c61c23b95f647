//! QUIC between nodes: the only listening swarm sockets.
