//! Terms: what a kernel computes for one row, without names, types of the policy or text.
//! Invariant: a term's parts come before it, equal terms are one, and each gives a bool (a byte), a number (64 bits) or a
//! span (months and days, of 32 bits each), perhaps absent.

use prov_model::{AttrId, CompareOp, IdentityId, Unit};
use rustc_hash::FxHashMap;

/// A term, by position in [`Terms::list`].
pub(crate) type TermId = u32;

/// A slot, by position in [`Terms::slots`].
pub(crate) type SlotId = u32;

/// What two operands give. Numbers are integers, decimals (times 10,000), days, seconds, variants or rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Binary {
    /// Saturating sum of numbers.
    Add,
    /// Saturating difference of numbers.
    Sub,
    /// Saturating product of numbers.
    Mul,
    /// Product of decimals.
    MulDecimal,
    /// A day and a span.
    DatePlus,
    /// Two days: the span between.
    DateMinus,
    /// Two spans.
    SpanPlus,
    /// A number and a span.
    SpanTimes,
    /// Whole units between two days.
    Between(Unit),
}

/// What one operand gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Unary {
    /// The opposite of a number, saturating.
    Neg,
    /// The opposite of a span.
    NegSpan,
    /// A number without its sign, saturating.
    Abs,
    /// Of a day.
    Year,
    /// Of a day.
    Month,
    /// Of a day.
    Day,
    /// Of a day.
    Weekday,
}

/// How a column lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Layout {
    /// `bool`
    Byte,
    /// 32 bits with a sign
    I32,
    /// 32 bits without
    U32,
    /// 64 bits
    I64,
    /// months and days
    Span,
    /// whatever: only its presence is read
    Presence,
}

/// See the head of the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Term {
    /// Nothing; `true` in place of a bool.
    Absent(bool),
    Bool(bool),
    Number(i64),
    Span(i32, i32),
    /// The row at hand.
    Own,
    /// Whom a row refers to.
    Refer(TermId, SlotId),
    /// A cell of a row's column.
    Read(TermId, SlotId, Layout),
    /// A row's state; `true` where its type has any.
    State(TermId, SlotId, bool),
    /// Whether a source has the row at hand.
    Source(SlotId),
    /// The rank of a row's text among those that it is compared with.
    Rank(TermId, SlotId),
    /// A number that is the same for all rows.
    Param(SlotId),
    /// Not.
    Not(TermId),
    /// `and`: an absent part is false.
    All(Box<[TermId]>),
    /// `or`: an absent part is false.
    One(Box<[TermId]>),
    /// All are true; absent where one is.
    Every(Box<[TermId]>),
    /// One is true; absent where one is.
    Any(Box<[TermId]>),
    /// A comparison of numbers, bools or, where `true`, spans.
    Compare(CompareOp, bool, TermId, TermId),
    Present(TermId),
    /// The first where it is present, else the second.
    Else(TermId, TermId),
    If(TermId, TermId, TermId),
    Binary(Binary, TermId, TermId),
    Unary(Unary, TermId),
}

/// A text that is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Spelled {
    /// A column's.
    Column(IdentityId, AttrId),
    /// A constant.
    Constant(String),
}

/// Texts that are compared with each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Group {
    /// Whether as `text`.
    pub folded: bool,
    /// Whether their order matters.
    pub ordered: bool,
    pub of: Vec<Spelled>,
}

/// What a kernel is handed: words that the population, the moment and the states fill in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// The day.
    Today,
    /// The instant.
    Now,
    /// References from one type to another: where they lie, how many rows there are to refer to.
    Refs(IdentityId, AttrId, IdentityId),
    /// A column: where it lies, where its bits of presence lie, a mask for the number of their word.
    Column(IdentityId, AttrId, Layout),
    /// Whose records can't be trusted: where the bits lie, a mask for the number of their word.
    Broken(IdentityId),
    /// States of a type: where they lie.
    States(IdentityId),
    /// Who has a row in a source: where the bits lie of who has one, and of whom that can't be known.
    Source(u32),
    /// Texts of a column: as a column's, then where the ranks of its codes lie, and the last of them.
    Ranks(IdentityId, AttrId, u32),
    /// The rank of a constant: group, position in it.
    Constant(u32, u32),
}

impl Slot {
    /// How many words it has.
    pub(crate) fn words(&self) -> usize {
        match self {
            Slot::Today | Slot::Now | Slot::States(_) | Slot::Constant(..) => 1,
            Slot::Refs(..) | Slot::Broken(_) | Slot::Source(_) => 2,
            Slot::Column(..) => 3,
            Slot::Ranks(..) => 5,
        }
    }
}

/// A condition in terms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub list: Vec<Term>,
    known: FxHashMap<Term, TermId>,
    pub slots: Vec<Slot>,
    pub groups: Vec<Group>,
    /// The condition itself.
    pub root: TermId,
}

impl Terms {
    pub(crate) fn term(&mut self, term: Term) -> TermId {
        if let Some(&known) = self.known.get(&term) {
            return known;
        }
        let id = self.list.len() as TermId;
        self.list.push(term.clone());
        self.known.insert(term, id);
        id
    }

    pub(crate) fn slot(&mut self, slot: Slot) -> SlotId {
        let at = self.slots.iter().position(|s| *s == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        });
        at as SlotId
    }

    /// Where a slot's words begin.
    pub(crate) fn offset(&self, slot: SlotId) -> usize {
        self.slots[..slot as usize].iter().map(Slot::words).sum()
    }

    /// How many words a kernel is handed.
    pub(crate) fn words(&self) -> usize {
        self.slots.iter().map(Slot::words).sum()
    }
}
