//! The project's menu of chores.
fn main() {}
