//! Reads the source and keeps the house in order: imports point down, no room or file imports in a
//! circle, nothing grows too long, every file says what it is for, and what the papers cite is there.
//! It judges text, not meaning; the compiler and clippy judge the rest.

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/papers.rs"]
mod papers;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
