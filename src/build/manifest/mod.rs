//! Reads a tree.
