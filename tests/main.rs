//! Tests.
mod oracle {
    mod semver;
}
