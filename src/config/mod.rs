//! `config`: the files that say which wikis the farm has and how each is configured.

pub mod wikis;

pub mod value;

pub mod options;

pub mod finding;
pub mod read;

pub mod extensions;
pub mod tree;

pub mod farms;
pub mod settings;

pub mod plan;
pub mod published;

pub mod entry;
pub mod write;
