//! Unknown values: attributes of the identity, of those it refers to, and whatever can't be expressed exactly.
//! Invariant: of what can't be expressed any value of its type is possible, so that what is proved of it is proved.

use crate::order::{Node, Order};
use crate::sat::{Lit, Sat};
use crate::text::Texts;
use prov_diag::Span;
use prov_ir::{ExprId, Local};
use prov_model::{AttrId, Date, Schema, Type, Value};
use std::collections::BTreeMap;

/// Where an unknown value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An attribute of the identity.
    Own(AttrId),
    /// An attribute of the one that a reference of it leads to.
    Of(AttrId, AttrId),
    /// Not expressed: anything of its type.
    Open,
    /// Time.
    Moment,
}

/// An unknown value.
pub(crate) struct Term {
    pub origin: Origin,
    /// Whether it is there.
    pub present: Lit,
    pub shape: Shape,
}

/// What is unknown of it, by its type.
pub(crate) enum Shape {
    Bool(Lit),
    /// One a variant.
    Enum(Vec<Lit>),
    Number(Node),
    Text(Texts),
    Set(SetTerm),
    /// A record, a list, a reference, a length of time: only whether it is there.
    Thing,
}

/// A set of which some elements are asked for.
pub(crate) struct SetTerm {
    /// Whether its elements are `text`.
    pub texts: bool,
    /// By name of the element as it is compared: the element, and whether only its folded form is meant.
    pub members: BTreeMap<(bool, String), (Value<'static>, Lit)>,
    /// Whether it has elements beside them.
    pub other: Lit,
    /// Whether some element fulfils a condition, still to be worked out.
    pub asked: Vec<Asked>,
}

/// `any x in SET where C`.
#[derive(Clone)]
pub(crate) struct Asked {
    pub lit: Lit,
    pub local: Local,
    pub condition: Option<ExprId>,
    /// Whether it is asked for an element that does not fulfil it.
    pub negated: bool,
}

/// What could not be expressed exactly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Where it stands.
    pub span: Span,
    /// Why it is open.
    pub why: String,
}

/// The least and the greatest value of a type, and one that reads well; none where it is no number.
fn bounds(ty: &Type) -> Option<(i128, i128, i128)> {
    let day = |y, m, d| i128::from(Date::from_ymd(y, m, d).unwrap_or_default().0);
    let all = (i128::from(i64::MIN), i128::from(i64::MAX));
    Some(match ty.required() {
        Type::Int => (all.0, all.1, 1),
        Type::Decimal => (all.0, all.1, 10_000),
        Type::Elapsed => (all.0, all.1, 3_600),
        Type::Date => (day(-9999, 1, 1), day(9999, 12, 31), day(2020, 1, 1)),
        Type::Instant => (all.0, all.1, day(2020, 1, 1) * 86_400),
        Type::Bool
        | Type::Str
        | Type::Text
        | Type::Duration
        | Type::Enum(_)
        | Type::Set(_)
        | Type::List(_)
        | Type::Record(_)
        | Type::Identity(_)
        | Type::Optional(_) => return None,
    })
}

impl Shape {
    /// Anything of a type, where `present` holds.
    pub(crate) fn of(
        ty: &Type,
        schema: &Schema,
        sat: &mut Sat,
        order: &mut Order,
        present: Lit,
        composed: bool,
    ) -> Shape {
        if let Some((low, high, wish)) = bounds(ty) {
            return Shape::Number(order.node(low, high, wish));
        }
        match ty.required() {
            Type::Bool => Shape::Bool(sat.fresh()),
            Type::Enum(id) => {
                let variants: Vec<Lit> =
                    schema.enums[id.index()].variants.iter().map(|_| sat.fresh()).collect();
                sat.at_most_one(&variants);
                let mut one: Vec<Lit> = variants.clone();
                one.push(!present);
                sat.clause(&one);
                Shape::Enum(variants)
            }
            Type::Str | Type::Text => Shape::Text(Texts::new(composed)),
            Type::Set(of) => {
                let (other, texts) = (sat.fresh(), **of == Type::Text);
                Shape::Set(SetTerm { texts, members: BTreeMap::new(), other, asked: Vec::new() })
            }
            Type::Int
            | Type::Decimal
            | Type::Date
            | Type::Instant
            | Type::Elapsed
            | Type::Duration
            | Type::List(_)
            | Type::Record(_)
            | Type::Identity(_)
            | Type::Optional(_) => Shape::Thing,
        }
    }
}
