//! The formatter: never a panic; what it writes parses, keeps every comment, and is left as it is when formatted again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(once) = prov_syntax::format(text) else { return };
    match prov_syntax::format(&once) {
        Ok(twice) => assert_eq!(once, twice, "formatting is idempotent"),
        Err(e) => panic!("what was formatted does not parse: {}\n{once}", e[0].message),
    }
    assert_eq!(prov_syntax::comments(text).len(), prov_syntax::comments(&once).len(), "comments are kept");
});
