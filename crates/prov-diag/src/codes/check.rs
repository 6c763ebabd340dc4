//! Codes of names, types, presence, items and dependencies.

use super::{Example::Policy, codes};

codes! {
    UNKNOWN_NAME = "P0101" Error "a name that nothing declares" {
        "The name stands for nothing at this place. Names are those of the identity's attributes, of lets, tables, apps, roles and, inside their own text, of loop variables and parameters. Text stands in quotes. The names of a whole policy are visible in all of its files; names of the standard library need a `use`."
        bad Policy("birthright b when departmnt == \"Sales\" { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when department == \"Sales\" { grant ad.group(\"a\") }\n"),
    }
    DUPLICATE_NAME = "P0102" Error "a name declared twice" {
        "Two items, attributes, states or guards share a name, so that a reader could not tell which is meant. One name means one thing in the whole policy, whatever file it stands in."
        bad Policy("role sales { grant ad.group(\"a\") }\nrole sales { grant ad.group(\"b\") }\n"),
        good Policy("role sales { grant ad.group(\"a\") }\nrole sales_lead { grant ad.group(\"b\") }\n"),
    }
    UNKNOWN_MODULE = "P0103" Error "a module that does not exist" {
        "`use` names a module of the standard library (`std.dates`, `std.ldap`, `std.lifecycle`, `std.naming`, `std.scim`, `std.text`) or a file of the policy, its path below the policy's folder joined by dots."
        bad Policy("use std.nameing.{slug}\nbirthright b when true { grant ad.group(slug(department)) }\n"),
        good Policy("use std.naming.{slug}\nbirthright b when true { grant ad.group(slug(department)) }\n"),
    }
    UNKNOWN_IMPORT = "P0104" Error "a name that the module does not have" {
        "The module exists, the name in it does not."
        bad Policy("use std.naming.{slugg}\nbirthright b when true { grant ad.group(\"a\") }\n"),
        good Policy("use std.naming.{slug}\nbirthright b when true { grant ad.group(slug(name)) }\n"),
    }
    IMPORT_CYCLE = "P0105" Error "modules that use each other" {
        "Two or more files `use` each other in a circle. Declarations of one policy see each other without `use`, so one of them can simply be taken away."
        bad Policy("use main.{a}\nrole a { grant ad.group(\"a\") }\n"),
        good Policy("role a { grant ad.group(\"a\") }\n"),
    }
    UNKNOWN_TYPE = "P0107" Error "a type that does not exist" {
        "Types are `bool`, `int`, `decimal`, `string`, `text`, `date`, `instant`, `duration`, `elapsed`, `enum(…)`, `set of T`, `list of RECORD`, a record's or an identity's name, each with `?` where it may be absent. A set holds plain values, a list records."
        bad Policy("record job { title: varchar }\n"),
        good Policy("record job { title: string }\n"),
    }
    NOT_A_VALUE = "P0108" Error "a name of another kind" {
        "The name exists but stands for something else than is needed here: a role is asked for with `has`, a table is looked up with `t[key]`, a function is called."
        bad Policy("role lead when level is present { grant ad.group(\"leads\") }\nbirthright b when lead { grant ad.group(\"a\") }\n"),
        good Policy("role lead when level is present { grant ad.group(\"leads\") }\nbirthright b when has lead { grant ad.group(\"a\") }\n"),
    }
    RECURSION = "P0109" Error "a function or let that leads back to itself" {
        "Every evaluation of a policy ends; so functions and lets can't be recursive, not even through each other. The message shows the way round."
        bad Policy("fn f(n: int): int = f(n) + 1\nbirthright b when f(1) == 2 { grant ad.group(\"a\") }\n"),
        good Policy("fn f(n: int): int = n + 1\nbirthright b when f(1) == 2 { grant ad.group(\"a\") }\n"),
    }
    UNKNOWN_FUNCTION = "P0110" Error "a function that does not exist here" {
        "The function is neither built in, nor declared with `fn`, nor brought in with `use`."
        bad Policy("birthright b when true { grant ad.group(slug(name)) }\n"),
        good Policy("use std.naming.{slug}\nbirthright b when true { grant ad.group(slug(name)) }\n"),
    }
    TYPE_MISMATCH = "P0201" Error "a value of the wrong type" {
        "No type turns into another by itself, with two exceptions: a `string` may stand where `text` is wanted, and an enum's variant is known by its bare name where that enum is expected. Convert with `int(…)`, `decimal(…)`, `date(…)`, `string(…)`, `text(…)`."
        bad Policy("birthright b when status == \"active\" { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when status == active { grant ad.group(\"a\") }\n"),
    }
    UNKNOWN_FIELD = "P0202" Error "a field that does not exist" {
        "The record, identity or account has no such field."
        bad Policy("birthright b when manager is present and manager.departement == \"IT\" { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when manager is present and manager.department == \"IT\" { grant ad.group(\"a\") }\n"),
    }
    WRONG_ARGUMENTS = "P0203" Error "a call with the wrong arguments" {
        "A function or an entitlement is given too few or too many values, or one of the wrong type."
        bad Policy("birthright b when length(name, 3) > 2 { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when length(name) > 2 { grant ad.group(\"a\") }\n"),
    }
    UNKNOWN_VARIANT_NAME = "P0204" Error "a value that the enum does not have" {
        "An enum has exactly the values that its type lists. A slip of the keys would otherwise make a condition that never holds."
        bad Policy("birthright b when status == activ { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when status == active { grant ad.group(\"a\") }\n"),
    }
    NOT_EXHAUSTIVE = "P0205" Error "a match that forgets a value" {
        "A `match` gives a value whatever comes; so it must list every variant of an enum, both truths of a bool, `absent` where the value may be absent, or end with `_ => …`."
        bad Policy("birthright b when true { grant ad.group(match kind { employee => \"staff\" }) }\n"),
        good Policy("birthright b when true { grant ad.group(match kind { employee => \"staff\", contractor => \"extern\" }) }\n"),
    }
    BAD_PATTERN = "P0206" Error "a pattern that can't be read" {
        "Globs know `*`, `?`, `[a-z]`, `[!a-z]` and `\\` before a character. Regexes have Rust's syntax, which runs in linear time: no look-around and no back-references. Patterns of days and instants are those of strftime; one by which no day can be read (it has no year, or a letter that means nothing) would reject every row."
        bad Policy("birthright b when name matches /(/ { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when name matches /^A/ { grant ad.group(\"a\") }\n"),
    }
    AND_OR_MIXED = "P0207" Error "`and` and `or` without parentheses" {
        "Programmers read `a or b and c` one way, auditors often the other. A policy must have one reading: put parentheses around what belongs together."
        bad Policy("birthright b when status == active and kind == employee or department == \"IT\" { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when (status == active and kind == employee) or department == \"IT\" { grant ad.group(\"a\") }\n"),
    }
    CONSTANT_OVERFLOW = "P0208" Error "a constant that does not fit" {
        "Integers have 64 bits, durations reach a few million years. Constants beyond that are refused where they stand; sums of data that overflow stop at the end of the range."
        bad Policy("birthright b when level is present and level > 9223372036854775807 + 1 { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when level is present and level > 9 + 1 { grant ad.group(\"a\") }\n"),
    }
    BAD_OPERANDS = "P0209" Error "an operator between values it is not defined for" {
        "Numbers of one type are added and compared, texts joined and searched, sets asked with `contains`, dates moved by calendar durations. Everything else is refused rather than guessed."
        bad Policy("birthright b when start + 3 < today { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when start + 3 days < today { grant ad.group(\"a\") }\n"),
    }
    UNREACHABLE_ARM = "P0210" Error "an arm that is never reached" {
        "An arm before it already matches everything that it would."
        bad Policy("birthright b when true { grant ad.group(match kind { _ => \"staff\", contractor => \"extern\" }) }\n"),
        good Policy("birthright b when true { grant ad.group(match kind { contractor => \"extern\", _ => \"staff\" }) }\n"),
    }
    NOT_CONSTANT = "P0211" Error "something computed where a constant is needed" {
        "Patterns of a `match` and values of a `forbid` are constants, so that the checker can compare them."
        bad Policy("forbid ad.group(upper(\"x\")) when kind == contractor because \"A-1\"\n"),
        good Policy("forbid ad.group(\"X\") when kind == contractor because \"A-1\"\n"),
    }
    MIXED_DURATION = "P0212" Error "calendar and clock mixed" {
        "A day has 23, 24 or 25 hours, so calendar durations (days, weeks, months, years) and clock durations (hours, minutes, seconds) are different types. Dates are counted and moved in calendar units."
        bad Policy("birthright b when hours between start and today > 5 { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when days between start and today > 5 { grant ad.group(\"a\") }\n"),
    }
    NEVER_HOLDS = "P0213" Warning "a condition that never holds" {
        "As it stands, the condition can't be true for anyone."
        bad Policy("birthright b when level is present and level in 9..5 { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when level is present and level in 5..9 { grant ad.group(\"a\") }\n"),
    }
    MAYBE_ABSENT = "P0250" Error "a value that may be absent" {
        "Some people have no such value. In other systems a comparison with nothing is quietly false, and its negation quietly true; that has granted access to whole companies by accident. So Prov asks you to settle it: `level is present and level >= 5`, or with a default, `(level ?? 0) >= 5`. What is known to be present stays known in what follows: through `and`, `if`, `match`, the `when` of the rule into its grants, and earlier states of a lifecycle."
        bad Policy("birthright b when level >= 5 { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when level is present and level >= 5 { grant ad.group(\"a\") }\n"),
    }
    NEVER_ABSENT = "P0251" Warning "a test for presence of what is always there" {
        "The value has a type without `?`: everyone has one, or their row is rejected. The test says nothing. A set is always there, perhaps empty."
        bad Policy("birthright b when department is present { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when level is present { grant ad.group(\"a\") }\n"),
    }
    NO_IDENTITY = "P0301" Error "a policy without people" {
        "A policy speaks of identities: declare at least one `identity` with its attributes."
        bad Policy("// no identity\nlet x = 1\n"),
        good Policy("birthright b when true { grant ad.group(\"a\") }\n"),
    }
    BAD_KEY = "P0302" Error "no usable key" {
        "Exactly one attribute of an identity, and one column of a table, is the key. An identity's key is what memory, accounts and plans know a person by: a personnel number, never reused, not a name or a mail address."
        bad Policy("table t(department: text, group: text)\n"),
        good Policy("table t(department: text key, group: text)\n"),
    }
    SAY_FOR_WHOM = "P0303" Error "a rule that does not say for whom" {
        "Where a policy has several identity types, each rule, account and forbid says for which it is: `for guest`."
        bad Policy("identity person { id : string key }\nidentity guest { id : string key }\nsource a of person authoritative {}\nsource b of guest authoritative {}\napp x via file { entitlement k(text) }\nbirthright everyone when true { grant x.k(\"v\") }\n"),
        good Policy("identity person { id : string key }\nidentity guest { id : string key }\nsource a of person authoritative {}\nsource b of guest authoritative {}\napp x via file { entitlement k(text) }\nbirthright everyone for guest when true { grant x.k(\"v\") }\n"),
    }
    LIFECYCLE_NOT_COVERED = "P0304" Error "a lifecycle in which someone may be in no state" {
        "Everyone is in the first state whose condition holds; so one must always hold. End with `state NAME otherwise`, or list every variant of an enum."
        bad Policy("identity p { id : string key  on : bool }\nsource s of p authoritative {}\nlifecycle p { state gone when not on { leaver } }\n"),
        good Policy("identity p { id : string key  on : bool }\nsource s of p authoritative {}\nlifecycle p { state gone when not on { leaver }  state here otherwise }\n"),
    }
    UNREACHABLE_STATE = "P0305" Error "a state that nobody can be in" {
        "The states before it already take everyone. Order matters in a lifecycle: the first state that holds is the one."
        bad Policy("identity p { id : string key  on : bool }\nsource s of p authoritative {}\nlifecycle p { state here otherwise  state gone when not on { leaver } }\n"),
        good Policy("identity p { id : string key  on : bool }\nsource s of p authoritative {}\nlifecycle p { state gone when not on { leaver }  state here otherwise }\n"),
    }
    LEAVER_KEEPS = "P0306" Error "a leaver who keeps entitlements" {
        "`leaver` means that the person has left: every entitlement goes at once. For a leave of absence write a state without `leaver`, with `disable accounts  keep entitlements`."
        bad Policy("identity p { id : string key  on : bool }\nsource s of p authoritative {}\nlifecycle p { state gone when not on { leaver  keep entitlements }  state here otherwise }\n"),
        good Policy("identity p { id : string key  on : bool }\nsource s of p authoritative {}\nlifecycle p { state gone when not on { disable accounts  keep entitlements }  state here otherwise }\n"),
    }
    BAD_VERB = "P0307" Error "verbs of a state that contradict each other" {
        "A state says each thing once: one `disable accounts`, one `delete accounts`, either `keep` or `drop entitlements`; a second one names other apps with `in APP`. Only disabling and deleting can wait (`after 30 days`)."
        bad Policy("identity p { id : string key  on : bool }\nsource s of p authoritative {}\nlifecycle p { state gone when not on { disable accounts  disable accounts after 3 days }  state here otherwise }\n"),
        good Policy("identity p { id : string key  on : bool }\nsource s of p authoritative {}\nlifecycle p { state gone when not on { disable accounts after 3 days }  state here otherwise }\n"),
    }
    LEAVER_BY_ACCIDENT = "P0308" Error "a leaver by accident" {
        "In a source's mapping a catch-all (`_`, `else`) may not lead to a value that makes someone a leaver: a new or misspelt value in the feed would lock people out. List the values that mean leaving. A row with another value is then rejected, and the person held as they are."
        bad Policy("identity p { id : string key  status : enum(active, gone) }\nsource s of p authoritative { status = match row.Status { \"A\" => active, _ => gone } }\nlifecycle p { state left when status == gone { leaver }  state here otherwise }\n"),
        good Policy("identity p { id : string key  status : enum(active, gone) }\nsource s of p authoritative { status = match row.Status { \"A\" => active, \"T\" => gone } }\nlifecycle p { state left when status == gone { leaver }  state here otherwise }\n"),
    }
    MISSING_IS_NO_LEAVER = "P0309" Error "`missing means` a state that is no leaver state" {
        "Who is missing from every authoritative source is held as they are, unless the source says `missing means STATE`; that state must be one with `leaver`."
        bad Policy("identity p { id : string key  on : bool }\nsource s of p authoritative missing means here {}\nlifecycle p { state gone when not on { leaver }  state here otherwise }\n"),
        good Policy("identity p { id : string key  on : bool }\nsource s of p authoritative missing means gone {}\nlifecycle p { state gone when not on { leaver }  state here otherwise }\n"),
    }
    UNKNOWN_WORD = "P0310" Error "a word that this clause does not know" {
        "The clause takes one of a few words: `via scim`, `@severity(high)`, `guard revokes` …"
        bad Policy("app crm via sftp { entitlement role(text) }\n"),
        good Policy("app crm via file { entitlement role(text) }\n"),
    }
    NO_ACCOUNT = "P0311" Error "an account that is not there, or not first" {
        "An attribute of an account in another app is read as `ad.mail`, and only by `account from ad`: that puts the account in `ad` first and makes sure that there is one. An account's first attribute is its name in the app."
        bad Policy("app crm via file { account { user = ad.login }  entitlement role(text) }\n"),
        good Policy("app crm via file { account from ad { user = ad.login }  entitlement role(text) }\n"),
    }
    BAD_ENTITLEMENT = "P0312" Error "an entitlement that can't be" {
        "An entitlement's value is one or more plain values (`text`, `string`, `int`, `enum(…)` …). `highest wins` needs exactly one, of a type with an order: an enum, `int`, `decimal` or `date`."
        bad Policy("app crm via file { entitlement role(text) highest wins }\n"),
        good Policy("app crm via file { entitlement role(enum(reader, writer)) highest wins }\n"),
    }
    BAD_LIMIT = "P0313" Error "a limit that makes no sense" {
        "A guard's limit is a share (`5%`), a whole number (`20`) or the greater of several (`max(20, 1% of people)`). Rows of a source are compared with the last run by a share, or with a number. A column may be empty in a share or number of rows, and a feed is at most a length of time old (`26 hours`). A guard `of` an entitlement has its app from there, and takes neither `in APP` nor `per app`."
        bad Policy("guard revokes at most 500%\n"),
        good Policy("guard revokes at most 5% of accounts per app\n"),
    }
    NOT_ALLOWED_HERE = "P0314" Error "something that has no meaning at this place" {
        "`row` is read only in sources, `state` and `has` not where they would decide themselves (in lifecycles and sources), records are written out only in tests, and a person's key never changes there."
        bad Policy("birthright b when row.x is present { grant ad.group(\"a\") }\n"),
        good Policy("birthright b when level is present { grant ad.group(\"a\") }\n"),
    }
    SOURCE_ROLE = "P0315" Error "a source that says not what it is for" {
        "An `authoritative` source says which identities there are; another one `joins` them by an attribute and brings more of them. Each must say which."
        bad Policy("identity p { id : string key }\nsource s of p {}\n"),
        good Policy("identity p { id : string key }\nsource s of p authoritative {}\n"),
    }
    NO_SOURCE = "P0316" Warning "an identity without a source" {
        "Nothing says where records of this type come from, so that there will be none when the policy is planned."
        bad Policy("identity p { id : string key }\n"),
        good Policy("identity p { id : string key }\nsource s of p authoritative {}\n"),
    }
    REFERENCE_NOT_OPTIONAL = "P0317" Error "a reference that is not optional" {
        "A reference holds another identity's key. Keys of people who left, or typed wrong, lead to nobody; so a reference may always be absent, and its type ends in `?`."
        bad Policy("identity p { id : string key  boss : p }\nsource s of p authoritative {}\n"),
        good Policy("identity p { id : string key  boss : p? }\nsource s of p authoritative {}\n"),
    }
    BAD_TIMEZONE = "P0318" Error "a time zone that does not exist" {
        "Zones have the names of the IANA database, such as `Europe/Paris` or `America/New_York`."
        bad Policy("timezone \"Paris\"\n"),
        good Policy("timezone \"Europe/Paris\"\n"),
    }
    NOT_IN_CATALOG = "P0319" Error "a value that the catalog does not have" {
        "The kind of entitlement is declared with `catalog`: its values come from a list, and one outside of it would be a grant of something that does not exist. Correct the value, or add it to the catalog's file (named under `[catalogs]` in prov.toml)."
        bad Policy("app crm via file { entitlement role(text) catalog }\nbirthright b when true { grant crm.role(\"raeder\") }\n"),
        good Policy("app crm via file { entitlement role(text) catalog }\nbirthright b when true { grant crm.role(\"reader\") }\n"),
    }
    EMPTY_RULE = "P0320" Warning "a rule that gives nothing" {
        "The birthright or role has no grant and includes no role."
        bad Policy("role nothing when status == active { }\n"),
        good Policy("role something when status == active { grant ad.group(\"a\") }\n"),
    }
    SEVERAL_SOURCES = "P0321" Error "an attribute that several sources give" {
        "Where two sources give one attribute, the policy must say which counts: `site : text? prefer badges, hr`. The first that gives something counts; the next is asked only where it gives nothing. A source gives what it maps. What no source maps comes from the columns of the same name in the authoritative sources."
        bad Policy("identity p { id : string key  site : text? }\nsource hr of p authoritative { site = row.Office }\nsource badges of p joins id { site = row.Building }\n"),
        good Policy("identity p { id : string key  site : text? prefer badges, hr }\nsource hr of p authoritative { site = row.Office }\nsource badges of p joins id { site = row.Building }\n"),
    }
    NOT_FROM_ALL = "P0322" Error "an attribute that some would lack" {
        "An attribute without `?` is always there. It must come from every authoritative source of its type, since an identity may be known to one of them only; a source that joins may have no row of someone."
        bad Policy("identity p { id : string key  site : text }\nsource hr of p authoritative {}\nsource badges of p joins id { site = row.Building }\n"),
        good Policy("identity p { id : string key  site : text? }\nsource hr of p authoritative {}\nsource badges of p joins id { site = row.Building }\n"),
    }
    MISSING_NEVER_ENDS = "P0323" Warning "`missing means` that never acts" {
        "Who is missing is absent from every authoritative source of their type. They end only if each of those sources says `missing means …`; the one that waits longest counts. One that does not say it keeps them, so that the others' word never acts."
        bad Policy("identity p { id : string key }\nsource hr of p authoritative missing means gone {}\nsource agency of p authoritative {}\nlifecycle p { state gone when id == \"\" { leaver }  state here otherwise }\n"),
        good Policy("identity p { id : string key }\nsource hr of p authoritative missing means gone {}\nsource agency of p authoritative missing means gone after 7 days {}\nlifecycle p { state gone when id == \"\" { leaver }  state here otherwise }\n"),
    }
    BAD_PARAMETER = "P0324" Error "a role whose parameters can't be" {
        "A role with parameters is one role for each list of arguments: `ward_nurse(\"A3\")`. A parameter is a plain value that is always there, so that rows of `assignments` can say it. Such a role has no `when`: a condition says who has a role, but not with which arguments.\n\nGive the role by hand (`requestable`), or include it with its arguments from a role that has a condition."
        bad Policy("role ward(w: text) when state == active { grant ad.group(\"ward-{w}\") }\n"),
        good Policy("role ward(w: text) { grant ad.group(\"ward-{w}\") }\nrole nurse when state == active { includes ward(department) }\n"),
    }
    BAD_STAGE = "P0326" Error "something that can't be observed" {
        "`@stage(observe)` is for what gives or withholds by itself: birthrights, roles, single grants, forbids and separations. It is computed, and a plan shows what it would do, but it is not applied. What stands against plans (`guard`, `protect`), lifecycles and accounts have no such stage: half a lifecycle is none. An app is observed by its mode `report`.\n\nThe one stage is `observe`; take the annotation away to apply what stands behind it."
        bad Policy("@stage(observe)\nguard revokes at most 5%\nbirthright b when status == active { grant ad.group(\"a\") }\n"),
        good Policy("@stage(observe)\nbirthright b when status == active { grant ad.group(\"a\") }\n"),
    }
    BAD_WRITEBACK = "P0331" Error "a write-back that can't be" {
        "`writeback SOURCE { attribute = app.attribute }` sends a value that is born in an app, such as a mail address, back to a source. Left stands an attribute of the source's identity type, one plain value and not the key; right an attribute of an app's account."
        bad Policy("writeback hr { name = \"x\" }\n"),
        good Policy("writeback hr { name = ad.login }\n"),
    }
    UNIQUE_NAME = "P0330" Error "a unique name out of its place" {
        "`unique(base, max: n)` is the whole value of an attribute of an account: a name that is given once, remembered, and nobody else's in that app. All names are given at once, in order of start, type and key, before any of them is read; so neither the condition of an account nor the base of a name may read another name. `rename on change` stands behind a unique name only: every other attribute follows what it is computed from anyway."
        bad Policy("app wiki via file { account { mail = \"{unique(id, max: 20)}@acme.example\" } }\n"),
        good Policy("app wiki via file { account { login = unique(id, max: 20)  mail = \"{login}@acme.example\" } }\n"),
    }
    BAD_SEPARATION = "P0350" Error "a separation that can't be meant" {
        "A separation names two sides, or several, that nobody may hold together. A role or a value that is on two sides would be kept apart from itself: whoever holds it would lose it. Values that the policy spells out, in patterns and in grants, are checked; a computed value that turns out to be on two sides hits the separation alone. `any N of […]` takes an N from 2 to the length of the list."
        bad Policy("separate ad.group(\"pay\") from ad.group(matches \"pa*\") because \"SOX-7\"\n"),
        good Policy("separate ad.group(\"pay\") from ad.group(matches \"order-*\") because \"SOX-7\"\n"),
    }
    NO_REASON = "P0351" Warning "access is withheld without a reason" {
        "Whoever loses access by a separation is told why, in plans and in explanations. `because \"…\"` is that text: the rule of the auditor, or the risk."
        bad Policy("separate ad.group(\"create-vendor\") from ad.group(\"pay-vendor\")\n"),
        good Policy("separate ad.group(\"create-vendor\") from ad.group(\"pay-vendor\") because \"SOX-7\"\n"),
    }
    UNTIMELY = "P0340" Error "time outside of a comparison that goes one way" {
        "`today` and `now` stand only in comparisons that turn from false to true, or back, at moments that can be told ahead: `start <= today + 7 days`, `end < today`, `today in start..end`, `years between start and today >= 1`, `now >= last_day at 18:00`. So it is known when each result changes next, and nobody has to look every day. Such comparisons may stand within `and`, `or`, `not`, `if` and in lists; a `let` or `fn` with `today` in it is judged where it is used.\n\nNot so: a value that is another one every day (`\"{today}\"`), what comes round again (`weekday(today)`, `month(today)`), comparisons both sides of which move, and time in a source's mapping, where it would be mistaken for what the row says."
        bad Policy("birthright summer when month(today) == 7 { grant ad.group(\"summer\") }\n"),
        good Policy("birthright summer when today in 2026-07-01..2026-07-31 { grant ad.group(\"summer\") }\n"),
    }
    BAD_FEDERATION = "P0360" Error "a federation that can't be meant" {
        "A `federation` names a partner whose people may come in as guests. Whose guest somebody is must be plain: `domains` need the `address` that is compared with them, and no two federations share an issuer or a domain (`*.globex.example` covers all that is below). `sponsor` is a reference of the guest to whoever answers for them. `maps` gives, from claims that an `issuer` signs, the key and all that a guest always has."
        bad Policy("identity person { id : string key  status : enum(active, gone) }\nidentity guest { mail : text key  host : person?  invited : date }\nsource hr of person authoritative {}\nsource invitations of guest authoritative {}\nlifecycle person { state gone when status == gone { leaver }  state active otherwise }\nlifecycle guest { state out { leaver }  state active otherwise }\nfederation globex of guest { domains = [\"globex.example\"] }\n"),
        good Policy("identity person { id : string key  status : enum(active, gone) }\nidentity guest { mail : text key  host : person?  invited : date }\nsource hr of person authoritative {}\nsource invitations of guest authoritative {}\nlifecycle person { state gone when status == gone { leaver }  state active otherwise }\nlifecycle guest { state out { leaver }  state active otherwise }\nfederation globex of guest { domains = [\"globex.example\"]  address = mail }\n"),
    }
    GUESTS_NEVER_OUT = "P0361" Error "guests who are never out" {
        "A guest who is not admitted, whose time is over or whose sponsor has left is out: they are in the first state of the lifecycle of their type, whatever state their attributes would give. So that state must be a leaver's; what it does to accounts (`delete accounts after 30 days`) stands there. It may have a condition of its own, or none at all."
        bad Policy("identity person { id : string key  status : enum(active, gone) }\nidentity guest { mail : text key  host : person?  invited : date }\nsource hr of person authoritative {}\nsource invitations of guest authoritative {}\nlifecycle person { state gone when status == gone { leaver }  state active otherwise }\nfederation globex of guest { sponsor = host }\n"),
        good Policy("identity person { id : string key  status : enum(active, gone) }\nidentity guest { mail : text key  host : person?  invited : date }\nsource hr of person authoritative {}\nsource invitations of guest authoritative {}\nlifecycle person { state gone when status == gone { leaver }  state active otherwise }\nlifecycle guest { state out { leaver }  state active otherwise }\nfederation globex of guest { sponsor = host }\n"),
    }
    ROLE_CYCLE = "P0401" Error "roles that include each other" {
        "Roles form a tree or at least a graph without circles; the message shows the way round."
        bad Policy("role a { includes b }\nrole b { includes a }\n"),
        good Policy("role a { includes b }\nrole b { grant ad.group(\"b\") }\n"),
    }
    NEGATIVE_CYCLE = "P0402" Error "rules that decide themselves" {
        "`has` makes one rule depend on another. They may lean on each other as long as more of one only ever means more of the other; through a `not`, a count or a `highest wins`, whether a grant holds would depend on whether it doesn't. The message shows the way round."
        bad Policy("role a when not has b { grant ad.group(\"a\") }\nrole b when has a { grant ad.group(\"b\") }\n"),
        good Policy("role a when status == active { grant ad.group(\"a\") }\nrole b when not has a { grant ad.group(\"b\") }\n"),
    }
    STATE_CYCLE = "P0404" Error "states that wait for each other" {
        "The condition of a state may read the state of whom an attribute refers to (`sponsor.state == gone`), where that is of another identity type and its states do not in turn follow from these. Else a state would decide itself, if only through others. The message shows the way round."
        bad Policy("identity p { id : string key  boss : p? }
source hr of p authoritative {}
lifecycle p { state gone when boss is present and boss.state == gone { leaver }  state here otherwise }
"),
        good Policy("identity p { id : string key  end : date? }
identity g { id : string key  host : p? }
source hr of p authoritative {}
source visits of g authoritative {}
lifecycle p { state gone when end is present and end < today { leaver }  state here otherwise }
lifecycle g { state gone when host is present and host.state == gone { leaver }  state here otherwise }
"),
    }
    APP_CYCLE = "P0403" Error "accounts that wait for each other" {
        "`account from APP` puts that app's account first; a circle of them could never begin."
        bad Policy("app a via file { account from b { login = b.login } }\napp b via file { account from a { login = a.login } }\n"),
        good Policy("app a via file { account from b { login = b.login } }\napp b via file { account { login = id } }\n"),
    }
    BAD_PROJECT = "P0501" Error "a prov.toml that can't be read" {
        "prov.toml names the policy and wires its sources, tables and catalogs to files. Its keys are `name`, `edition` (\"2026\"), `timezone`, `[sources]`, `[tables]`, `[catalogs.APP]`, `[actual]` and `[memory]`. A key it does not know is an error, so that a slip is not passed over."
        bad super::Example::Shown("name = \"acme\"\nedtion = \"2026\"\n"),
        good super::Example::Shown("name = \"acme\"\nedition = \"2026\"\n"),
    }
    NOT_WIRED = "P0502" Error "something that no file is named for" {
        "The policy declares a source, a table or a catalog, and neither prov.toml nor the command line says which file holds it."
        bad super::Example::Shown("source hr of person authoritative {}    // and no [sources] in prov.toml\n"),
        good super::Example::Shown("[sources]\nhr = \"data/hr.csv\"\n"),
    }
    UNKNOWN_WIRING = "P0503" Error "a file for something that is not declared" {
        "prov.toml or the command line wires a source, table or catalog that the policy does not declare."
        bad super::Example::Shown("[sources]\nhrr = \"data/hr.csv\"\n"),
        good super::Example::Shown("[sources]\nhr = \"data/hr.csv\"\n"),
    }
    NO_POLICY = "P0504" Error "no policy here" {
        "A policy is a folder with a prov.toml and `.prov` files below it."
        bad super::Example::Shown("prov check empty-folder\n"),
        good super::Example::Shown("prov new acme\nprov check acme\n"),
    }
    NOT_BUILT = "P0900" Error "something that has no meaning yet" {
        "The language is larger than what this version carries out. What it reads but can't carry out yet is refused by name, never passed over: today that is the `login` mapping, what an app is told of someone at sign-on."
        bad Policy("login ad { login = \"x\" }\n"),
        good Policy("birthright b when true { grant ad.group(\"a\") }\n"),
    }
}
