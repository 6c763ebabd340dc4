//! The dictionaries of workload W. Invariant: a value's code is its place in its dictionary.

use std::sync::LazyLock;

/// Attributes whose values stand in a dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Attribute {
    EmploymentType,
    Status,
    Department,
    JobTitle,
    Location,
    Country,
    LegalEntity,
    CostCenter,
}

impl Attribute {
    /// All, in the order of the columns.
    pub const ALL: [Attribute; 8] = [
        Attribute::EmploymentType,
        Attribute::Status,
        Attribute::Department,
        Attribute::JobTitle,
        Attribute::Location,
        Attribute::Country,
        Attribute::LegalEntity,
        Attribute::CostCenter,
    ];

    /// Its name in files and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Attribute::EmploymentType => "employment_type",
            Attribute::Status => "status",
            Attribute::Department => "department",
            Attribute::JobTitle => "job_title",
            Attribute::Location => "location",
            Attribute::Country => "country",
            Attribute::LegalEntity => "legal_entity",
            Attribute::CostCenter => "cost_center",
        }
    }
}

/// Every dictionary.
#[derive(Debug)]
pub struct Words {
    of: [Vec<String>; 8],
    /// Names of skills.
    pub skills: Vec<String>,
}

impl Words {
    /// The values of an attribute.
    pub fn of(&self, attribute: Attribute) -> &[String] {
        &self.of[attribute as usize]
    }

    /// The codes of an attribute's values that begin with a text.
    pub fn beginning(&self, attribute: Attribute, prefix: &str) -> impl Iterator<Item = u16> {
        self.of(attribute).iter().enumerate().filter(move |w| w.1.starts_with(prefix)).map(|w| w.0 as u16)
    }
}

pub(super) const DIVISIONS: [&str; 12] =
    ["eng", "fin", "hr", "ops", "sales", "mkt", "legal", "it", "sup", "rnd", "log", "qa"];
const GRADES: [&str; 5] = ["Junior", "Associate", "Senior", "Lead", "Principal"];
const FUNCTIONS: &str = "Data Software Network Finance Tax Payroll Talent Plant Supply Field Brand Digital Contracts Risk \
                         Cloud Support Research Process Fleet Quality";
const KINDS: &str = "Analyst Engineer Manager Specialist Consultant Architect Administrator Coordinator";
const COUNTRIES: [&str; 30] = [
    "US", "DE", "FR", "GB", "IN", "BR", "JP", "CN", "PL", "CZ", "SK", "AT", "CH", "IT", "ES", "PT", "NL",
    "BE", "SE", "NO", "FI", "DK", "HU", "RO", "BG", "MX", "CA", "AU", "SG", "ZA",
];

/// The dictionaries.
pub fn words() -> &'static Words {
    static WORDS: LazyLock<Words> = LazyLock::new(|| {
        let titles = FUNCTIONS.split_whitespace().flat_map(|function| {
            GRADES.iter().flat_map(move |grade| {
                KINDS.split_whitespace().map(move |kind| format!("{grade} {function} {kind}"))
            })
        });
        let own = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        Words {
            of: [
                own(&["employee", "contractor", "intern", "partner"]),
                own(&["active", "leave", "prehire", "terminated"]),
                (0..200).map(|d| format!("{}-{d:03}", DIVISIONS[d % 12])).collect(),
                titles.collect(),
                (0..150).map(|l| format!("{}-{l:03}", COUNTRIES[l % 30])).collect(),
                own(&COUNTRIES),
                (0..40).map(|e| format!("LE-{}-{e:02}", COUNTRIES[e % 30])).collect(),
                (0..2000).map(|c| format!("CC{c:04}")).collect(),
            ],
            skills: (0..300).map(|s| format!("skill{s:03}")).collect(),
        }
    });
    &WORDS
}
