//! How a program asks a policy: what one person should have, what everyone should have, and why.
//! Run it with `cargo run -p embed`.

use prov::template::{Template, write};
use prov::{Backend, Entitlement, Identity, Policy, Population, Wiring};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A policy is a folder; here it is the template that `prov new` writes.
    let home = tempfile::tempdir()?;
    let folder = home.path().join("acme");
    write(Template::Minimal, &folder)?;
    print!("{}", report(&folder)?);
    Ok(())
}

/// What the policy of a folder says, as text.
fn report(folder: &std::path::Path) -> Result<String, prov::Error> {
    let policy = Policy::load(folder)?;
    let engine = policy.compile(Backend::Auto)?; // Send + Sync, cheap to clone
    let at = policy.at("2026-03-02")?; // time is an input: nothing reads the clock

    // One person, from values that the program has at hand: the columns of the policy's source.
    let zoe = [("id", "E042"), ("name", "Zoë"), ("department", "sales"), ("start", "2024-01-08")];
    let zoe = Identity::from_row(&policy, "person", &zoe)?;
    let one = engine.evaluate_one(&zoe, &at);
    let mut out = format!("{} should have {}\n", one.id(), one.entitlements().join(", "));

    // Everyone, from the file that prov.toml names.
    let people = Population::load(&policy, &Wiring::default(), &at)?;
    let desired = engine.evaluate(&people, &at);
    out += &format!("{} people should have {} entitlements\n", people.len(), desired.len());

    // Why someone holds something.
    let edit = Entitlement::parse(&policy, "crm.profile(\"edit\")")?;
    let why = engine.explain(&people.identity(&policy, "E002")?, Some(&edit), &at);
    Ok(out + &prov::explanation_text(&policy, &why, false))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_report_is_right() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("acme");
        prov::template::write(prov::template::Template::Minimal, &folder).expect("the template is written");
        let report = super::report(&folder).expect("the policy answers");
        let first = r#"E042 should have crm.profile(edit), ldap.group("dept-sales"), ldap.group("staff")"#;
        assert_eq!(report.lines().next(), Some(first));
        assert!(report.contains("8 people should have "), "{report}");
        assert!(report.contains("✓ years between start and today >= 1  [start = 2018-04-16"), "{report}");
    }
}
