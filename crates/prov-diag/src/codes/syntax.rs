//! Codes of the parser.

use super::{Example::Policy, codes};

codes! {
    SYNTAX = "P0001" Error "this can't be read as policy" {
        "The text does not follow the grammar at this place. Only the item it stands in is skipped: the rest of the file is still read and checked, so that one run shows all there is to mend."
        bad Policy("birthright everyone when state == { grant ad.group(\"all-staff\") }\n"),
        good Policy("birthright everyone when state == active { grant ad.group(\"all-staff\") }\n"),
    }
}
