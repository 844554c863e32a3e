#![no_main]

#[allow(dead_code, reason = "each target uses its own part")]
#[path = "../src/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::segment::check(bytes));
