//! What a run over everyone cost: how rules were met, whom the interpreter had to be asked about and why, how long it took.
//! Invariant: counts are a function of program, data and moment, whatever the number of threads; only times vary. A run
//! without a [`Probe`] measures nothing.

use crate::evaluate::{Engine, Way};
use crate::interp::Interp;
use prov_ir::ExprId;
use prov_model::{AppId, IdentityId, KindId, Lap, Population, Stopwatch};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Takes note of what a run does. One belongs to one plan: of several evaluations it tells the last.
#[derive(Debug)]
pub struct Probe {
    watch: Stopwatch,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    types: Vec<TypeProfile>,
    rules: Vec<RuleProfile>,
    /// By type.
    counts: Vec<Counts>,
}

/// Why someone is not decided by columns alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Their record, or what their rules read of another's, can't be read in full.
    Unread,
    /// An assignment or an exception is about them.
    ByHand,
    /// Memory says what they keep, or held on entering a state.
    Remembered,
    /// Their state can't be known.
    NoState,
    /// More is to be said of who is in this state of their lifecycle.
    State(u32),
    /// An account of their type asks for what is held.
    Accounts,
    /// An account of theirs can't be told, or has no name.
    Account,
    /// This rule may hold, and gives more than columns can tell.
    Rule(u32),
    /// The condition of this rule can't be known for them.
    Condition(u32),
    /// A grant of this rule is computed, and gives more than one thing or can't be known.
    Value(u32),
    /// They are granted something blank, outside its catalog, or spelled in two ways.
    Spelling(AppId, KindId),
    /// They are granted several of kinds of which the highest wins.
    Ranked(AppId, KindId),
    /// This forbid covers something that they are granted, and may hold.
    Forbid(u32),
    /// This separation names several things that they are granted.
    Separation(u32),
}

/// What a rule gives that columns can't tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplain {
    /// It is for another type of identity.
    OtherType,
    /// A forbid or a separation may withhold the role itself, or it has parameters.
    Gated,
    /// It includes instances of a role with parameters.
    Instances,
    /// This grant stands in `each`.
    Each(u32),
    /// This grant is kept for a while.
    Keep(u32),
    /// What this grant gives, or when, follows from two or more inputs, or from one that is no single value.
    Inputs(u32),
    /// Its condition asks for roles, entitlements or accounts, and can't be told by value.
    Steps,
}

/// A part of a condition that no formula says: the interpreter is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Open {
    /// The part.
    pub expr: ExprId,
}

/// How a rule is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// By nobody: it has no condition, or one that is false for everyone in the data.
    Never,
    /// By a list: it is looked at only for rows that satisfy this part of its condition.
    List {
        /// The part.
        part: Part,
        /// For how many rows it is looked at.
        rows: u64,
        /// What else is tested for these, at most.
        rest: u32,
    },
    /// For all rows, 64 in a word.
    Words {
        /// Of how many formulas it is made, itself included.
        formulas: u32,
    },
    /// By the interpreter, person by person.
    Walked {
        /// Whether only for those who have a value that it waits for.
        indexed: bool,
    },
}

/// A part of a condition that reads one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The input, as a policy writes it.
    pub input: String,
    /// The condition over it; of a set, the element that it must contain.
    pub expr: ExprId,
    /// Whether it is a set that must contain something.
    pub contains: bool,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct RuleProfile {
    /// Its position in the program.
    pub rule: u32,
    /// How it is met.
    pub met: Met,
    /// Who has it by its own condition, or by hand.
    pub matches: u64,
    /// Steps of matching, were it alone: rows looked at, times what is tested for each; or words worked out.
    pub steps: u64,
    /// For how many the interpreter was asked whether it holds, or all about them, on its account.
    pub asked: u64,
    /// Parts of its condition that each read one input.
    pub parts: u32,
    /// Of these, parts that other rules have too.
    pub shared: u32,
    /// Parts that no formula says.
    pub open: Vec<Open>,
    /// Of these, parts that machine code decides and not the interpreter.
    pub compiled: u32,
    /// Why what it gives is not told by columns, and the rule (itself, or one that it brings) of which that is so.
    pub unplain: Option<(Unplain, u32)>,
}

