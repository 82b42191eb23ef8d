//! The project's entry points.
