//! What a checked policy declares, as data: types, identities, tables, apps, guards. The front end makes it once; the
//! engines, the readers and the plan read it. Ids are positions in its lists, in canonical (name) order.

use crate::text::glob_regex;
use crate::{Date, Duration, LimitDef, ProtectDef, RoleForbidDef, SeparateDef, Span, Type, Value};
use regex::Regex;
use serde::Serialize;
use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
        impl $name {
            /// As a position.
            pub fn index(self) -> usize { self.0 as usize }
        }
    )* };
}
ids! {
    /// An enum of [`Schema::enums`].
    EnumId
    /// A record of [`Schema::records`].
    RecordId
    /// An identity type of [`Schema::identities`].
    IdentityId
    /// A table of [`Schema::tables`].
    TableId
    /// An app of [`Schema::apps`].
    AppId
    /// A rule of [`Schema::rules`].
    RuleId
    /// A kind of [`AppDef::kinds`].
    KindId
    /// An attribute of [`IdentityDef::attributes`].
    AttrId
}

/// All declarations of a policy.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Enums; equal lists of variants are one enum.
    pub enums: Vec<EnumDef>,
    /// Records, and the row types of tables.
    pub records: Vec<RecordDef>,
    /// Identity types.
    pub identities: Vec<IdentityDef>,
    /// Look-up tables.
    pub tables: Vec<TableDef>,
    /// Target apps.
    pub apps: Vec<AppDef>,
    /// Sources.
    pub sources: Vec<SourceDef>,
    /// Everything that can be named as a cause.
    pub rules: Vec<RuleInfo>,
    /// Forbids, for what is held rather than granted.
    pub forbids: Vec<ForbidDef>,
    /// Forbids of roles.
    pub role_forbids: Vec<RoleForbidDef>,
    /// What nobody may hold together.
    pub separations: Vec<SeparateDef>,
    /// Guards on the plan.
    pub guards: Vec<GuardDef>,
    /// What no plan may take away, in order of name.
    pub protects: Vec<ProtectDef>,
    /// Seats, in order of name.
    pub limits: Vec<LimitDef>,
    /// What sources are told of accounts.
    pub writebacks: Vec<WritebackDef>,
    /// Partners whose people are guests, in order of name.
    pub federations: Vec<crate::FederationDef>,
}

/// An enum's variants in order of declaration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnumDef {
    /// Their names.
    pub variants: Vec<String>,
}

impl fmt::Display for EnumDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "enum({})", self.variants.join(", "))
    }
}

/// A named, typed field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDef {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordDef {
    /// Its name; a table's row type has the table's.
    pub name: String,
    /// Its fields.
    pub fields: Vec<FieldDef>,
}

/// An identity type.
#[derive(Clone, Debug)]
pub struct IdentityDef {
    /// Its name.
    pub name: String,
    /// Its attributes in order of declaration, references as `Optional(Identity)`.
    pub attributes: Vec<FieldDef>,
    /// Which of them is the key.
    pub key: AttrId,
    /// Named inverses of references to this type.
    pub inverses: Vec<InverseDef>,
    /// Its lifecycle, if it has one.
    pub lifecycle: Option<LifecycleDef>,
}

/// The inverse of a reference: who refers to me.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InverseDef {
    /// Its name (`reports`).
    pub name: String,
    /// Whose attribute it inverts.
    pub from: IdentityId,
    /// Which attribute.
    pub attribute: AttrId,
}

/// A lifecycle: the states in order; an identity is in the first whose condition holds.
#[derive(Clone, Debug)]
pub struct LifecycleDef {
    /// The enum whose variants are the states, in the same order.
    pub states: EnumId,
    /// What each state does.
    pub defs: Vec<StateDef>,
}

/// A state.
#[derive(Clone, Debug)]
pub struct StateDef {
    /// Its name.
    pub name: String,
    /// Its place in the policy.
    pub rule: RuleId,
    /// Whether who is in it has left.
    pub leaver: bool,
    /// What accounts do in it.
    pub verbs: Vec<VerbDef>,
}

