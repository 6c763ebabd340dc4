//! From terms to machine code: one function a condition, which walks rows and sets bits.
//! Invariant: the function reads only the words that it is handed and, within the bounds that these give, what they lead
//! to; it writes only the two lists of bits. It calls nothing, so it can't unwind.

use crate::days::Days;
use crate::term::{Binary, Layout, Slot, SlotId, Term, TermId, Terms, Unary};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I32, I64};
use cranelift_codegen::ir::{AbiParam, BlockArg, Function, InstBuilder, MemFlagsData, Signature, Value};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use prov_model::{CompareOp, IdentityId};

/// The signature of a kernel: words, first row, rows, bits of who holds, bits of whom to ask about.
pub(crate) fn signature(convention: CallConv) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params = vec![AbiParam::new(I64); 5];
    signature
}

/// What a term computes.
#[derive(Clone, Copy)]
struct Computed {
    /// A bool (8 bits, 0 or 1) or a number; of a span the months.
    a: Value,
    /// Of a span the days.
    b: Option<Value>,
    /// Whether it is there (8 bits, 0 or 1); none = always.
    present: Option<Value>,
}

pub(crate) fn emit(
    terms: &Terms,
    function: &mut Function,
    context: &mut FunctionBuilderContext,
    frontend: TargetFrontendConfig,
) {
    let mut builder = FunctionBuilder::new(function, context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let [words, start, rows, holds, asks] = {
        let p = builder.block_params(entry);
        [p[0], p[1], p[2], p[3], p[4]]
    };
    let (head, body) = (builder.create_block(), builder.create_block());
    let (flush, next, end) = (builder.create_block(), builder.create_block(), builder.create_block());
    // Row of the block, bits so far.
    let params =
        |builder: &mut FunctionBuilder<'_>, block| [(); 3].map(|()| builder.append_block_param(block, I64));
    let args = |list: [Value; 3]| list.map(BlockArg::from);
    let zero = builder.ins().iconst(I64, 0);
    builder.ins().jump(head, &args([zero, zero, zero]));

    let [at, holding, asking] = params(&mut builder, head);
    builder.switch_to_block(head);
    let more = builder.ins().icmp(IntCC::UnsignedLessThan, at, rows);
    builder.ins().brif(more, body, &[], end, &[]);

    builder.switch_to_block(body);
    let row = builder.ins().iadd(start, at);
    let mut emitter = Emitter { builder, terms, words, row, known: Vec::new(), asks: Vec::new() };
    let (hit, ask) = emitter.row();
    let mut builder = emitter.builder;
    let hit = builder.ins().uextend(I64, hit);
    let ask = builder.ins().uextend(I64, ask);
    let bit = builder.ins().band_imm_s(at, 63);
    let hit = builder.ins().ishl(hit, bit);
    let ask = builder.ins().ishl(ask, bit);
    let holding = builder.ins().bor(holding, hit);
    let asking = builder.ins().bor(asking, ask);
    let after = builder.ins().iadd_imm_s(at, 1);
    let last_bit = builder.ins().icmp_imm_s(IntCC::Equal, bit, 63);
    let last_row = builder.ins().icmp(IntCC::Equal, after, rows);
    let full = builder.ins().bor(last_bit, last_row);
    builder.ins().brif(full, flush, &[], next, &args([after, holding, asking]));

    builder.switch_to_block(flush);
    let word = builder.ins().ushr_imm_u(at, 6);
    let offset = builder.ins().ishl_imm_u(word, 3);
    for (list, bits) in [(holds, holding), (asks, asking)] {
        let to = builder.ins().iadd(list, offset);
        builder.ins().store(MemFlagsData::trusted(), bits, to, 0);
    }
    let zero = builder.ins().iconst(I64, 0);
    builder.ins().jump(next, &args([after, zero, zero]));

    let [after, holding, asking] = params(&mut builder, next);
    builder.switch_to_block(next);
    builder.ins().jump(head, &args([after, holding, asking]));

    builder.switch_to_block(end);
    builder.ins().return_(&[]);
    builder.seal_all_blocks();
    builder.finalize(frontend);
}

struct Emitter<'t, 'f> {
    builder: FunctionBuilder<'f>,
    terms: &'t Terms,
    words: Value,
    row: Value,
    /// By term.
    known: Vec<Computed>,
    /// What may make the row ask.
    asks: Vec<Value>,
}

impl Emitter<'_, '_> {
    /// Whether the condition holds for the row at hand, and whether it asks.
    fn row(&mut self) -> (Value, Value) {
        let terms = self.terms;
        for term in &terms.list {
            let computed = self.term(term);
            self.known.push(computed);
        }
        let root = self.known[terms.root as usize];
        let mut ask = self.byte(false);
        for part in std::mem::take(&mut self.asks) {
            ask = self.builder.ins().bor(ask, part);
        }
        let holds = self.truth(root);
        // Who asks does not hold too: what it reads may be anything.
        let known = self.builder.ins().bxor_imm_u(ask, 1);
        (self.builder.ins().band(holds, known), ask)
    }

    fn byte(&mut self, value: bool) -> Value {
        self.builder.ins().iconst(I8, i64::from(value))
    }

    fn number(&mut self, value: i64) -> Value {
        self.builder.ins().iconst(I64, value)
    }

    fn of(&self, id: TermId) -> Computed {
        self.known[id as usize]
    }

    fn and(&mut self, a: Option<Value>, b: Option<Value>) -> Option<Value> {
        match (a, b) {
            (None, x) | (x, None) => x,
            (Some(a), Some(b)) => Some(self.builder.ins().band(a, b)),
        }
    }

    /// True where something is there and true.
    fn truth(&mut self, of: Computed) -> Value {
        match of.present {
            None => of.a,
            Some(present) => self.builder.ins().band(of.a, present),
        }
    }

    fn presence(&mut self, of: Computed) -> Value {
        match of.present {
            None => self.byte(true),
            Some(present) => present,
        }
    }

    /// A word of a slot.
    fn word(&mut self, slot: SlotId, number: usize) -> Value {
        let offset = (self.terms.offset(slot) + number) * 8;
        let flags = MemFlagsData::trusted().with_readonly();
        self.builder.ins().load(I64, flags, self.words, offset as i32)
    }

    /// Where a cell lies, of so many times two bytes.
    fn cell(&mut self, list: Value, row: Value, shift: i64) -> Value {
        let offset = self.builder.ins().ishl_imm_u(row, shift);
        self.builder.ins().iadd(list, offset)
    }

    /// A bit of a list of bits, as a byte.
    fn bit(&mut self, list: Value, mask: Option<Value>, row: Value) -> Value {
        let flags = MemFlagsData::trusted().with_readonly();
        let mut word = self.builder.ins().ushr_imm_u(row, 6);
        if let Some(mask) = mask {
            word = self.builder.ins().band(word, mask);
        }
        let at = self.cell(list, word, 3);
        let bits = self.builder.ins().load(I64, flags, at, 0);
        let place = self.builder.ins().band_imm_s(row, 63);
        let bits = self.builder.ins().ushr(bits, place);
        let bit = self.builder.ins().band_imm_s(bits, 1);
        self.builder.ins().ireduce(I8, bit)
    }

    /// Presence of a cell whose slot has its bits from this word on.
    fn valid(&mut self, row: Computed, slot: SlotId) -> Option<Value> {
        let (list, mask) = (self.word(slot, 1), self.word(slot, 2));
        let valid = self.bit(list, Some(mask), row.a);
        self.and(row.present, Some(valid))
    }

    /// The row asks where another's record can't be trusted.
    fn trust(&mut self, id: TermId, of: IdentityId) {
        if self.terms.list[id as usize] == Term::Own {
            return;
        }
        let Some(slot) = self.terms.slots.iter().position(|s| *s == Slot::Broken(of)) else { return };
        let row = self.of(id);
        let (list, mask) = (self.word(slot as SlotId, 0), self.word(slot as SlotId, 1));
        let bit = self.bit(list, Some(mask), row.a);
        let ask = self.and(row.present, Some(bit));
        self.asks.extend(ask);
    }

    fn term(&mut self, term: &Term) -> Computed {
        let always = |a| Computed { a, b: None, present: None };
        match term {
            Term::Absent(bool) => {
                let a = if *bool { self.byte(false) } else { self.number(0) };
                Computed { a, b: None, present: Some(self.byte(false)) }
            }
            Term::Bool(b) => always(self.byte(*b)),
            Term::Number(n) => always(self.number(*n)),
            Term::Span(months, days) => {
                let (a, b) = (self.number(i64::from(*months)), self.number(i64::from(*days)));
                Computed { a, b: Some(b), present: None }
            }
            Term::Own => always(self.row),
            Term::Refer(row, slot) => self.refer(*row, *slot),
            Term::Read(row, slot, layout) => self.read(*row, *slot, *layout),
            Term::State(row, slot, any) => self.state(*row, *slot, *any),
            Term::Source(slot) => {
                let (has, unknown) = (self.word(*slot, 0), self.word(*slot, 1));
                let unknown = self.bit(unknown, None, self.row);
                self.asks.push(unknown);
                always(self.bit(has, None, self.row))
            }
            Term::Rank(row, slot) => self.rank(*row, *slot),
            Term::Param(slot) => always(self.word(*slot, 0)),
            Term::Not(of) => {
                let of = self.of(*of);
                Computed { a: self.builder.ins().bxor_imm_u(of.a, 1), ..of }
            }
            Term::All(list) => always(self.join(list, true)),
            Term::One(list) => always(self.join(list, false)),
            Term::Every(list) => self.join_strictly(list, true),
            Term::Any(list) => self.join_strictly(list, false),
            Term::Compare(op, spans, a, b) => self.compare(*op, *spans, *a, *b),
            Term::Present(of) => {
                let of = self.of(*of);
                always(self.presence(of))
            }
            Term::Else(first, second) => {
                let (first, second) = (self.of(*first), self.of(*second));
                let Some(present) = first.present else { return first };
                let chosen = self.choose(present, first, second);
                let present = second.present.map(|other| self.builder.ins().bor(present, other));
                Computed { present, ..chosen }
            }
            Term::If(cond, yes, no) => {
                let (cond, yes, no) = (self.of(*cond), self.of(*yes), self.of(*no));
                let chosen = self.choose(cond.a, yes, no);
                let (yes, no) = (self.presence(yes), self.presence(no));
                let present = self.builder.ins().select(cond.a, yes, no);
                Computed { present: self.and(cond.present, Some(present)), ..chosen }
            }
            Term::Binary(how, a, b) => self.binary(*how, *a, *b),
            Term::Unary(how, of) => self.unary(*how, *of),
        }
    }

    /// One of two values, without their presence.
    fn choose(&mut self, cond: Value, yes: Computed, no: Computed) -> Computed {
        let a = self.builder.ins().select(cond, yes.a, no.a);
        let b = (yes.b.is_some() || no.b.is_some()).then(|| {
            let zero = self.number(0);
            self.builder.ins().select(cond, yes.b.unwrap_or(zero), no.b.unwrap_or(zero))
        });
        Computed { a, b, present: None }
    }

    fn refer(&mut self, id: TermId, slot: SlotId) -> Computed {
        let Slot::Refs(of, _, _) = self.terms.slots[slot as usize] else {
            unreachable!("a reference is read by its slot")
        };
        self.trust(id, of);
        let row = self.of(id);
        let (list, rows) = (self.word(slot, 0), self.word(slot, 1));
        let at = self.cell(list, row.a, 2);
        let to = self.builder.ins().uload32(MemFlagsData::trusted().with_readonly(), at, 0);
        // Nobody is the greatest number there is.
        let some = self.builder.ins().icmp(IntCC::UnsignedLessThan, to, rows);
        let zero = self.number(0);
        let a = self.builder.ins().select(some, to, zero);
        Computed { a, b: None, present: self.and(row.present, Some(some)) }
    }

    fn read(&mut self, id: TermId, slot: SlotId, layout: Layout) -> Computed {
        let Slot::Column(of, ..) = self.terms.slots[slot as usize] else {
            unreachable!("a column is read by its slot")
        };
        self.trust(id, of);
        let row = self.of(id);
        let present = self.valid(row, slot);
        let flags = MemFlagsData::trusted().with_readonly();
        let list = self.word(slot, 0);
        let (mut b, a) = (
            None,
            match layout {
                Layout::Byte => {
                    let at = self.cell(list, row.a, 0);
                    let byte = self.builder.ins().load(I8, flags, at, 0);
                    self.builder.ins().band_imm_s(byte, 1)
                }
                Layout::I32 => {
                    let at = self.cell(list, row.a, 2);
                    self.builder.ins().sload32(flags, at, 0)
                }
                Layout::U32 => {
                    let at = self.cell(list, row.a, 2);
                    self.builder.ins().uload32(flags, at, 0)
                }
                Layout::I64 => {
                    let at = self.cell(list, row.a, 3);
                    self.builder.ins().load(I64, flags, at, 0)
                }
                Layout::Span => {
                    let at = self.cell(list, row.a, 3);
                    self.builder.ins().sload32(flags, at, 0)
                }
                Layout::Presence => self.number(0),
            },
        );
        if layout == Layout::Span {
            let at = self.cell(list, row.a, 3);
            b = Some(self.builder.ins().sload32(flags, at, 4));
        }
        Computed { a, b, present }
    }

    fn state(&mut self, id: TermId, slot: SlotId, any: bool) -> Computed {
        let row = self.of(id);
        let list = self.word(slot, 0);
        let at = self.cell(list, row.a, 2);
        let state = self.builder.ins().uload32(MemFlagsData::trusted().with_readonly(), at, 0);
        let none = self.builder.ins().icmp_imm_u(IntCC::Equal, state, i64::from(u32::MAX));
        if any {
            let ask = self.and(row.present, Some(none));
            self.asks.extend(ask);
            return Computed { a: state, b: None, present: row.present };
        }
        let some = self.builder.ins().bxor_imm_u(none, 1);
        Computed { a: state, b: None, present: self.and(row.present, Some(some)) }
    }

    fn rank(&mut self, id: TermId, slot: SlotId) -> Computed {
        let Slot::Ranks(of, ..) = self.terms.slots[slot as usize] else {
            unreachable!("a rank is read by its slot")
        };
        self.trust(id, of);
        let row = self.of(id);
        let present = self.valid(row, slot);
        let flags = MemFlagsData::trusted().with_readonly();
        let list = self.word(slot, 0);
        let at = self.cell(list, row.a, 2);
        let code = self.builder.ins().uload32(flags, at, 0);
        let (ranks, last) = (self.word(slot, 3), self.word(slot, 4));
        // Whatever lies under an absent row, and in a column that is not sound, is within.
        let code = self.least(code, last);
        let at = self.cell(ranks, code, 2);
        let a = self.builder.ins().uload32(flags, at, 0);
        Computed { a, b: None, present }
    }

    fn join(&mut self, list: &[TermId], and: bool) -> Value {
        let mut out = self.byte(and);
        for &part in list {
            let part = self.of(part);
            let part = self.truth(part);
            out = if and { self.builder.ins().band(out, part) } else { self.builder.ins().bor(out, part) };
        }
        out
    }

    fn join_strictly(&mut self, list: &[TermId], and: bool) -> Computed {
        let (mut a, mut present) = (self.byte(and), None);
        for &part in list {
            let part = self.of(part);
            a = if and { self.builder.ins().band(a, part.a) } else { self.builder.ins().bor(a, part.a) };
            present = self.and(present, part.present);
        }
        Computed { a, b: None, present }
    }

    fn compare(&mut self, op: CompareOp, spans: bool, a: TermId, b: TermId) -> Computed {
        let (a, b) = (self.of(a), self.of(b));
        let present = self.and(a.present, b.present);
        let wide = |me: &mut Self, v: Value| {
            if me.builder.func.dfg.value_type(v) == I8 { me.builder.ins().uextend(I64, v) } else { v }
        };
        if !spans {
            let (a, b) = (wide(self, a.a), wide(self, b.a));
            let cc = match op {
                CompareOp::Eq => IntCC::Equal,
                CompareOp::Ne => IntCC::NotEqual,
                CompareOp::Lt => IntCC::SignedLessThan,
                CompareOp::Le => IntCC::SignedLessThanOrEqual,
                CompareOp::Gt => IntCC::SignedGreaterThan,
                CompareOp::Ge => IntCC::SignedGreaterThanOrEqual,
            };
            return Computed { a: self.builder.ins().icmp(cc, a, b), b: None, present };
        }
        // By days, a month counting as thirty; of equal ones by months.
        let (left, right) = (self.days_of(a), self.days_of(b));
        let ins = |me: &mut Self, cc, x, y| me.builder.ins().icmp(cc, x, y);
        let same = ins(self, IntCC::Equal, left, right);
        let equal = ins(self, IntCC::Equal, a.a, b.a);
        let (less, fewer) =
            (ins(self, IntCC::SignedLessThan, left, right), ins(self, IntCC::SignedLessThan, a.a, b.a));
        let equal = self.builder.ins().band(same, equal);
        let tied = self.builder.ins().band(same, fewer);
        let less = self.builder.ins().bor(less, tied);
        let not = |me: &mut Self, v| me.builder.ins().bxor_imm_u(v, 1);
        let a = match op {
            CompareOp::Eq => equal,
            CompareOp::Ne => not(self, equal),
            CompareOp::Lt => less,
            CompareOp::Ge => not(self, less),
            CompareOp::Le => self.builder.ins().bor(less, equal),
            CompareOp::Gt => {
                let most = self.builder.ins().bor(less, equal);
                not(self, most)
            }
        };
        Computed { a, b: None, present }
    }

    fn days_of(&mut self, span: Computed) -> Value {
        let thirty = self.builder.ins().imul_imm_s(span.a, 30);
        match span.b {
            Some(days) => self.builder.ins().iadd(thirty, days),
            None => thirty,
        }
    }

    fn least(&mut self, a: Value, b: Value) -> Value {
        let less = self.builder.ins().icmp(IntCC::SignedLessThan, a, b);
        self.builder.ins().select(less, a, b)
    }

    fn most(&mut self, a: Value, b: Value) -> Value {
        let less = self.builder.ins().icmp(IntCC::SignedLessThan, a, b);
        self.builder.ins().select(less, b, a)
    }

    /// Held within 32 bits.
    fn narrow(&mut self, value: Value) -> Value {
        let (low, high) = (self.number(i64::from(i32::MIN)), self.number(i64::from(i32::MAX)));
        let value = self.most(value, low);
        self.least(value, high)
    }

    /// The end of the numbers on the side that the sign of a value says, where something is below zero.
    fn saturate(&mut self, overflow: Value, side: Value, value: Value) -> Value {
        let sign = self.builder.ins().sshr_imm_u(side, 63);
        let most = self.number(i64::MAX);
        let end = self.builder.ins().bxor(sign, most);
        self.builder.ins().select(overflow, end, value)
    }

    fn add(&mut self, a: Value, b: Value) -> Value {
        let sum = self.builder.ins().iadd(a, b);
        let (x, y) = (self.builder.ins().bxor(a, sum), self.builder.ins().bxor(b, sum));
        let both = self.builder.ins().band(x, y);
        let overflow = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, both, 0);
        self.saturate(overflow, a, sum)
    }

    fn sub(&mut self, a: Value, b: Value) -> Value {
        let rest = self.builder.ins().isub(a, b);
        let (x, y) = (self.builder.ins().bxor(a, b), self.builder.ins().bxor(a, rest));
        let both = self.builder.ins().band(x, y);
        let overflow = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, both, 0);
        self.saturate(overflow, a, rest)
    }

    /// The low 64 bits of a product, and whether that is not all of it.
    fn product(&mut self, a: Value, b: Value) -> (Value, Value) {
        let (low, high) = (self.builder.ins().imul(a, b), self.builder.ins().smulhi(a, b));
        let sign = self.builder.ins().sshr_imm_u(low, 63);
        (low, self.builder.ins().icmp(IntCC::NotEqual, high, sign))
    }

    fn binary(&mut self, how: Binary, a: TermId, b: TermId) -> Computed {
        let (a, b) = (self.of(a), self.of(b));
        let present = self.and(a.present, b.present);
        let zero = self.number(0);
        let days = b.b.unwrap_or(zero);
        let one = |a| Computed { a, b: None, present };
        match how {
            Binary::Add => one(self.add(a.a, b.a)),
            Binary::Sub => one(self.sub(a.a, b.a)),
            Binary::Mul => {
                let (product, overflow) = self.product(a.a, b.a);
                let side = self.builder.ins().bxor(a.a, b.a);
                one(self.saturate(overflow, side, product))
            }
            Binary::MulDecimal => {
                let (product, large) = self.product(a.a, b.a);
                // Rounded half away from zero; what does not fit into 64 bits on the way is asked about.
                let sign = self.builder.ins().sshr_imm_u(product, 63);
                let half = self.number(5_000);
                let half = self.builder.ins().bxor(half, sign);
                let half = self.builder.ins().isub(half, sign);
                let sum = self.builder.ins().iadd(product, half);
                let turned = self.builder.ins().bxor(sum, product);
                let turned = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, turned, 0);
                let odd = self.builder.ins().bor(large, turned);
                let ask = self.and(present, Some(odd));
                self.asks.extend(ask);
                let by = self.number(10_000);
                one(self.builder.ins().sdiv(sum, by))
            }
            Binary::DatePlus => one(Days(&mut self.builder).plus(a.a, b.a, days)),
            Binary::DateMinus => {
                let rest = self.builder.ins().isub(a.a, b.a);
                let rest = self.builder.ins().ireduce(I32, rest);
                let rest = self.builder.ins().sextend(I64, rest);
                Computed { a: zero, b: Some(rest), present }
            }
            Binary::SpanPlus => {
                let months = self.builder.ins().iadd(a.a, b.a);
                let of = a.b.unwrap_or(zero);
                let days = self.builder.ins().iadd(of, days);
                Computed { a: self.narrow(months), b: Some(self.narrow(days)), present }
            }
            Binary::SpanTimes => {
                let times = self.narrow(a.a);
                let months = self.builder.ins().imul(times, b.a);
                let days = self.builder.ins().imul(times, days);
                Computed { a: self.narrow(months), b: Some(self.narrow(days)), present }
            }
            Binary::Between(unit) => match Days(&mut self.builder).between(unit, a.a, b.a) {
                Some(units) => one(units),
                None => Computed { a: zero, b: None, present: Some(self.byte(false)) },
            },
        }
    }

    fn unary(&mut self, how: Unary, of: TermId) -> Computed {
        let of = self.of(of);
        let zero = self.number(0);
        let one = |a| Computed { a, ..of };
        match how {
            Unary::Neg => one(self.sub(zero, of.a)),
            Unary::NegSpan => {
                let (months, days) = (of.a, of.b.unwrap_or(zero));
                let months = self.builder.ins().isub(zero, months);
                let days = self.builder.ins().isub(zero, days);
                Computed { a: self.narrow(months), b: Some(self.narrow(days)), ..of }
            }
            Unary::Abs => {
                let opposite = self.sub(zero, of.a);
                one(self.most(of.a, opposite))
            }
            Unary::Year => one(Days(&mut self.builder).year_month_day(of.a).0),
            Unary::Month => one(Days(&mut self.builder).year_month_day(of.a).1),
            Unary::Day => one(Days(&mut self.builder).year_month_day(of.a).2),
            Unary::Weekday => one(Days(&mut self.builder).weekday(of.a)),
        }
    }
}
