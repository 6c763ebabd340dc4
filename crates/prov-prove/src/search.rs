//! The search for an identity that breaks a claim, the simplest there is.
//! Invariant: a claim is proved only where no model breaks it and none was set aside; it is refuted only where an engine
//! confirms the identity.

use crate::candidate::Candidate;
use crate::encode::{Encoder, Row};
use crate::sat::{Found, Lit};
use crate::term::{Gap, Origin, Shape};
use prov_ir::{ExprId, Program};
use prov_model::{AppId, AttrId, IdentityId, KindId, fold, nfc};
use std::collections::BTreeMap;

/// Steps of the solver before it gives up, for each search.
const STEPS: u64 = 400_000;
/// Conflicts between dates and numbers in one search, at most.
const CONFLICTS: usize = 20_000;
/// Identities that are tried before the answer is that it can't be told.
const TRIES: usize = 40;
/// Attributes of which the least number is sought; of more, each by itself.
const COUNTED: usize = 64;

/// A claim over all identities of a type.
pub struct Question<'a> {
    /// The program, the claim's expressions in it.
    pub program: &'a Program,
    /// Whom it speaks of.
    pub identity: IdentityId,
    /// What must hold for nobody at no time.
    pub violated: ExprId,
    /// Whether exceptions may be there.
    pub exceptions: bool,
    /// The values that kinds allow.
    pub catalogs: &'a BTreeMap<(AppId, KindId), Vec<String>>,
}

/// What was found of a claim.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It holds for every identity at every time.
    Proved,
    /// It does not hold for this one.
    Refuted(Box<Candidate>),
    /// It can't be told, since these can't be expressed exactly; sorted.
    Unknown(Vec<Gap>),
}

/// How large a question was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Effort {
    /// Boolean variables.
    pub variables: usize,
    /// Identities that were tried on the engine.
    pub tried: usize,
}

/// Decides a claim. `confirm` asks an engine whether the claim's condition really holds of an identity.
pub fn prove(question: &Question<'_>, confirm: &mut dyn FnMut(&Candidate) -> bool) -> (Answer, Effort) {
    let program = question.program;
    let mut encoder = Encoder::new(program, question.identity, question.exceptions, STEPS);
    for (of, values) in question.catalogs {
        let folds = program.folds(of.0, of.1);
        let compared = |v: &String| {
            let v = nfc(v);
            if folds { fold(&v).into_owned() } else { v.into_owned() }
        };
        encoder.catalogs.insert(*of, values.iter().map(compared).collect());
    }
    encoder.in_claim = true;
    let goal = encoder.test(question.violated);
    encoder.finish();
    let mut search = Search { encoder, set_aside: false };
    let (answer, tried) = search.run(goal, question.violated, confirm);
    (answer, Effort { variables: search.encoder.sat.size(), tried })
}

struct Search<'p> {
    encoder: Encoder<'p>,
    /// Whether a model was set aside that no engine confirmed.
    set_aside: bool,
}

/// What is wished for, the most important first.
struct Wishes {
    /// What can't be expressed does not happen.
    open: Vec<Lit>,
    /// Nobody wrote anything by hand.
    rows: Vec<Lit>,
    /// Attributes are what they are by default.
    attributes: Vec<Lit>,
    /// What is not, is simple.
    simple: Vec<Lit>,
}