/// What a state does to accounts and entitlements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerbKind {
    /// End sessions.
    KillSessions,
    /// Disable accounts.
    DisableAccounts,
    /// Delete accounts.
    DeleteAccounts,
    /// Hold what was held.
    KeepEntitlements,
    /// Hold nothing.
    DropEntitlements,
}

/// A verb with its reach.
#[derive(Clone, Debug)]
pub struct VerbDef {
    /// Which.
    pub kind: VerbKind,
    /// Only in these apps; empty = in all that no other verb of the same kind names.
    pub apps: Vec<AppId>,
    /// So long after the state was entered.
    pub after: Option<Duration>,
}

/// A table.
#[derive(Clone, Debug)]
pub struct TableDef {
    /// Its name.
    pub name: String,
    /// Its row type.
    pub record: RecordId,
    /// Its key column.
    pub key: usize,
}

/// How an app is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// SCIM 2.0 push.
    Scim,
    /// LDAP push.
    Ldap,
    /// SQL statements.
    Sql,
    /// Files.
    File,
    /// A program.
    Exec,
    /// HTTP requests.
    Http,
    /// Just in time at login.
    Login,
    /// Federation.
    Federation,
}

impl Via {
    /// All with their words.
    pub const ALL: [(&'static str, Via); 8] = [
        ("scim", Via::Scim),
        ("ldap", Via::Ldap),
        ("sql", Via::Sql),
        ("file", Via::File),
        ("exec", Via::Exec),
        ("http", Via::Http),
        ("login", Via::Login),
        ("federation", Via::Federation),
    ];
}

/// What Prov may do in an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Grants and revokes.
    Authoritative,
    /// Never revokes, disables or deletes, but for leavers.
    Additive,
    /// Plans, never applies.
    Report,
}

/// A target app.
#[derive(Clone, Debug)]
pub struct AppDef {
    /// Its name.
    pub name: String,
    /// Its place in the policy.
    pub rule: RuleId,
    /// How it is reached.
    pub via: Via,
    /// What Prov may do there.
    pub mode: Mode,
    /// Its accounts; none where entitlements belong to identities directly.
    pub account: Option<AccountDef>,
    /// Its kinds of entitlements, in order of name.
    pub kinds: Vec<KindDef>,
    /// What is ours to revoke.
    pub managed: Vec<ManagedDef>,
    /// Of a second account (`account admin`), the app that declares it: it is an app of its own, called `APP.NAME`.
    pub second_of: Option<AppId>,
}

impl AppDef {
    /// Whether every value of a kind is ours to revoke.
    pub fn manages_all_of(&self, kind: KindId) -> bool {
        let all = |p: &Pattern| !p.is_regex && p.source == "*";
        self.managed.iter().any(|m| m.kind.is_none_or(|k| k == kind) && m.pattern.as_ref().is_none_or(all))
    }
}

/// An app's accounts.
#[derive(Clone, Debug)]
pub struct AccountDef {
    /// Its place in the policy.
    pub rule: RuleId,
    /// The app whose account comes first.
    pub from: Option<AppId>,
    /// Attributes in order of declaration, without `enabled`; the first is the account's name.
    pub attributes: Vec<FieldDef>,
    /// Attributes that are given once, by `unique` for one identity type at least: by position, sorted.
    pub unique: Vec<u32>,
    /// What accounts that exist already are found by: attributes in the app, those of all identity types together.
    pub correlate: Vec<FieldDef>,
}

/// A kind of entitlement.
#[derive(Clone, Debug)]
pub struct KindDef {
    /// Its name.
    pub name: String,
    /// The types of its values.
    pub types: Vec<Type>,
    /// Values come from a catalog.
    pub catalog: bool,
    /// Of several, only the highest is held.
    pub highest_wins: bool,
    /// Never revoked.
    pub irrevocable: bool,
    /// Risk by annotation.
    pub severity: Option<Severity>,
}

