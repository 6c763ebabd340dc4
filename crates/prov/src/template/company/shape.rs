//! The company's shape: departments with their sizes and titles, sites, and what is added to them by chance.
//! Invariant: names of departments and sites are those of the template's tables.

/// A department.
pub(super) struct Department {
    pub(super) name: &'static str,
    /// Its code in the table.
    pub(super) code: &'static str,
    /// How many people, about.
    pub(super) size: usize,
    /// How many of a hundred sit in France, Germany, the United States.
    pub(super) countries: [usize; 3],
    /// Titles with weight and the grades they come in.
    pub(super) titles: &'static [(&'static str, usize, u8, u8)],
    /// The title of those who lead a team.
    pub(super) lead: &'static str,
    /// The title of who leads it all.
    pub(super) head: &'static str,
    /// How many of a hundred are contractors, and interns.
    pub(super) others: [usize; 2],
    /// How many report to one, about.
    pub(super) span: usize,
    /// Groups that come with it, as in the table.
    pub(super) groups: &'static [&'static str],
}

/// Departments in order of the table.
pub(super) const DEPARTMENTS: &[Department] = &[
    Department {
        name: "Engineering",
        code: "eng",
        size: 255,
        countries: [45, 30, 25],
        span: 8,
        others: [14, 4],
        titles: &[
            ("Software Engineer", 50, 2, 3),
            ("Senior Software Engineer", 26, 4, 4),
            ("Staff Software Engineer", 6, 5, 5),
            ("Test Engineer", 10, 2, 3),
            ("Engineer, Embedded Systems", 8, 2, 4),
            ("Technical Writer", 4, 2, 3),
        ],
        lead: "Engineering Manager",
        head: "VP Engineering",
        groups: &["dept-eng", "dept-product-builders"],
    },
    Department {
        name: "Product",
        code: "prd",
        size: 58,
        countries: [50, 20, 30],
        span: 7,
        others: [8, 4],
        titles: &[
            ("Product Manager", 40, 3, 5),
            ("Product Designer", 35, 2, 4),
            ("User Researcher", 12, 2, 4),
            ("Product Analyst", 13, 2, 3),
        ],
        lead: "Group Product Manager",
        head: "VP Product",
        groups: &["dept-prd", "dept-product-builders"],
    },
    Department {
        name: "Research",
        code: "res",
        size: 46,
        countries: [60, 40, 0],
        span: 8,
        others: [4, 12],
        titles: &[
            ("Research Scientist", 45, 3, 5),
            ("Research Engineer", 30, 2, 4),
            ("Lab Technician", 25, 1, 2),
        ],
        lead: "Research Lead",
        head: "VP Research",
        groups: &["dept-res"],
    },
    Department {
        name: "Information Technology",
        code: "it",
        size: 62,
        countries: [40, 35, 25],
        span: 7,
        others: [20, 3],
        titles: &[
            ("Site Reliability Engineer", 25, 3, 5),
            ("Systems Administrator", 25, 2, 4),
            ("Service Desk Analyst", 30, 1, 3),
            ("Security Analyst", 12, 3, 4),
            ("Business Applications Analyst", 8, 2, 4),
        ],
        lead: "IT Manager",
        head: "Chief Information Officer",
        groups: &["dept-it", "dept-shared-services"],
    },
    Department {
        name: "Sales",
        code: "sal",
        size: 172,
        countries: [35, 30, 35],
        span: 8,
        others: [3, 2],
        titles: &[
            ("Account Executive", 40, 2, 4),
            ("Sales Development Representative", 28, 1, 2),
            ("Account Manager", 18, 2, 4),
            ("Sales Engineer", 9, 3, 5),
            ("Sales Operations Analyst", 5, 2, 3),
        ],
        lead: "Regional Sales Manager",
        head: "Chief Revenue Officer",
        groups: &["dept-sal", "dept-go-to-market"],
    },
    Department {
        name: "Customer Success",
        code: "cs",
        size: 104,
        countries: [35, 35, 30],
        span: 9,
        others: [6, 2],
        titles: &[
            ("Customer Success Manager", 40, 2, 4),
            ("Support Specialist", 42, 1, 3),
            ("Implementation Consultant", 18, 3, 4),
        ],
        lead: "Support Team Lead",
        head: "VP Customer Success",
        groups: &["dept-cs", "dept-go-to-market"],
    },
    Department {
        name: "Marketing",
        code: "mkt",
        size: 56,
        countries: [45, 25, 30],
        span: 7,
        others: [10, 8],
        titles: &[
            ("Marketing Manager", 30, 3, 4),
            ("Content Strategist", 25, 2, 3),
            ("Growth Analyst", 20, 2, 3),
            ("Events Coordinator", 25, 1, 2),
        ],
        lead: "Marketing Lead",
        head: "Chief Marketing Officer",
        groups: &["dept-mkt", "dept-go-to-market"],
    },
    Department {
        name: "Finance",
        code: "fin",
        size: 66,
        countries: [50, 25, 25],
        span: 7,
        others: [5, 4],
        titles: &[
            ("Accountant", 32, 2, 3),
            ("Senior Accountant", 18, 4, 4),
            ("Payables Specialist", 18, 1, 2),
            ("Controller", 14, 4, 5),
            ("Financial Analyst", 18, 2, 4),
        ],
        lead: "Finance Manager",
        head: "Chief Financial Officer",
        groups: &["dept-fin", "dept-shared-services"],
    },
    Department {
        name: "Purchasing",
        code: "pur",
        size: 24,
        countries: [50, 50, 0],
        span: 8,
        others: [0, 4],
        titles: &[("Buyer", 60, 2, 4), ("Vendor Manager", 25, 3, 4), ("Purchasing Assistant", 15, 1, 2)],
        lead: "Purchasing Lead",
        head: "Director Purchasing",
        groups: &["dept-pur"],
    },
    Department {
        name: "Operations",
        code: "ops",
        size: 148,
        countries: [40, 60, 0],
        span: 14,
        others: [8, 2],
        titles: &[
            ("Operator", 58, 1, 1),
            ("Line Lead", 10, 2, 2),
            ("Maintenance Technician", 16, 1, 2),
            ("Production Planner", 8, 2, 3),
            ("Quality Specialist", 8, 2, 3),
        ],
        lead: "Shift Supervisor",
        head: "VP Operations",
        groups: &["dept-ops"],
    },
    Department {
        name: "Logistics",
        code: "log",
        size: 72,
        countries: [30, 50, 20],
        span: 12,
        others: [10, 0],
        titles: &[
            ("Warehouse Associate", 55, 1, 1),
            ("Forklift Driver", 20, 1, 1),
            ("Logistics Coordinator", 25, 2, 3),
        ],
        lead: "Warehouse Manager",
        head: "Director Logistics",
        groups: &["dept-log"],
    },
    Department {
        name: "People",
        code: "ppl",
        size: 44,
        countries: [45, 30, 25],
        span: 7,
        others: [4, 4],
        titles: &[
            ("People Partner", 40, 3, 4),
            ("Recruiter", 25, 2, 3),
            ("Payroll Specialist", 20, 2, 3),
            ("Learning Specialist", 15, 2, 3),
        ],
        lead: "People Lead",
        head: "Chief People Officer",
        groups: &["dept-ppl", "dept-shared-services"],
    },
    Department {
        name: "Legal",
        code: "leg",
        size: 20,
        countries: [50, 20, 30],
        span: 8,
        others: [0, 8],
        titles: &[
            ("Legal Counsel", 60, 4, 5),
            ("Paralegal", 25, 2, 3),
            ("Data Protection Officer", 15, 5, 5),
        ],
        lead: "Lead Counsel",
        head: "General Counsel",
        groups: &["dept-leg", "dept-shared-services"],
    },
    Department {
        name: "Facilities",
        code: "fac",
        size: 26,
        countries: [40, 35, 25],
        span: 9,
        others: [12, 0],
        titles: &[
            ("Receptionist", 40, 1, 1),
            ("Facilities Coordinator", 35, 1, 3),
            ("Workplace Manager", 25, 3, 4),
        ],
        lead: "Facilities Lead",
        head: "Director Workplace",
        groups: &["dept-fac"],
    },
    Department {
        name: "Executive",
        code: "exe",
        size: 5,
        countries: [100, 0, 0],
        span: 9,
        others: [0, 0],
        titles: &[("Chief of Staff", 40, 5, 5), ("Executive Assistant", 60, 2, 3)],
        lead: "Chief of Staff",
        head: "Chief Executive Officer",
        groups: &["dept-exe"],
    },
];

