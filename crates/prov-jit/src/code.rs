//! Machine code: where it lives, how it is called, when it goes. The only unsafe lines of this crate.
//! Invariant: code lives as long as anything that may call it, and is called only with words that [`crate::bind`] has
//! checked against what they lead to.

#![expect(unsafe_code, reason = "calling and freeing machine code")]

use crate::emit::{emit, signature};
use crate::lower::Refusal;
use crate::term::Terms;
use cranelift_codegen::Context;
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{Module, default_libcall_names};
use std::sync::{Arc, Mutex, PoisonError};

type Function = unsafe extern "C" fn(*const u64, u64, u64, *mut u64, *mut u64);

/// The memory of some functions; freed with the last of them.
pub(crate) struct Code(Mutex<Option<JITModule>>);

impl Drop for Code {
    fn drop(&mut self) {
        let module = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(module) = module {
            // SAFETY: entries own an `Arc` of this and are not handed out without it; this is the last, so none of them is
            // left to be called, and none runs, since `Entry::run` borrows one while it does.
            unsafe { module.free_memory() };
        }
    }
}

/// A kernel's function.
#[derive(Clone)]
pub(crate) struct Entry {
    function: Function,
    /// Keeps the function's memory.
    code: Arc<Code>,
}

/// Compiles conditions; each or why not.
pub(crate) fn compile(conditions: &[Result<Terms, Refusal>]) -> Vec<Result<Entry, Refusal>> {
    const FAILED: Refusal = "the compiler failed";
    let work = || attempt(conditions).unwrap_or_else(|| conditions.iter().map(|_| Err(FAILED)).collect());
    // A compiler that panics is a compiler that refuses.
    let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let mut made = made.unwrap_or_else(|_| conditions.iter().map(|_| Err(FAILED)).collect());
    for (entry, condition) in made.iter_mut().zip(conditions) {
        if let Err(why) = condition {
            *entry = Err(why);
        }
    }
    made
}

fn attempt(conditions: &[Result<Terms, Refusal>]) -> Option<Vec<Result<Entry, Refusal>>> {
    let terms: usize = conditions.iter().flatten().map(|t| t.list.len()).sum();
    if terms == 0 || !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        return None;
    }
    let flags = [("opt_level", "speed"), ("enable_verifier", "true")];
    let mut builder = JITBuilder::with_flags(&flags, default_libcall_names()).ok()?;
    // Only addresses are reserved; what is written to is memory.
    let size = (1 << 16) + conditions.len() * (1 << 12) + terms * (1 << 10);
    builder.memory_provider(Box::new(ArenaMemoryProvider::new_with_size(size).ok()?));
    let mut module = JITModule::new(builder);
    let (mut context, mut frontend) = (module.make_context(), FunctionBuilderContext::new());
    let made: Vec<_> = conditions
        .iter()
        .map(|terms| define(&mut module, terms.as_ref().ok()?, &mut context, &mut frontend))
        .collect();
    module.finalize_definitions().ok()?;
    let pointers: Vec<_> = made.iter().map(|id| id.map(|id| module.get_finalized_function(id))).collect();
    let code = Arc::new(Code(Mutex::new(Some(module))));
    let entry = |pointer: Option<*const u8>| {
        let pointer = pointer.ok_or("the compiler refused it")?;
        // SAFETY: a finalized function of the module, defined with just this signature and the machine's convention.
        let function = unsafe { std::mem::transmute::<*const u8, Function>(pointer) };
        Ok(Entry { function, code: code.clone() })
    };
    Some(pointers.into_iter().map(entry).collect())
}

fn define(
    module: &mut JITModule,
    terms: &Terms,
    context: &mut Context,
    frontend: &mut FunctionBuilderContext,
) -> Option<cranelift_module::FuncId> {
    context.clear();
    context.func.signature = signature(module.isa().default_call_conv());
    emit(terms, &mut context.func, frontend, module.target_config());
    let id = module.declare_anonymous_function(&context.func.signature).ok()?;
    module.define_function(id, context).ok()?;
    Some(id)
}

/// A kernel's words over a population, checked.
///
/// INVARIANT: each word that is an address leads to as many values as the kernel may read by the other words, or by
/// `rows`; these are borrowed or owned by whoever holds this (see [`crate::bind`]).
pub(crate) struct Checked {
    pub words: Vec<u64>,
    /// How many rows there are to walk.
    pub rows: u32,
}

impl Entry {
    /// Runs over rows; both lists of bits get a word for every 64 of them.
    pub(crate) fn run(
        &self,
        checked: &Checked,
        rows: std::ops::Range<u32>,
        holds: &mut [u64],
        asks: &mut [u64],
    ) {
        let count = rows.len();
        let words = count.div_ceil(64);
        assert!(rows.end <= checked.rows, "rows are of the population");
        assert!(holds.len() >= words && asks.len() >= words, "there is room for all bits");
        if count == 0 {
            return;
        }
        let (start, code) = (u64::from(rows.start), &self.code);
        debug_assert!(code.0.lock().is_ok_and(|m| m.is_some()), "code lives while entries do");
        // SAFETY: the function reads `checked` and what it leads to, which is sound by its invariant for rows below
        // `checked.rows`, and writes one word for every 64 rows begun to both lists, for which there is room. It calls
        // nothing, keeps no pointer, and its memory is kept by `self.code`.
        unsafe {
            (self.function)(
                checked.words.as_ptr(),
                start,
                count as u64,
                holds.as_mut_ptr(),
                asks.as_mut_ptr(),
            );
        }
    }
}
