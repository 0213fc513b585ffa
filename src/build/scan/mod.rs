//! PHP files → classes.

mod class_name;
mod clean;
mod declarations;
mod parser;
mod strip;
mod yield_from;

pub use class_name::ClassName;
pub use parser::{Unparsable, find_classes};