/// Risk, by `@severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// low
    Low,
    /// medium
    Medium,
    /// high
    High,
    /// critical
    Critical,
}

/// What of an app is ours to revoke.
#[derive(Clone, Debug)]
pub struct ManagedDef {
    /// The kind; none = every kind.
    pub kind: Option<KindId>,
    /// The values; none = all.
    pub pattern: Option<Pattern>,
}

/// A compiled glob or regex.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As written, without delimiters.
    pub source: String,
    /// Whether it is a regex.
    pub is_regex: bool,
    /// Whether it is matched against the folded form.
    pub folded: bool,
    regex: Regex,
}

impl Pattern {
    /// Compiles a glob (anchored); for `text`, the glob is folded too.
    pub fn glob(source: &str, folded: bool) -> Result<Pattern, String> {
        let effective = if folded { crate::fold(source).into_owned() } else { source.to_owned() };
        Ok(Pattern { source: source.to_owned(), is_regex: false, folded, regex: glob_regex(&effective)? })
    }

    /// Compiles a regex (Rust syntax, linear time, not anchored); for `text` it ignores case.
    pub fn regex(source: &str, folded: bool) -> Result<Pattern, String> {
        let regex = regex::RegexBuilder::new(source)
            .case_insensitive(folded)
            .size_limit(1 << 20)
            .build()
            .map_err(|e| {
                e.to_string().lines().last().unwrap_or("not a regex").trim_start_matches("error: ").to_owned()
            })?;
        Ok(Pattern { source: source.to_owned(), is_regex: true, folded, regex })
    }

    /// Whether a `string` or `text` matches.
    pub fn matches(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Text(t) => self.regex.is_match(&t.folded),
            Value::Str(s) if self.folded => self.regex.is_match(&crate::fold(s)),
            Value::Str(s) => self.regex.is_match(s),
            _ => false,
        }
    }

    /// Whether a spelling matches, folded first where the pattern is.
    pub fn matches_str(&self, s: &str) -> bool {
        if self.folded { self.regex.is_match(&crate::fold(s)) } else { self.regex.is_match(s) }
    }
}

/// A source.
#[derive(Clone, Debug)]
pub struct SourceDef {
    /// Its name, as wired.
    pub name: String,
    /// Whose records it brings.
    pub identity: IdentityId,
    /// What its rows are.
    pub part: SourcePart,
    /// What absence from it means.
    pub missing: Option<MissingDef>,
    /// Its place in the policy.
    pub rule: RuleId,
}

/// What the rows of a source are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourcePart {
    /// The identities there are, or some of them.
    Authoritative,
    /// More attributes of identities, found by the value of this attribute.
    Enriching(AttrId),
    /// Elements of a list attribute.
    Elements {
        /// The list.
        list: AttrId,
        /// The attribute by whose value the owner is found.
        joins: AttrId,
    },
}

impl SourceDef {
    /// Whether its rows say which identities there are.
    pub fn is_authoritative(&self) -> bool {
        self.part == SourcePart::Authoritative
    }
}

/// `missing means STATE after D`.
#[derive(Clone, Copy, Debug)]
pub struct MissingDef {
    /// The leaver state, by number.
    pub state: u32,
    /// How long after it was missed first.
    pub after: Duration,
}

/// What a cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    /// `birthright`
    Birthright,
    /// `role`
    Role,
    /// `forbid`
    Forbid,
    /// `separate`
    Separate,
    /// A state of a lifecycle.
    Lifecycle,
    /// An `account` block.
    Account,
    /// An `app`.
    App,
    /// A `source`.
    Source,
    /// A `guard`.
    Guard,
    /// A `protect`.
    Protect,
    /// A `limit`.
    Limit,
    /// A `writeback`.
    Writeback,
    /// A `federation`.
    Federation,
    /// A row of the table `exceptions`.
    Exception,
}

