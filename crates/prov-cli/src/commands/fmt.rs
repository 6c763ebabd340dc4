//! `prov fmt`

use crate::args::FmtArgs;
use crate::output::{Done, Failure, Output, write_file};
use prov::{Error, Report};
use std::io::Write;

pub fn run(args: &FmtArgs, out: &Output) -> Done {
    let mut files = Vec::new();
    for path in &args.paths {
        if path.is_dir() {
            files.extend(prov::policy_files(path)?.into_iter().map(|f| path.join(f)));
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        return Err(Failure::Message(
            "there are no `.prov` files here".into(),
            "name a policy's folder or a file".into(),
        ));
    }
    let (mut changed, mut broken) = (Vec::new(), false);
    for path in files {
        let text =
            std::fs::read_to_string(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        match prov::format_file(&path.display().to_string(), &text) {
            Ok(formatted) if formatted == text => {}
            Ok(formatted) => {
                if !args.check {
                    write_file(&path, |w: &mut dyn Write| w.write_all(formatted.as_bytes()))?;
                }
                changed.push(path);
            }
            Err(report) => {
                broken = true;
                out.report(&Report { ..report });
            }
        }
    }
    for path in &changed {
        out.print(&path.display().to_string())?;
    }
    if args.check && !changed.is_empty() {
        out.say(&format!("{} of these would change; `prov fmt` changes them", changed.len()));
    }
    Ok(u8::from(broken || (args.check && !changed.is_empty())))
}
