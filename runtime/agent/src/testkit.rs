//! One agent alone, on a node made for tests: paused time, a store in memory, roles that the test
//! sets, and everything the agent sends in the test's hands.
//!
//! ```ignore
//! #[tokio::test(start_paused = true)]
//! async fn it_tells_the_channel() {
//!     let mut world = Testkit::<MyAgent>::start(json!({})).await;
//!     world.serve("hive.alert", "alert@n2", "cmd_send_alert_msg");
//!     world.command("cmd_do", &json!({"what": 1})).deliver().await;
//!     let sent = world.next_sent().await;
//!     assert_eq!(sent.outgoing.wanted(), "hive.alert");
//! }
//! ```

mod node;
mod world;

pub use node::{FakeNode, Sent};
pub use world::{Incoming, Stage, Testkit};
