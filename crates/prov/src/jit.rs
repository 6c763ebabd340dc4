//! The compiler of conditions, where it is in the build (feature `jit`).
//! Invariant: with it and without, results are the same.

#[cfg(feature = "jit")]
pub(crate) fn with_compiler(engine: prov_eval::Engine) -> prov_eval::Engine {
    engine.with_compiler(std::sync::Arc::new(prov_jit::Jit))
}

#[cfg(not(feature = "jit"))]
pub(crate) fn with_compiler(engine: prov_eval::Engine) -> prov_eval::Engine {
    engine
}