impl RuleProfile {
    /// A rule that the interpreter walks.
    pub(crate) fn walked(rule: u32, indexed: bool) -> RuleProfile {
        let (matches, steps, asked, parts, shared) = Default::default();
        let met = Met::Walked { indexed };
        RuleProfile {
            rule,
            met,
            matches,
            steps,
            asked,
            parts,
            shared,
            open: Vec::new(),
            compiled: 0,
            unplain: None,
        }
    }
}

/// A part that several rules have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The part.
    pub part: Part,
    /// How many rules have it.
    pub rules: u32,
    /// For how many rows it is true.
    pub rows: u64,
}

/// An input of conditions over a population.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputProfile {
    /// As a policy writes it.
    pub name: String,
    /// How many values there are; none where it is too rich to be told by value.
    pub values: Option<u32>,
    /// How many classes: values of one class satisfy the same parts.
    pub classes: u32,
    /// How many parts of conditions read it.
    pub parts: u32,
}

/// One identity type.
#[derive(Clone, Debug)]
pub struct TypeProfile {
    /// The type.
    pub identity: IdentityId,
    /// How many there are.
    pub people: u64,
    /// By columns, how; none where the interpreter decides everyone.
    pub columns: Option<ColumnsProfile>,
    /// Who was decided by columns alone.
    pub simple: u64,
    /// Who was not, by why.
    pub asked: Vec<(Why, u64)>,
}

/// What the columnar engine made of a type's rules.
#[derive(Clone, Debug)]
pub struct ColumnsProfile {
    /// What conditions read.
    pub inputs: Vec<InputProfile>,
    /// Parts of conditions, each counted once.
    pub parts: u32,
    /// The same, counted in every rule that has it.
    pub mentions: u32,
    /// Those that most rules have, the most shared first.
    pub shared: Vec<Shared>,
    /// Rules that wait in lists.
    pub in_lists: u32,
    /// Rules that are worked out for all rows.
    pub in_words: u32,
    /// Formulas that these are made of, each counted once.
    pub word_formulas: u32,
    /// What can be granted.
    pub entitlements: u32,
    /// Bytes of classes and lists.
    pub bytes: u64,
    /// Bytes that each thread needs beside these.
    pub bytes_a_thread: u64,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Profile {
    /// What phases took.
    pub laps: Vec<Lap>,
    /// By type.
    pub types: Vec<TypeProfile>,
    /// Rules in the order of the program.
    pub rules: Vec<RuleProfile>,
}

/// What a block, or all of them, counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// By rule: who has it.
    matches: Vec<u64>,
    /// By rule: for whom the interpreter was asked whether it holds.
    tested: Vec<u64>,
    simple: u64,
    asked: BTreeMap<Why, u64>,
}

impl Counts {
    pub(crate) fn new(rules: usize) -> Counts {
        Counts { matches: vec![0; rules], tested: vec![0; rules], ..Counts::default() }
    }

    /// Someone whom columns alone decide.
    pub(crate) fn simple(&mut self, rules: &[u32]) {
        self.simple += 1;
        rules.iter().for_each(|rule| self.matches[*rule as usize] += 1);
    }

    /// Someone whom the interpreter has decided.
    pub(crate) fn asked(&mut self, why: Option<Why>, interp: &Interp<'_>) {
        interp.facts.had_rules().for_each(|rule| self.matches[rule as usize] += 1);
        if let Some(why) = why {
            *self.asked.entry(why).or_default() += 1;
        }
    }

    /// A rule that the interpreter was asked about.
    pub(crate) fn tested(&mut self, rule: u32) {
        self.tested[rule as usize] += 1;
    }