/// Sites: name, code, city, country, weight within the country. Operations and Logistics sit at [`PLANTS`].
pub(super) const SITES: &[(&str, &str, &str, usize, usize)] = &[
    ("Paris, La Défense", "par", "Paris", 0, 62),
    ("Lyon, Part-Dieu", "lyo", "Lyon", 0, 38),
    ("München", "muc", "München", 1, 55),
    ("Berlin Mitte", "ber", "Berlin", 1, 45),
    ("New York, NY", "nyc", "New York", 2, 60),
    ("Austin, TX", "aus", "Austin", 2, 40),
    ("Villefranche-sur-Saône", "vil", "Villefranche-sur-Saône", 0, 0),
    ("Nürnberg Hafen", "nue", "Nürnberg", 1, 0),
];

/// Where there are machines and shelves, by country.
pub(super) const PLANTS: [usize; 3] = [6, 7, 5];

/// Countries as HR writes them.
pub(super) const COUNTRIES: [&str; 3] = ["FR", "DE", "US"];

/// Titles of those without a desk; the policy lists the same.
pub(super) const FLOOR: &[&str] = &[
    "Operator",
    "Line Lead",
    "Maintenance Technician",
    "Warehouse Associate",
    "Forklift Driver",
    "Receptionist",
];

/// The number of a department.
pub(super) fn department(name: &str) -> usize {
    DEPARTMENTS.iter().position(|d| d.name == name).expect("the names are those of the table above")
}
