//! `build`: from a tree as Composer left it to hashed sets, bundles and the dispatcher.

pub mod package;

pub mod manifest;
pub mod version;

pub mod resolve;

pub mod scan;
