//! Whether what a new wiki will be served by could serve it.

use super::engine::of_registry;
use super::options::{Backend, Options, Web};
use super::registry;
use super::web::daemon::{self, Daemon};
use crate::report::Problem;

/// Refuses the farm's first wiki of Apache as long as that lacks a module: it would be found when all else of the wiki is
/// made. What a daemon that serves wikis refuses later is an operator's slip, and told with the step.
pub(super) fn check(options: &Options, asked: Option<Backend>) -> Result<(), Problem> {
    let usual = match options.web {
        Web::None => return Ok(()),
        Web::Fpm => Backend::Fpm,
        Web::Itk => Backend::Itk,
    };
    if asked.unwrap_or(usual) != Backend::Itk {
        return Ok(());
    }
    let (wikis, _) = registry::readable(&options.layout).map_err(|error| of_registry(&error))?;
    if wikis.values().any(|wiki| options.backend(wiki) == Some(Backend::Itk)) {
        return Ok(());
    }
    daemon::check(options, Daemon::Apache)
}
