//! Every agent this binary knows.
