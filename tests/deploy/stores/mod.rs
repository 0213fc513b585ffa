//! What a wiki owns beside its code, on this machine: real users, a real Redis, `MariaDB` and MediaWiki. Needs root.

mod cache;
mod database;
mod ground;
mod home;
mod kill;
mod mediawiki;
mod registry;
mod secrets;
mod users;
