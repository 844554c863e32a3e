//! What must hold for any bytes, one module for each fuzz target. `tests/corpus.rs` includes this file
//! too and replays the corpora, so that whatever was found once is an ordinary test.

pub(crate) mod entry;
pub(crate) mod filter;
pub(crate) mod http1;
pub(crate) mod json;
pub(crate) mod markup;
pub(crate) mod path;
pub(crate) mod segment;
mod shapes;
