//! `config`: the files that say which wikis the farm has.

pub mod wikis;
