//! The `prov` binary that the docs are tested with. Invariant: it is built from this workspace, or named by `PROV_BIN`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The path of the binary: `PROV_BIN`, or a fresh debug build.
///
/// # Errors
/// A message, where it can't be built.
pub fn prov() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("PROV_BIN") {
        return std::path::absolute(path).map_err(|e| e.to_string());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "-p", "prov-cli"])
        .current_dir(crate::root())
        .output()
        .map_err(|e| format!("can't run cargo: {e}"))?;
    if !built.status.success() {
        return Err(format!("prov can't be built:\n{}", String::from_utf8_lossy(&built.stderr)));
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    let path = target.join("debug").join(format!("prov{}", std::env::consts::EXE_SUFFIX));
    if path.is_file() { Ok(path) } else { Err(format!("there is no binary at {}", path.display())) }
}

/// What a command prints to stdout, in a setting without colours, 100 columns wide.
///
/// # Errors
/// A message, where it can't be run.
pub fn output(prov: &Path, args: &[&str]) -> Result<String, String> {
    let out = Command::new(prov)
        .args(args)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .output()
        .map_err(|e| format!("can't run {}: {e}", prov.display()))?;
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}
