//! Settings against MediaWiki core and against PHP itself.

mod core;
mod hostile;
mod incremental;
mod literals;
mod many;
mod matrix;
mod onto;
mod php;
mod values;
