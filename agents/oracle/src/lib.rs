//! Analyses digests, by itself or with a language model.