    fn add(&mut self, other: Counts) {
        self.simple += other.simple;
        for (sums, more) in [(&mut self.matches, other.matches), (&mut self.tested, other.tested)] {
            sums.resize(sums.len().max(more.len()), 0);
            sums.iter_mut().zip(more).for_each(|(sum, n)| *sum += n);
        }
        for (why, n) in other.asked {
            *self.asked.entry(why).or_default() += n;
        }
    }
}

impl Probe {
    /// One that nothing was noted by yet.
    pub fn new(watch: Stopwatch) -> Arc<Probe> {
        Arc::new(Probe { watch, noted: Mutex::default() })
    }

    /// What measures time.
    pub fn watch(&self) -> &Stopwatch {
        &self.watch
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        // Numbers are whole whatever another thread did.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a run, given how each type and each rule are met.
    pub(crate) fn begin(&self, types: Vec<TypeProfile>, rules: Vec<RuleProfile>) {
        let counts = types.iter().map(|_| Counts::default()).collect();
        *self.noted() = Noted { types, rules, counts };
    }

    /// Adds what a block of a type counted.
    pub(crate) fn add(&self, ty: IdentityId, counts: Counts) {
        if let Some(sum) = self.noted().counts.get_mut(ty.index()) {
            sum.add(counts);
        }
    }

    /// What was noted of the last run.
    pub fn profile(&self) -> Profile {
        let noted = self.noted();
        let mut profile =
            Profile { laps: self.watch.laps(), types: noted.types.clone(), rules: noted.rules.clone() };
        for (ty, counts) in profile.types.iter_mut().zip(&noted.counts) {
            ty.simple = counts.simple;
            ty.asked = counts.asked.iter().map(|(why, n)| (*why, *n)).collect();
            ty.asked.sort_by_key(|(why, n)| (std::cmp::Reverse(*n), *why));
            for rule in &mut profile.rules {
                let at = rule.rule as usize;
                rule.matches += counts.matches.get(at).copied().unwrap_or(0);
                rule.asked += counts.tested.get(at).copied().unwrap_or(0);
            }
            for (why, n) in &counts.asked {
                let (Why::Rule(rule) | Why::Condition(rule) | Why::Value(rule)) = *why else { continue };
                if let Some(rule) = profile.rules.get_mut(rule as usize) {
                    rule.asked += n;
                }
            }
        }
        profile
    }
}

impl Engine {
    /// Notes how each type and each rule are met.
    pub(crate) fn note(&self, probe: &Probe, ways: &[Way<'_>], population: &Population, block: usize) {
        let program = self.program();
        let (mut types, mut rules): (Vec<TypeProfile>, Vec<RuleProfile>) = Default::default();
        for (way, ty) in ways.iter().zip(0..) {
            let (identity, people) = (IdentityId(ty), population.types[ty as usize].len() as u64);
            match way {
                Way::Columns(side) => {
                    let (ty, of_type) = side.report(program, people, block);
                    types.push(ty);
                    rules.extend(of_type);
                }
                Way::Rows(index) => {
                    types.push(TypeProfile { identity, people, columns: None, simple: 0, asked: Vec::new() });
                    let of_type = program.rules.iter().zip(0..).filter(|(r, _)| r.identity == identity);
                    let walked = |rule| RuleProfile::walked(rule, index.waits(rule));
                    rules.extend(of_type.map(|(_, rule)| walked(rule)));
                }
            }
        }
        rules.sort_by_key(|r| r.rule);
        probe.begin(types, rules);
    }

    /// Who takes note, if anybody.
    pub fn probe(&self) -> Option<&Arc<Probe>> {
        self.probe.as_ref()
    }

    /// What measures time, if anything.
    pub fn watch(&self) -> Option<&Stopwatch> {
        self.probe.as_deref().map(Probe::watch)
    }
}
