//! PHP files → classes.
