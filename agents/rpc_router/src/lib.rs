//! The door for people and their programs.
