//! Templates are written whole or not at all, check without a word, and stand in canonical layout.

use super::*;
use std::collections::BTreeSet;

#[test]
fn a_template_is_written_whole_into_a_new_directory() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("deep/acme");
    let paths = write(Template::Company, &dir).unwrap();
    assert_eq!(paths.len(), Template::Company.files().len());
    assert!(paths.iter().all(|p| p.is_file()));
    let left: Vec<_> = fs::read_dir(dir.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["acme"], "no draft stays behind");
}

#[test]
fn an_empty_directory_is_taken_and_a_full_one_refused() {
    let base = tempfile::tempdir().unwrap();
    write(Template::Minimal, base.path()).unwrap();
    let before = fs::read(base.path().join("acme.prov")).unwrap();
    assert!(matches!(write(Template::Company, base.path()), Err(TemplateError::NotEmpty(_))));
    assert_eq!(fs::read(base.path().join("acme.prov")).unwrap(), before);
    assert!(!base.path().join("apps.prov").exists());
}

#[test]
fn a_file_is_not_a_directory() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("x");
    fs::write(&file, "mine").unwrap();
    assert!(matches!(write(Template::Minimal, &file), Err(TemplateError::NotADirectory(_))));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn names_are_distinct_and_read_back() {
    let names: BTreeSet<_> = Template::ALL.iter().map(|t| t.name()).collect();
    assert_eq!(names.len(), Template::ALL.len());
    assert!(Template::ALL.iter().all(|t| Template::parse(t.name()) == Some(*t)));
}

#[test]
fn every_template_checks_without_a_word() {
    for template in Template::ALL {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join(template.name());
        write(template, &dir).unwrap();
        let loaded = crate::Policy::check(&dir).unwrap();
        assert!(loaded.report.diagnostics.is_empty(), "{}: {:?}", template.name(), loaded.report.diagnostics);
        assert!(loaded.policy.is_some());
    }
}

#[test]
fn every_template_passes_its_tests() {
    for template in Template::ALL {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join(template.name());
        write(template, &dir).unwrap();
        let policy = crate::Policy::load(&dir).unwrap();
        let run = crate::testing::run(&policy, &crate::testing::Options::default());
        assert!(!run.results.is_empty());
        assert!(run.passed(), "{}", crate::testing::human_summary(&policy, &run, false));
    }
}

#[test]
fn every_policy_file_of_a_template_is_in_canonical_layout() {
    for template in Template::ALL {
        for (path, text) in template.files().iter().filter(|(p, _)| p.ends_with(".prov")) {
            assert_eq!(prov_syntax::format(text).as_ref(), Ok(text), "{path}");
        }
    }
}

#[test]
fn the_campus_is_the_example_file_by_file() {
    fn below(root: &Path, dir: &Path, out: &mut BTreeSet<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(root, &path, out);
            } else {
                out.insert(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/campus");
    let mut there = BTreeSet::new();
    below(&root, &root, &mut there);
    let listed: BTreeSet<String> = CAMPUS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(listed, there);
}
