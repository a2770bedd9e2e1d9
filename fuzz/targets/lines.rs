#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| quarterdeck::fuzz::probe("lines", data));
