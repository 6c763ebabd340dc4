//! The calendar in machine code: years, months and days of a day number (Hinnant, chrono-compatible low-level date
//! algorithms), in numbers that are shifted to be above zero.
//! Invariant: what comes out is what `prov_model::Date` says, for every day and span; tests hold all days against it.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::FunctionBuilder;
use prov_model::{Date, Unit};

/// Days of 400 years, and of as many such as shift all days above zero.
const ERA: i64 = 146_097;
const ERAS: i64 = 30;
/// Days from the first of March of the year 0 to the epoch.
const EPOCH: i64 = 719_468;

/// The first and the last day that a date can be.
fn ends() -> (i64, i64) {
    let end = |year, month, day| Date::from_ymd(year, month, day).map_or(0, |d| i64::from(d.0));
    (end(-9999, 1, 1), end(9999, 12, 31))
}

pub(crate) struct Days<'b, 'f>(pub &'b mut FunctionBuilder<'f>);

impl Days<'_, '_> {
    fn number(&mut self, n: i64) -> Value {
        self.0.ins().iconst(I64, n)
    }

    fn clamp(&mut self, value: Value, low: i64, high: i64) -> Value {
        let (low, high) = (self.number(low), self.number(high));
        let less = self.0.ins().icmp(IntCC::SignedLessThan, value, low);
        let value = self.0.ins().select(less, low, value);
        let more = self.0.ins().icmp(IntCC::SignedGreaterThan, value, high);
        self.0.ins().select(more, high, value)
    }

    /// A number from 0 to 2^28 by a constant, by multiplication: exact, since what the factor is too large by is below the
    /// divisor.
    fn divide(&mut self, value: Value, by: i64) -> Value {
        let shift = 28 + i64::from((by - 1).ilog2()) + 1;
        let factor = ((1i64 << shift) + by - 1) / by;
        let product = self.0.ins().imul_imm_s(value, factor);
        self.0.ins().ushr_imm_u(product, shift)
    }

    fn rest(&mut self, value: Value, quotient: Value, by: i64) -> Value {
        let whole = self.0.ins().imul_imm_s(quotient, by);
        self.0.ins().isub(value, whole)
    }