/// Something that can be named as a cause.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    /// What it is.
    pub kind: RuleKind,
    /// Its name (`lifecycle` states as `person.terminated`, accounts as `ad.account`).
    pub name: String,
    /// The file it stands in.
    pub file: String,
    /// The line of its head, from 1.
    pub line: u32,
    /// Its `///` text.
    pub docs: Option<String>,
    /// Its annotations.
    pub annotations: Vec<AnnotationDef>,
    /// Risk by `@severity`.
    pub severity: Option<Severity>,
    /// `because "…"`, where it has one.
    pub because: Option<String>,
}

impl RuleInfo {
    /// Whether it is observed and not applied: `@stage(observe)`.
    pub fn is_observed(&self) -> bool {
        self.annotations.iter().any(|a| a.name == "stage")
    }
}

/// `@name(args)` with plain arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnnotationDef {
    /// The name.
    pub name: String,
    /// The arguments as plain text.
    pub args: Vec<String>,
}

/// What a forbid withholds; its condition is in the rule program under the same position.
#[derive(Clone, Debug)]
pub struct ForbidDef {
    /// Its place and reason.
    pub rule: RuleId,
    /// The app.
    pub app: AppId,
    /// The kind; none = every kind.
    pub kind: Option<KindId>,
    /// One pattern a value; empty = every value.
    pub values: Vec<ValuePattern>,
}

/// A pattern of one value of an entitlement.
#[derive(Clone, Debug)]
pub enum ValuePattern {
    /// Every value.
    Any,
    /// This value: its plain spelling, folded where the kind is `text`.
    Exactly(String),
    /// Values that match.
    Matches(Pattern),
}

impl ForbidDef {
    /// Whether it speaks of an entitlement; `folded` is its joined value as compared.
    pub fn covers(&self, app: AppId, kind: KindId, folded: &str) -> bool {
        covers((self.app, self.kind, &self.values), app, kind, folded)
    }
}

/// Whether a pattern of an app, a kind (or every one) and values covers an entitlement.
pub(crate) fn covers(
    (of, of_kind, values): (AppId, Option<KindId>, &[ValuePattern]),
    app: AppId,
    kind: KindId,
    folded: &str,
) -> bool {
    if of != app || of_kind.is_some_and(|k| k != kind) {
        return false;
    }
    // The one value of a kind stands as it is, whatever bars are in it.
    let parts = if values.len() == 1 { vec![folded.to_owned()] } else { crate::split_values(folded) };
    values.iter().enumerate().all(|(i, p)| match (p, parts.get(i)) {
        (ValuePattern::Any, _) => true,
        (ValuePattern::Exactly(v), Some(part)) => v == part,
        (ValuePattern::Matches(p), Some(part)) => p.matches_str(part),
        (_, None) => false,
    })
}

/// A value of an account that a source is told.
#[derive(Clone, Debug)]
pub struct WritebackDef {
    /// Its place.
    pub rule: RuleId,
    /// The source, by position in [`Schema::sources`].
    pub source: u32,
    /// Whose records the source brings.
    pub identity: IdentityId,
    /// The attribute there.
    pub attribute: AttrId,
    /// The app.
    pub app: AppId,
    /// The attribute of its account, by position.
    pub value: u32,
}

/// A guard.
#[derive(Clone, Debug)]
pub struct GuardDef {
    /// Its name, as `--override` takes it (`revokes`, `disables`, `rows.workday` …).
    pub name: String,
    /// Its place in the policy.
    pub rule: RuleId,
    /// What it limits.
    pub what: GuardWhat,
    /// The limits; the most generous counts.
    pub limits: Vec<GuardLimit>,
}

