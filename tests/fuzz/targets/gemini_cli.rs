#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| aifinops_fuzz::gemini_cli::run(data));
