//! Tells people, once, on the channel they chose.
