//! Conditions over several attributes: backends say the same, and everything in the workload has a kernel.
//! Invariant: the workload measures kernels, not the interpreter.

use prov::Backend;
use prov_benches::pairs::{Pairs, measure};

#[test]
fn backends_agree_on_conditions_over_several_attributes() {
    for narrow in [false, true] {
        let of = Pairs { people: 500, rules: 24, narrow };
        let backends = [Backend::Interpreter, Backend::Columns, Backend::Jit, Backend::Auto];
        let found = measure(of, &backends, 1, 2).expect("they agree");
        assert_eq!(found.times.len(), backends.len());
        let (conditions, refused) = found.conditions;
        assert!(conditions >= 20, "{conditions} conditions");
        assert_eq!(refused, 0);
    }
}
