//! Everything that the library and the binary are tested for from outside, as one program.

mod farm;
mod mediawiki;
mod oracle;
