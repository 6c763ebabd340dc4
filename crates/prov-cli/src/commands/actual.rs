//! `prov actual`, and how commands write an actual state.

use crate::args::{ActualArgs, ActualCommand, Format};
use crate::output::{Done, Failure, Output, write_file};
use crate::progress::Progress;
use prov::{Actual, PackedState, Policy, is_packed};
use std::path::Path;

pub fn run(args: &ActualArgs, out: &Output) -> Done {
    match &args.command {
        ActualCommand::Pack(args) => {
            if !is_packed(&args.out) {
                return Err(Failure::Message(
                    format!("`{}` is no name of a packed state", args.out.display()),
                    "let it end in `.provstate`: by that `--actual` knows it".into(),
                ));
            }
            let progress = Progress::new(out);
            progress.doing("reading the actual state");
            let packed = Actual::pack(&args.dir)?;
            progress.doing("writing");
            write_file(&args.out, |w| packed.write(w))?;
            drop(progress);
            said(&packed, &args.out, out)
        }
    }
}

fn said(packed: &PackedState, path: &Path, out: &Output) -> Done {
    if out.format() == Format::Human {
        out.say(&format!(
            "wrote {} entitlements of {} identities and {} accounts to {}",
            packed.entitlements,
            packed.identities,
            packed.accounts,
            path.display()
        ));
    }
    Ok(0)
}

/// Writes a state: packed, where the name says so, else as two tables into a folder.
pub fn write(actual: &Actual, policy: &Policy, path: &Path) -> Result<(), Failure> {
    if is_packed(path) {
        let packed = actual.packed(policy);
        return write_file(path, |w| packed.write(w));
    }
    std::fs::create_dir_all(path).map_err(|e| Failure::Write(path.to_owned(), e))?;
    for (name, text) in actual.to_csv(policy) {
        write_file(&path.join(name), |w| w.write_all(text.as_bytes()))?;
    }
    Ok(())
}
