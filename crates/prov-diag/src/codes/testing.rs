//! Codes of tests in the language.

use super::{Example::Policy, Example::Shown, codes};

codes! {
    TEST_ORDER = "P0380" Error "a test out of order" {
        "The statements of a test are carried out in order, and time is an input: `at` says the day before anything happens or is expected, who is changed or expected has been given above, and time only goes forward."
        bad Policy("test \"t\" {\n    given ann = person { status: active, kind: employee, name: \"Ann\", department: \"IT\", start: 2020-01-01 }\n    expect ann state active\n}\n"),
        good Policy("test \"t\" {\n    given ann = person { status: active, kind: employee, name: \"Ann\", department: \"IT\", start: 2020-01-01 }\n    at 2026-03-02\n    expect ann state active\n}\n"),
    }
    MISSING_ATTRIBUTE = "P0381" Error "a record that is not complete" {
        "A person or a row that a test writes out has all that everyone of its type has: every attribute without `?`, but for sets and lists, which are empty where they are left out, and the key of a person, which is then the person's name in the test. To vary someone write `given bob = ann { … }`."
        bad Policy("test \"t\" {\n    given ann = person { status: active, kind: employee, name: \"Ann\", start: 2020-01-01 }\n    at 2026-03-02\n    expect ann state active\n}\n"),
        good Policy("test \"t\" {\n    given ann = person { status: active, kind: employee, name: \"Ann\", department: \"IT\", start: 2020-01-01 }\n    at 2026-03-02\n    expect ann state active\n}\n"),
    }
    EXPECTS_NOTHING = "P0382" Warning "a test that can't fail" {
        "The test has no `expect`: it runs, and whatever the policy does, it passes."
        bad Policy("test \"t\" {\n    given ann = person { status: active, kind: employee, name: \"Ann\", department: \"IT\", start: 2020-01-01 }\n    at 2026-03-02\n}\n"),
        good Policy("test \"t\" {\n    given ann = person { status: active, kind: employee, name: \"Ann\", department: \"IT\", start: 2020-01-01 }\n    at 2026-03-02\n    expect ann has ad\n}\n"),
    }
    EXPECTATION_FAILED = "P0390" Error "an expectation that fails" {
        "What the policy does is not what the test expects. Below the line stands the policy's own explanation of what it did; either the policy is wrong, or the test is."
        bad Shown("expect ann has ad.group(\"sales\")    // and Ann's department is Finance\n"),
        good Shown("expect ann lacks ad.group(\"sales\")\n"),
    }
}