/// What a guard limits.
#[derive(Clone, Debug)]
pub enum GuardWhat {
    /// Effects of one kind.
    Effects {
        /// Which effects.
        effect: EffectKind,
        /// In this app only.
        app: Option<AppId>,
        /// In each app for itself.
        per_app: bool,
    },
    /// Grants or revokes of the entitlements of a pattern.
    Of {
        /// Which of the two.
        effect: EffectKind,
        /// What is counted.
        pattern: crate::PatternDef,
    },
    /// Rows of a source, which must not be fewer.
    Rows {
        /// Position in [`Schema::sources`].
        source: u32,
        /// Whether shares are of the last run (else limits are absolute).
        of_last_run: bool,
    },
    /// Rows of a source in which a column holds nothing.
    Empty {
        /// Position in [`Schema::sources`].
        source: u32,
        /// The column, as the file names it.
        column: String,
    },
    /// How long ago the rows of a source were made.
    Age {
        /// Position in [`Schema::sources`].
        source: u32,
        /// How old they may be.
        at_most: Span,
    },
}

/// Effects that guards count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EffectKind {
    /// `grant`
    Grants,
    /// `revoke`
    Revokes,
    /// `create_account`
    Creates,
    /// `disable_account`
    Disables,
    /// `delete_account`
    Deletes,
    /// People who enter a leaver state with something to take away.
    Leavers,
}

/// A limit of a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardLimit {
    /// A number.
    Count(i64),
    /// Hundredths of a percent of what the guard counts over.
    Share(i64),
    /// Hundredths of a percent of people (`1% of people`), whatever the guard counts.
    People(i64),
}

impl Schema {
    /// A policy's field by name.
    pub fn field<'a>(fields: &'a [FieldDef], name: &str) -> Option<(usize, &'a FieldDef)> {
        fields.iter().enumerate().find(|(_, f)| f.name == name)
    }

    /// The definition of an identity type.
    pub fn identity(&self, id: IdentityId) -> &IdentityDef {
        &self.identities[id.index()]
    }

    /// The definition of an app.
    pub fn app(&self, id: AppId) -> &AppDef {
        &self.apps[id.index()]
    }

    /// An app with its second accounts.
    pub fn accounts_of(&self, app: AppId) -> impl Iterator<Item = AppId> + '_ {
        let seconds = self.apps.iter().zip(0..).filter(move |(a, _)| a.second_of == Some(app));
        std::iter::once(app).chain(seconds.map(|(_, i)| AppId(i)))
    }

    /// The second account of an app by name.
    pub fn second_account(&self, app: AppId, name: &str) -> Option<AppId> {
        let called = |id: &AppId| {
            let rest = self.app(*id).name.strip_prefix(&*self.app(app).name);
            rest.and_then(|rest| rest.strip_prefix('.')) == Some(name)
        };
        self.accounts_of(app).skip(1).find(called)
    }

    /// The app as the policy declares it: of a second account the one that it is of.
    pub fn declared_app(&self, app: AppId) -> AppId {
        self.app(app).second_of.unwrap_or(app)
    }

    /// What the rows of a source give: the identity's attributes, or the fields of the record that its list holds.
    pub fn fields_of(&self, source: &SourceDef) -> &[FieldDef] {
        let attributes = &self.identity(source.identity).attributes;
        let SourcePart::Elements { list, .. } = source.part else { return attributes };
        match attributes.get(list.index()).map(|a| a.ty.required()) {
            Some(Type::List(of)) => match of.required() {
                Type::Record(id) => &self.records[id.index()].fields,
                _ => &[],
            },
            _ => &[],
        }
    }

    /// A cause.
    pub fn rule(&self, id: RuleId) -> &RuleInfo {
        &self.rules[id.index()]
    }

    /// Whether evaluation reads the actual state and memory to say which accounts are whose and what they are called.
    pub fn reads_accounts(&self) -> bool {
        self.apps
            .iter()
            .filter_map(|a| a.account.as_ref())
            .any(|a| !(a.unique.is_empty() && a.correlate.is_empty()))
    }

    /// Whether evaluation reads the actual state and memory to say what a state keeps.
    pub fn keeps_entitlements(&self) -> bool {
        self.identities.iter().filter_map(|i| i.lifecycle.as_ref()).any(LifecycleDef::keeps)
    }

    /// Attributes of accounts that are given once: the app, its account, the attribute by position.
    pub fn unique_attributes(&self) -> impl Iterator<Item = (AppId, &AccountDef, u32)> {
        let accounts = self.apps.iter().zip(0..).filter_map(|(a, i)| Some((AppId(i), a.account.as_ref()?)));
        accounts.flat_map(|(app, def)| def.unique.iter().map(move |&n| (app, def, n)))
    }

    /// Whether Prov may take an entitlement away, whoever gave it: a `managed` covers it, and its kind is revocable.
    pub fn manages(&self, app: AppId, kind: KindId, value: &str) -> bool {
        let covers = |m: &ManagedDef| {
            m.kind.is_none_or(|k| k == kind) && m.pattern.as_ref().is_none_or(|p| p.matches_str(value))
        };
        !self.kind(app, kind).irrevocable && self.app(app).managed.iter().any(covers)
    }

    /// `app.kind` of an app's kind.
    pub fn kind(&self, app: AppId, kind: KindId) -> &KindDef {
        &self.apps[app.index()].kinds[kind.index()]
    }

    /// Whether what becomes of one identity hangs on nobody else: nothing is protected and nothing limited. Only then may a
    /// plan pass over those who have what they should.
    pub fn judges_alone(&self) -> bool {
        self.protects.is_empty() && self.limits.is_empty()
    }

    /// The id by which memory, actual state and plans know an identity: its key, with `type:` before it where the
    /// policy has several identity types.
    pub fn global_id(&self, identity: IdentityId, key: &str) -> String {
        if self.identities.len() == 1 {
            key.to_owned()
        } else {
            format!("{}:{key}", self.identity(identity).name)
        }
    }
}