    /// Year, month and day of a day; days beyond the calendar count as its ends.
    pub(crate) fn year_month_day(&mut self, day: Value) -> (Value, Value, Value) {
        let (first, last) = ends();
        let day = self.clamp(day, first, last);
        let shifted = self.0.ins().iadd_imm_s(day, EPOCH + ERAS * ERA);
        let era = self.divide(shifted, ERA);
        let of_era = self.rest(shifted, era, ERA);
        // Of 400 years, that begin in March: the leap days are taken out.
        let (a, b, c) =
            (self.divide(of_era, 1_460), self.divide(of_era, 36_524), self.divide(of_era, 146_096));
        let whole = self.0.ins().isub(of_era, a);
        let whole = self.0.ins().iadd(whole, b);
        let whole = self.0.ins().isub(whole, c);
        let of_years = self.divide(whole, 365);
        let (fourth, hundredth) = (self.divide(of_years, 4), self.divide(of_years, 100));
        let years = self.0.ins().imul_imm_s(of_years, 365);
        let years = self.0.ins().iadd(years, fourth);
        let years = self.0.ins().isub(years, hundredth);
        let of_year = self.0.ins().isub(of_era, years);
        let five = self.0.ins().imul_imm_s(of_year, 5);
        let five = self.0.ins().iadd_imm_s(five, 2);
        let from_march = self.divide(five, 153);
        let before = self.0.ins().imul_imm_s(from_march, 153);
        let before = self.0.ins().iadd_imm_s(before, 2);
        let before = self.divide(before, 5);
        let day = self.0.ins().isub(of_year, before);
        let day = self.0.ins().iadd_imm_s(day, 1);
        let late = self.0.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, from_march, 10);
        let (early, next) = (self.0.ins().iadd_imm_s(from_march, 3), self.0.ins().iadd_imm_s(from_march, -9));
        let month = self.0.ins().select(late, next, early);
        let eras = self.0.ins().imul_imm_s(era, 400);
        let year = self.0.ins().iadd(eras, of_years);
        let year = self.0.ins().iadd_imm_s(year, -400 * ERAS);
        let later = self.0.ins().iadd_imm_s(year, 1);
        (self.0.ins().select(late, later, year), month, day)
    }

    /// The day number of a year from -9999 to 9999, a month, and a day that is clipped to the end of the month.
    fn day(&mut self, year: Value, month: Value, day: Value) -> Value {
        let early = self.0.ins().icmp_imm_s(IntCC::SignedLessThanOrEqual, month, 2);
        let shifted = self.0.ins().iadd_imm_s(year, 400 * ERAS);
        let before = self.0.ins().iadd_imm_s(shifted, -1);
        let from_march = self.0.ins().select(early, before, shifted);
        let (fourth, hundredth, era) =
            (self.divide(from_march, 4), self.divide(from_march, 100), self.divide(from_march, 400));
        let days = self.0.ins().imul_imm_s(from_march, 365);
        let days = self.0.ins().iadd(days, fourth);
        let days = self.0.ins().isub(days, hundredth);
        let days = self.0.ins().iadd(days, era);
        let (later, earlier) = (self.0.ins().iadd_imm_s(month, 9), self.0.ins().iadd_imm_s(month, -3));
        let month_of = self.0.ins().select(early, later, earlier);
        let of_months = self.0.ins().imul_imm_s(month_of, 153);
        let of_months = self.0.ins().iadd_imm_s(of_months, 2);
        let of_months = self.divide(of_months, 5);
        let length = self.length(shifted, month);
        let over = self.0.ins().icmp(IntCC::SignedGreaterThan, day, length);
        let day = self.0.ins().select(over, length, day);
        let days = self.0.ins().iadd(days, of_months);
        let days = self.0.ins().iadd(days, day);
        self.0.ins().iadd_imm_s(days, -1 - EPOCH - ERAS * ERA)
    }

    /// How many days a month has; the year is above zero.
    fn length(&mut self, year: Value, month: Value) -> Value {
        let by = |me: &mut Self, n| {
            let quotient = me.divide(year, n);
            let rest = me.rest(year, quotient, n);
            me.0.ins().icmp_imm_s(IntCC::Equal, rest, 0)
        };
        let (four, hundred, all) = (by(self, 4), by(self, 100), by(self, 400));
        let common = self.0.ins().bxor_imm_u(hundred, 1);
        let leap = self.0.ins().band(four, common);
        let leap = self.0.ins().bor(leap, all);
        let leap = self.0.ins().uextend(I64, leap);
        let february = self.0.ins().iadd_imm_s(leap, 28);
        // 30 days, and one more in odd months up to July and in even ones from August.
        let late = self.0.ins().ushr_imm_u(month, 3);
        let odd = self.0.ins().bxor(month, late);
        let odd = self.0.ins().band_imm_s(odd, 1);
        let other = self.0.ins().iadd_imm_s(odd, 30);
        let is_february = self.0.ins().icmp_imm_s(IntCC::Equal, month, 2);
        self.0.ins().select(is_february, february, other)
    }

    /// A day and so many months and days.
    pub(crate) fn plus(&mut self, day: Value, months: Value, days: Value) -> Value {
        let (first, last) = ends();
        let (year, month, of_month) = self.year_month_day(day);
        let whole = self.0.ins().imul_imm_s(year, 12);
        let whole = self.0.ins().iadd(whole, month);
        let whole = self.0.ins().iadd_imm_s(whole, -1);
        let whole = self.0.ins().iadd(whole, months);
        let late = self.0.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, whole, 10_000 * 12);
        let early = self.0.ins().icmp_imm_s(IntCC::SignedLessThan, whole, -9_999 * 12);
        let whole = self.clamp(whole, -9_999 * 12, 10_000 * 12 - 1);
        let shifted = self.0.ins().iadd_imm_s(whole, 12 * 400 * ERAS);
        let years = self.divide(shifted, 12);
        let month = self.rest(shifted, years, 12);
        let month = self.0.ins().iadd_imm_s(month, 1);
        let year = self.0.ins().iadd_imm_s(years, -400 * ERAS);
        let moved = self.day(year, month, of_month);
        let still = self.0.ins().icmp_imm_s(IntCC::Equal, months, 0);
        let moved = self.0.ins().select(still, day, moved);
        let sum = self.0.ins().iadd(moved, days);
        let sum = self.clamp(sum, first, last);
        // Beyond the calendar days no longer count.
        let (first, last) = (self.number(first), self.number(last));
        let sum = self.0.ins().select(late, last, sum);
        let sum = self.0.ins().select(early, first, sum);
        // With no months there is nothing beyond.
        sum
    }

    pub(crate) fn weekday(&mut self, day: Value) -> Value {
        let shifted = self.0.ins().iadd_imm_s(day, 3 + 7 * (1 << 30));
        let seven = self.number(7);
        let rest = self.0.ins().urem(shifted, seven);
        self.0.ins().iadd_imm_s(rest, 1)
    }

    /// Whole units from one day to another; none for units of the clock.
    pub(crate) fn between(&mut self, unit: Unit, from: Value, to: Value) -> Option<Value> {
        let (from, to) = (from, to);
        match unit {
            Unit::Days => Some(self.0.ins().isub(to, from)),
            Unit::Weeks => {
                let days = self.0.ins().isub(to, from);
                let seven = self.number(7);
                Some(self.0.ins().sdiv(days, seven))
            }
            Unit::Months => Some(self.months(from, to)),
            Unit::Years => {
                let (months, twelve) = (self.months(from, to), self.number(12));
                Some(self.0.ins().sdiv(months, twelve))
            }
            Unit::Seconds | Unit::Minutes | Unit::Hours => None,
        }
    }

    fn months(&mut self, from: Value, to: Value) -> Value {
        let back = self.0.ins().icmp(IntCC::SignedLessThan, to, from);
        let (low, high) = (self.0.ins().select(back, to, from), self.0.ins().select(back, from, to));
        let ((ly, lm, _), (hy, hm, _)) = (self.year_month_day(low), self.year_month_day(high));
        let years = self.0.ins().isub(hy, ly);
        let months = self.0.ins().imul_imm_s(years, 12);
        let months = self.0.ins().iadd(months, hm);
        let months = self.0.ins().isub(months, lm);
        let none = self.number(0);
        let there = self.plus(low, months, none);
        let beyond = self.0.ins().icmp(IntCC::SignedGreaterThan, there, high);
        let beyond = self.0.ins().uextend(I64, beyond);
        let months = self.0.ins().isub(months, beyond);
        let opposite = self.0.ins().ineg(months);
        self.0.ins().select(back, opposite, months)
    }
}
