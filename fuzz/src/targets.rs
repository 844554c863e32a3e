//! What must hold for any bytes, one module for each fuzz target. `tests/corpus.rs` includes this file
//! too and replays the corpora, so that whatever was found once is an ordinary test.

pub mod entry;
pub mod filter;
pub mod http1;
pub mod json;
pub mod markup;
pub mod path;
mod shapes;
