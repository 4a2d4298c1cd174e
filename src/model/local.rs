//! Models that run on machines of their users.

/// Programs that serve models on machines of their users: what they serve is not the maker's offer, whatever its name.
pub const LOCAL_PROGRAMS: [&str; 16] = [
    "docker",
    "jan",
    "koboldcpp",
    "llama-cpp",
    "llama.cpp",
    "llamacpp",
    "llamafile",
    "lm-studio",
    "lmstudio",
    "local",
    "localai",
    "mlx",
    "ollama",
    "sglang",
    "tgi",
    "vllm",
];
