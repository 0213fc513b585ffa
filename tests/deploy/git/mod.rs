//! The git side of deploying: what is brought, what is taken for a release, and what becomes of it on disk.

mod config;
mod export;
mod fixture;
mod lint;
pub(super) mod packed;
mod repository;
mod trees;