impl LifecycleDef {
    /// Whether any of its states keeps what is held.
    pub fn keeps(&self) -> bool {
        self.defs.iter().any(StateDef::keeps_any)
    }
}

impl StateDef {
    /// The verb of a kind that reaches an app: one that names the app before one that names none.
    pub fn verb(&self, kind: VerbKind, app: Option<AppId>) -> Option<&VerbDef> {
        let of_kind = || self.verbs.iter().filter(|v| v.kind == kind);
        of_kind()
            .find(|v| app.is_some_and(|a| v.apps.contains(&a)))
            .or_else(|| of_kind().find(|v| v.apps.is_empty()))
    }

    /// Whether entitlements end here (`leaver` implies it).
    pub fn drops(&self, app: AppId) -> bool {
        self.leaver || self.reaches(VerbKind::DropEntitlements, VerbKind::KeepEntitlements, app)
    }

    /// Whether what is held stays held here.
    pub fn keeps(&self, app: AppId) -> bool {
        !self.leaver && self.reaches(VerbKind::KeepEntitlements, VerbKind::DropEntitlements, app)
    }

    /// Whether a verb reaches an app; where its contrary does too, the one that names the app counts.
    fn reaches(&self, kind: VerbKind, contrary: VerbKind, app: AppId) -> bool {
        let verb = |kind| self.verb(kind, Some(app));
        match (verb(kind), verb(contrary)) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(verb), Some(_)) => verb.apps.contains(&app),
        }
    }

    /// Whether what is held stays held here in any app.
    pub fn keeps_any(&self) -> bool {
        !self.leaver && self.verbs.iter().any(|v| v.kind == VerbKind::KeepEntitlements)
    }

    /// Whether a verb of this kind acts at `today`, for one who entered on `since`.
    pub fn due(&self, kind: VerbKind, app: AppId, since: Date, today: Date) -> bool {
        self.verb(kind, Some(app)).is_some_and(|v| v.after.is_none_or(|d| since.plus(d) <= today))
    }
}
