//! The planes: what all files together say of one wiki's settings.