impl Search<'_> {
    fn run(
        &mut self,
        goal: Lit,
        violated: ExprId,
        confirm: &mut dyn FnMut(&Candidate) -> bool,
    ) -> (Answer, usize) {
        let wishes = self.wishes();
        let counts = if wishes.attributes.len() <= COUNTED {
            let away: Vec<Lit> = wishes.attributes.iter().map(|l| !*l).collect();
            self.encoder.sat.more_than(&away)
        } else {
            Vec::new()
        };
        let mut why = None;
        let mut tried = 0;
        // Days that are held on to while what follows from them is corrected.
        let mut days: Vec<Lit> = Vec::new();
        for _ in 0..TRIES {
            days.push(goal);
            if days.len() > 1 && self.find(&days) != Found::Model {
                days = vec![goal];
            }
            match self.find(&days) {
                Found::Nothing if !self.set_aside => return (Answer::Proved, tried),
                Found::Nothing => break,
                Found::GaveUp => {
                    why = Some("the search took too long");
                    break;
                }
                Found::Model => {}
            }
            self.simplify(&days, &wishes, &counts);
            match self.encoder.candidate() {
                Some(mut candidate) => {
                    tried += 1;
                    if confirm(&candidate) {
                        candidate.matters = self.matters(goal);
                        return (Answer::Refuted(Box::new(candidate)), tried);
                    }
                }
                None => why = Some("no text was found that fits all that is asked of one"),
            }
            // A model that is wrong about a calculation is corrected, and not set aside.
            days = self.encoder.correct();
            if !days.is_empty() {
                continue;
            }
            self.set_aside = true;
            let aside = self.difference();
            self.encoder.sat.clause(&aside);
        }
        let mut gaps: Vec<Gap> = self.encoder.gaps.keys().cloned().collect();
        let span = self.encoder.program.expr(violated).span;
        if let Some(why) = why {
            gaps.push(Gap { span, why: why.into() });
        } else if gaps.is_empty() {
            gaps.push(Gap {
                span,
                why: "no identity was found that breaks it, and none was ruled out".into(),
            });
        }
        gaps.sort();
        (Answer::Unknown(gaps), tried)
    }

    /// A model in which dates and numbers agree too.
    fn find(&mut self, assumed: &[Lit]) -> Found {
        for _ in 0..CONFLICTS {
            match self.encoder.sat.solve(assumed, STEPS) {
                Found::Model => {}
                other => return other,
            }
            let Some(conflict) = self.encoder.order.conflict(&self.encoder.sat) else { return Found::Model };
            let conflict: Vec<Lit> = conflict.iter().map(|l| !*l).collect();
            self.encoder.sat.clause(&conflict);
        }
        Found::GaveUp
    }

    /// Keeps a wish where it can be had beside those that are kept already.
    fn keep(&mut self, kept: &mut Vec<Lit>, wishes: &[Lit]) {
        for wish in wishes {
            kept.push(*wish);
            if !self.encoder.sat.holds(*wish) && self.find(kept) != Found::Model {
                kept.pop();
            }
        }
    }

    /// Makes the model that was found the simplest.
    fn simplify(&mut self, goal: &[Lit], wishes: &Wishes, counts: &[Lit]) {
        let mut kept = goal.to_vec();
        self.keep(&mut kept, &wishes.open);
        self.keep(&mut kept, &wishes.rows);
        // The fewest attributes away from their default, then which of them.
        let away = |me: &Self| wishes.attributes.iter().filter(|l| !me.encoder.sat.holds(**l)).count();
        while let Some(fewer) = away(self).checked_sub(1).and_then(|n| counts.get(n)) {
            kept.push(!*fewer);
            if self.find(&kept) != Found::Model {
                kept.pop();
                break;
            }
        }
        if let Some(more) = counts.get(away(self)) {
            kept.push(!*more);
        }
        self.keep(&mut kept, &wishes.attributes);
        self.keep(&mut kept, &wishes.simple);
        // What was tried last may have failed; the model is that of the last success, in which all kept wishes hold.
    }

    /// The attributes of the model without which the goal does not follow from it: one after another is let go, and
    /// stays so where the goal holds all the same.
    fn matters(&mut self, goal: Lit) -> Vec<AttrId> {
        let mut groups: Vec<(AttrId, Vec<Lit>)> = Vec::new();
        let mut fixed: Vec<Lit> = self.encoder.open.clone();
        let mut nodes = BTreeMap::new();
        for term in &self.encoder.terms {
            let mut lits = vec![term.present];
            match &term.shape {
                Shape::Bool(lit) => lits.push(*lit),
                Shape::Enum(variants) => lits.extend(variants),
                Shape::Text(texts) => lits.extend(texts.lits()),
                Shape::Set(set) => lits.extend(set.members.values().map(|m| m.1).chain([set.other])),
                Shape::Number(node) => {
                    if let Origin::Own(_) = term.origin {
                        nodes.insert(*node, groups.len());
                    }
                }
                Shape::Thing => {}
            }
            match term.origin {
                Origin::Own(attr) => groups.push((attr, lits)),
                Origin::Of(..) | Origin::Open | Origin::Moment => fixed.extend(lits),
            }
        }
        // What is calculated from an attribute hangs on it.
        for (made, from) in &self.encoder.derived {
            if let Some(group) = nodes.get(from).copied() {
                nodes.insert(*made, group);
            }
        }
        for ((a, b), lit) in self.encoder.order.atoms() {
            let of: Vec<usize> = [a, b].iter().filter_map(|n| nodes.get(n)).copied().collect();
            for group in &of {
                groups[*group].1.push(lit);
            }
            if of.is_empty() {
                fixed.push(lit);
            }
        }
        let encoder = &self.encoder;
        fixed.extend(encoder.rows.values().chain(encoder.members.values()).chain(encoder.referred.values()));
        let now = |lits: &[Lit]| -> Vec<Lit> {
            let real = lits.iter().filter(|l| **l != Lit::TRUE && **l != Lit::FALSE);
            real.map(|l| l.sign(encoder.sat.holds(*l))).collect()
        };
        let fixed = now(&fixed);
        let mut groups: Vec<(AttrId, Vec<Lit>, bool)> =
            groups.iter().map(|(attr, lits)| (*attr, now(lits), true)).collect();
        for i in 0..groups.len() {
            groups[i].2 = false;
            let mut assumed = vec![!goal];
            assumed.extend(&fixed);
            assumed.extend(groups.iter().filter(|g| g.2).flat_map(|g| &g.1));
            groups[i].2 = self.find(&assumed) != Found::Nothing;
        }
        groups.into_iter().filter(|g| g.2).map(|g| g.0).collect()
    }

    fn wishes(&mut self) -> Wishes {
        let mut wishes =
            Wishes { open: Vec::new(), rows: Vec::new(), attributes: Vec::new(), simple: Vec::new() };
        wishes.open.extend(self.encoder.open.iter().map(|l| !*l));
        // What was kept is further from a plain reading of the rules than what was asked for.
        let rows = &self.encoder.rows;
        let kept = |row: &Row| matches!(row, Row::Keep(..));
        wishes.rows.extend(rows.iter().filter(|(r, _)| kept(r)).map(|(_, l)| !*l));
        wishes.rows.extend(rows.iter().filter(|(r, _)| !kept(r)).map(|(_, l)| !*l));
        for number in 0..self.encoder.terms.len() {
            let term = &self.encoder.terms[number];
            let (origin, present) = (term.origin.clone(), term.present);
            let plain: Vec<Lit> = match &term.shape {
                Shape::Bool(lit) => vec![!*lit],
                Shape::Enum(variants) => variants.first().copied().into_iter().collect(),
                Shape::Text(texts) => texts.lits().map(|l| !l).collect(),
                Shape::Set(set) => set.members.values().map(|m| !m.1).chain([!set.other]).collect(),
                Shape::Number(_) | Shape::Thing => Vec::new(),
            };
            let own = matches!(origin, Origin::Own(_) | Origin::Of(..));
            if origin == Origin::Open {
                wishes.open.extend(&plain);
            } else if own && present != Lit::TRUE {
                wishes.attributes.push(!present);
                wishes.simple.extend(&plain);
            } else if own && !plain.is_empty() {
                let whole = self.encoder.sat.and(&plain);
                wishes.attributes.push(whole);
                wishes.simple.extend(&plain);
            }
        }
        wishes.attributes.extend(self.encoder.referred.values().map(|l| !*l));
        wishes.attributes.extend(self.encoder.members.values().copied());
        wishes
    }

    /// That the next model is another: in what can't be expressed, or, where there is no such thing, in anything.
    fn difference(&self) -> Vec<Lit> {
        let encoder = &self.encoder;
        let (mut open, mut own): (Vec<Lit>, Vec<Lit>) = (encoder.open.clone(), Vec::new());
        for term in &encoder.terms {
            let into = if term.origin == Origin::Open { &mut open } else { &mut own };
            match &term.shape {
                Shape::Bool(lit) => into.push(*lit),
                Shape::Enum(variants) => into.extend(variants),
                Shape::Text(texts) => into.extend(texts.lits()),
                Shape::Set(set) => into.extend(set.members.values().map(|m| m.1).chain([set.other])),
                Shape::Number(_) | Shape::Thing => {}
            }
            own.push(term.present);
        }
        own.extend(encoder.order.atoms().map(|a| a.1));
        own.extend(encoder.rows.values().chain(encoder.members.values()).chain(encoder.referred.values()));
        let lits = if open.is_empty() { own } else { open };
        lits.into_iter()
            .filter(|l| *l != Lit::TRUE && *l != Lit::FALSE)
            .map(|l| if encoder.sat.holds(l) { !l } else { l })
            .collect()
    }
}
