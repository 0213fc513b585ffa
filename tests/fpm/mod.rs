//! Real PHP-FPM.

mod invalidate;
mod keys;
mod pool;
mod preload;
mod publishing;
mod server;
mod tree;
mod wiki;

pub(crate) use server::{Pool, Settings, binary};
