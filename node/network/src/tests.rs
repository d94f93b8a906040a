//! The network over real sockets on the loopback interface: delivery, membership, hostile peers, recovery.

mod harness;
mod hostile;
mod mesh;
mod questions;
