//! The nouns of Prov: types and values, operators and built-ins with their scalar meaning, columns and populations,
//! what a policy declares, entitlements and accounts, desired and actual state, memory.
//!
//! Invariant: nothing here reads a clock, a file or the environment; the scalar meaning of an operator stands here
//! once, and every engine must agree with it.

mod access;
mod background;
mod builtin;
mod cell;
mod column;
mod entered;
mod federation;
mod granted;
mod ids;
mod keep;
mod links;
mod lists;
mod memory;
mod meter;
mod names;
mod ops;
mod population;
mod protect;
mod raw;
mod role;
mod schema;
mod separate;
mod text;
mod time;
mod types;
mod value;
mod violation;
mod working;
mod would;

pub use access::{
    Account, AccountOrigin, Actual, Csr, Desired, DesiredAccount, EntId, Entitlement, EntitlementIssue,
    Entitlements, GivenName, HoldReason, IdentityFlags, RanOut, WriteBack, join_values, same_accounts,
    split_values,
};
pub use background::{
    Assignment, AssignmentIssue, Background, Exception, ExceptionIssue, PerhapsAllowed, Span, TimePoint,
};
pub use builtin::{Builtin, BuiltinInfo, CallError, ParamType, ResultType, slice};
pub use cell::{CellError, cell_record, cell_rows, cell_value, key_spelling, shorten};
pub use column::{Codes, Column, ColumnBuilder, Dict, Table, Validity};
pub use entered::{Entered, Holding};
pub use federation::{FederationDef, GuestOut, folded_domain, home_domain};
pub use granted::Granted;
pub use ids::Ids;
pub use keep::{Keep, KeepFor};
pub use links::{AccountLink, LinkConflict};
pub use lists::{Lists, Offsets};
pub use memory::{Memory, MemoryError, Since, SourceMemory};
pub use meter::{Lap, Meter, Phase, Stopwatch, timed};
pub use names::{NameMemory, NameSpace, NamesMemory, name_base, name_candidate};
pub use ops::{ArithOp, CompareOp, TextOp, add_type, arith, compare, equal, in_range, in_set, text_op};
pub use population::{DataWarning, IdentityTable, Membership, Oddity, Population, Rejection, SourceCount};
pub use protect::{LimitDef, ProtectDef, ProtectWhat};
pub use raw::{RawCell, RawColumn, RawRow, RawTable};
pub use role::{Param, arguments_key, arguments_shown, read_arguments};
pub use schema::{
    AccountDef, AnnotationDef, AppDef, AppId, AttrId, EffectKind, EnumDef, EnumId, FieldDef, ForbidDef,
    GuardDef, GuardLimit, GuardWhat, IdentityDef, IdentityId, InverseDef, KindDef, KindId, LifecycleDef,
    ManagedDef, MissingDef, Mode, Pattern, RecordDef, RecordId, RuleId, RuleInfo, RuleKind, Schema, Severity,
    SourceDef, SourcePart, StateDef, TableDef, TableId, ValuePattern, VerbDef, VerbKind, Via, WritebackDef,
};
pub use separate::{
    NamedRole, PatternDef, Resolve, RoleForbidDef, SeparateDef, Separated, SeparationHit, SideDef,
};
pub use text::{fold, glob_matches, nfc, slug, to_ascii};
pub use time::{Date, Duration, Elapsed, Instant, Moment, Unit, Zone, parse_at, time_pattern};
pub use types::Type;
pub use value::{Decimal, RowRef, Text, Value};
pub use violation::Violation;
pub use working::{
    add_working_days, is_working_day, working_day_from, working_day_until, working_days_between,
};
pub use would::Would;
