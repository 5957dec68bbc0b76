//! Bowline where packets are lost without a word, as where a cable is pulled, a laptop sleeps or a middlebox forgets:
//! no FIN and no RST, and nothing that the kernel would tell before a quarter of an hour has passed. What ends such a
//! connection is a deadline of ours.
//!
//! `tests/network/run` makes two network namespaces, joins them, and runs these tests in one of them. Servers listen
//! in the other.

#![cfg(target_os = "linux")]

#[path = "network/ends.rs"]
mod ends;
#[path = "network/handshakes.rs"]
mod handshakes;
#[path = "network/keepalive.rs"]
mod keepalive;
#[path = "network/outage.rs"]
mod outage;
#[path = "network/path.rs"]
mod path;
#[path = "network/writes.rs"]
mod writes;
