//! Codes of the parser.

use super::{Example::Policy, codes};

codes! {
    SYNTAX = "P0001" Error "this can't be read as policy" {
        "The text does not follow the grammar at this place. Only the item it stands in is skipped: the rest of the file is still read and checked, so that one run shows all there is to mend."
        bad Policy("birthright everyone when state == { grant ad.group(\"all-staff\") }\n"),
        good Policy("birthright everyone when state == active { grant ad.group(\"all-staff\") }\n"),
    }
    UNCLOSED = "P0002" Error "a bracket has no partner" {
        "Every `{`, `(` and `[` needs its `}`, `)` or `]`. The message points to the bracket that was left open and to the place by which it should have been closed, usually the line before the next item."
        bad Policy("role crm_user { grant ad.group(\"crm\")\n\nrole erp_user { grant ad.group(\"erp\") }\n"),
        good Policy("role crm_user { grant ad.group(\"crm\") }\n\nrole erp_user { grant ad.group(\"erp\") }\n"),
    }
    BAD_TEXT = "P0003" Error "a text can't be read" {
        "A text stands between double quotes on one line. In it `\\` begins an escape (`\\\"`, `\\\\`, `\\n`, `\\t`, `\\r`, `\\u{e9}`), `{…}` inserts a value, and braces themselves are written twice: `{{` and `}}`. Some texts (reasons, names of tests, patterns) must be known beforehand and take no insertion."
        bad Policy("role crm_user { grant ad.group(\"crm) }\n"),
        good Policy("role crm_user { grant ad.group(\"crm\") }\n"),
    }
    FOREIGN_SIGN = "P0004" Error "a sign that is not part of the language" {
        "Prov writes its logic in words, so that a policy can be read aloud: `and`, `or`, `not` instead of `&&`, `||`, `!`. Texts stand in straight double quotes, comments begin with `//`, and nothing like `;` ends a line."
        bad Policy("role crm_user when kind == employee && level is present { grant ad.group(\"crm\") }\n"),
        good Policy("role crm_user when kind == employee and level is present { grant ad.group(\"crm\") }\n"),
    }
    UNKNOWN_ITEM = "P0005" Error "no item begins with this word" {
        "A file is a sequence of items, and each begins with a word that says what it is: `identity`, `source`, `app`, `birthright`, `role`, `forbid` and so on."
        bad Policy("rule crm_user { grant ad.group(\"crm\") }\n"),
        good Policy("role crm_user { grant ad.group(\"crm\") }\n"),
    }
    MISPLACED = "P0006" Error "this stands in the wrong place" {
        "Some parts stand only inside of others: `grant` and `includes` in a birthright or role, `account` and `entitlement` in an app, `state` in a lifecycle, `expect` in a test. A doc comment `///` stands before what it describes, `//!` only at the head of a file."
        bad Policy("grant ad.group(\"crm\")\n"),
        good Policy("role crm_user { grant ad.group(\"crm\") }\n"),
    }
    CHAINED_COMPARISON = "P0007" Error "comparisons don't chain" {
        "`1 < level < 5` would compare the outcome of `1 < level` with 5. Say both comparisons and join them with `and`, or write a range: `level in 2..4`."
        bad Policy("role crm_user when 1 < (level ?? 0) < 5 { grant ad.group(\"crm\") }\n"),
        good Policy("role crm_user when (level ?? 0) in 2..4 { grant ad.group(\"crm\") }\n"),
    }
    BAD_LITERAL = "P0008" Error "a number, date or time has no value" {
        "Dates are written year-month-day with two digits for month and day and must exist; decimals have digits on both sides of the point, at most four of them behind it; a number and its unit stand apart (`30 days`); whole numbers must fit into 64 bits."
        bad Policy("role crm_user when start < 2026-13-40 { grant ad.group(\"crm\") }\n"),
        good Policy("role crm_user when start < 2026-12-31 { grant ad.group(\"crm\") }\n"),
    }
    RESERVED_NAME = "P0009" Error "this word can't be a name" {
        "A few words mean something wherever a value may stand (`state`, `today`, `now`, `row`, `reports`, `has_reports`, and operators such as `in`), so nothing that is read by its bare name may be called like them. Most keywords can be names: an entitlement may be called `role`."
        bad Policy("let today = 2026-01-01\n"),
        good Policy("let opening_day = 2026-01-01\n"),
    }
    CLAUSE_ORDER = "P0010" Error "a clause is repeated or out of order" {
        "Clauses come in one order, each at most once, so that every policy reads alike. A grant's are `as`, `when`, `from`, `until` or `through`, `keep`. To grant under two conditions, write two grants or join the conditions with `or`."
        bad Policy("role crm_user { grant ad.group(\"crm\") when kind == employee when status == active }\n"),
        good Policy("role crm_user { grant ad.group(\"crm\") when kind == employee and status == active }\n"),
    }
    TOO_DEEP = "P0011" Error "too deeply nested to be read" {
        "Brackets may stand in each other 64 deep, and an expression may grow to about 250 operators. Nobody can review more, and the bound keeps hostile files from harming the reader. Name parts with `let`, or use `x in [a, b, c]`."
        bad Policy("let x = ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))\n"),
        good Policy("let x = (1)\n"),
    }
    NON_ASCII_NAME = "P0012" Error "a name has letters outside of ASCII" {
        "Names are written with a–z, A–Z, 0–9 and `_`, and do not begin with a digit: many letters of other scripts look like these, and two names that look alike must be the same. Texts may hold any letters."
        bad Policy("role écoles { grant ad.group(\"écoles\") }\n"),
        good Policy("role ecoles { grant ad.group(\"écoles\") }\n"),
    }
    SINGLE_EQUALS = "P0013" Error "`=` gives a value, `==` compares" {
        "One `=` stands between a field and its value. Two values are compared with `==`."
        bad Policy("role crm_user when kind = employee { grant ad.group(\"crm\") }\n"),
        good Policy("role crm_user when kind == employee { grant ad.group(\"crm\") }\n"),
    }
}
