//! Where lines are: files and the journal.
