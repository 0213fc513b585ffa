//! Everything that the library and the binary are tested for from outside, as one program.

mod architecture;
mod build;
mod config;
mod deploy;
mod farm;
mod faults;
mod fpm;
mod hostile;
mod incremental;
mod linking;
mod meanwhile;
mod mediawiki;
mod mount;
mod oracle;
mod php;
mod shell;
mod strace;
