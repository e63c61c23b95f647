//! Directive text to a checked plan.
