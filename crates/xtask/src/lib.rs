//! Chores of the workspace: pages of the docs that are made, and what is tested of those that are written.
//! Invariant: nothing here is part of what users run.

pub mod binary;
pub mod check;
pub mod console;
pub mod functions;
pub mod generate;
pub mod links;
pub mod markdown;

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The pages of the docs, README.md and those of the examples, relative to the root, in order.
pub fn pages() -> std::io::Result<Vec<PathBuf>> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    if root.join("README.md").is_file() {
        found.push("README.md".into());
    }
    for example in std::fs::read_dir(root.join("examples"))? {
        let page = Path::new("examples").join(example?.file_name()).join("README.md");
        if root.join(&page).is_file() {
            found.push(page);
        }
    }
    found.sort();
    Ok(found)
}
