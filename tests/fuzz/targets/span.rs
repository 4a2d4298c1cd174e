#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| aifinops_fuzz::span::run(data));
