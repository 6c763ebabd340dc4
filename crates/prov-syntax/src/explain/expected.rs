//! What the grammar would have taken, as words.
//!
//! Invariant: every rule that pest can report as expected has words here or is deliberately silent; none shows its name.

use crate::grammar::{Rule, is_keyword};
use crate::parser::ITEM_WORDS;

/// How many alternatives a sentence names.
const MAX_NAMED: usize = 7;

/// The rules that would have matched at a place.
pub(super) struct Expected {
    rules: Vec<Rule>,
}

impl Expected {
    pub(super) fn new(positives: &[Rule]) -> Self {
        let mut rules = positives.to_vec();
        rules.sort();
        rules.dedup();
        Expected { rules }
    }

    pub(super) fn has(&self, rule: Rule) -> bool {
        self.rules.contains(&rule)
    }

    /// Whether a value could stand here.
    pub(super) fn has_value(&self) -> bool {
        self.rules.iter().any(|r| phrase(*r) == Some("a value"))
    }

    /// Whether an operator could stand here.
    pub(super) fn operator(&self) -> bool {
        self.rules.iter().any(|r| phrase(*r) == Some("an operator"))
    }

    /// Whether the inside of a text was being read.
    pub(super) fn text_part(&self) -> bool {
        self.rules.iter().any(|r| (Rule::str_text..=Rule::str_brace).contains(r))
    }

    /// Whether a word could stand here.
    pub(super) fn has_word(&self, word: &str) -> bool {
        self.words().iter().any(|w| w == word)
    }

    /// All words that could stand here as keywords.
    pub(super) fn words(&self) -> Vec<String> {
        self.rules.iter().flat_map(|r| candidates::words(*r)).collect()
    }

    /// `expected a, b or c`.
    pub(super) fn sentence(&self) -> String {
        format!("expected {}", self.list())
    }

    /// The same, with the operator that it must follow.
    pub(super) fn sentence_after(&self, before: &str) -> String {
        const OPERATORS: [&str; 25] = [
            "and", "or", "not", "in", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "??", "contains",
            "with", "then", "else", "if", "=", "when", "has", "=>", "until", "from",
        ];
        if OPERATORS.contains(&before) {
            format!("expected {} after `{before}`", self.list())
        } else {
            self.sentence()
        }
    }

    fn list(&self) -> String {
        let mut phrases: Vec<String> = Vec::new();
        for &rule in &self.rules {
            match phrase(rule) {
                Some(p) => phrases.push(p.to_owned()),
                None => phrases.extend(candidates::words(rule).iter().map(|w| format!("`{w}`"))),
            }
        }
        // What could always stand there says least: it is named only where nothing else could.
        for quiet in [
            "an operator",
            "`?`",
            "`.`",
            "`,`",
            "`:`",
            "`(`",
            "a unit such as `days`",
            "an annotation",
            "the end of the item",
        ] {
            if phrases.iter().any(|p| p != quiet) {
                phrases.retain(|p| p != quiet);
            }
        }
        phrases.sort_by_key(|p| p.starts_with('`') && !p[1..].starts_with(|c: char| c.is_alphabetic()));
        let mut seen = std::collections::HashSet::new();
        phrases.retain(|p| seen.insert(p.clone()));
        if phrases.len() > MAX_NAMED {
            phrases.truncate(MAX_NAMED);
            return format!("{} …", phrases.join(", "));
        }
        let Some(last) = phrases.pop() else { return "something else".to_owned() };
        if phrases.is_empty() { last } else { format!("{} or {last}", phrases.join(", ")) }
    }
}

/// What a rule is called; `None` where its words say it.
fn phrase(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::EOI => "the end of the item",
        Rule::item | Rule::strict_item => "an item",
        Rule::expr
        | Rule::sum
        | Rule::operand
        | Rule::primary
        | Rule::test_value
        | Rule::only_expr
        | Rule::ent_arg
        | Rule::arg => "a value",
        Rule::pattern_arg | Rule::prefix | Rule::arm_value => "a value",
        Rule::paren => "`(`",
        Rule::list | Rule::test_list => "`[`",
        Rule::tail
        | Rule::sum_tail
        | Rule::infix
        | Rule::sum_infix
        | Rule::postfix
        | Rule::field
        | Rule::call
        | Rule::index => "an operator",
        Rule::is_tail | Rule::matches_tail | Rule::in_tail | Rule::at_tail => "an operator",
        r if (Rule::o_or..=Rule::o_mul).contains(&r) => "an operator",
        Rule::ident
        | Rule::name
        | Rule::app_mode
        | Rule::account_name
        | Rule::quant_var
        | Rule::prefer_more => "a name",
        Rule::prove_name | Rule::arg_name => "a name",
        Rule::assign_name | Rule::assign | Rule::account_entry | Rule::account_field | Rule::fed_entry => {
            "a field (`name = value`)"
        }
        Rule::record_field => "a field (`name: value`)",
        Rule::attribute => "an attribute (`name: type`)",
        Rule::param => "a parameter (`name: type`)",
        Rule::type_expr | Rule::type_atom => "a type",
        Rule::string => "a text in quotes",
        Rule::str_text | Rule::str_escape | Rule::str_brace => "more text",
        Rule::interp => "`{`",
        Rule::regex | Rule::pattern => "a pattern such as `\"eng-*\"` or `/^eng/`",
        Rule::int | Rule::decimal | Rule::number | Rule::amount | Rule::share => "a number",
        Rule::limit => "a limit such as `5%` or `max(20, 1% of people)`",
        Rule::date => "a date such as `2026-03-02`",
        Rule::clock => "a time such as `09:00`",
        Rule::unit => "a unit such as `days`",
        Rule::zone => "a time zone",
        Rule::arm | Rule::arm_pattern => "an arm (`value => result`)",
        Rule::ent_ref | Rule::only_ent => "an entitlement (`app.kind(\"value\")`)",
        Rule::role_ref => "a role",
        Rule::hold_item => "an entitlement or a role",
        Rule::ent_pattern | Rule::kind_pattern | Rule::patterns => "an entitlement or a role",
        Rule::verb => "what happens to accounts (`disable accounts`, `kill sessions` …)",
        Rule::expect => "what is expected",
        Rule::body
        | Rule::assign_block
        | Rule::record_body
        | Rule::verb_block
        | Rule::use_list
        | Rule::p_lbrace => "`{`",
        Rule::params | Rule::ent_types | Rule::ent_args | Rule::pattern_args | Rule::p_lparen => "`(`",
        Rule::p_rbrace => "`}`",
        Rule::p_rparen => "`)`",
        Rule::p_lbracket => "`[`",
        Rule::p_rbracket => "`]`",
        Rule::p_dot => "`.`",
        Rule::p_range | Rule::slice_rest => "`..`",
        Rule::p_comma => "`,`",
        Rule::p_colon => "`:`",
        Rule::p_assign => "`=`",
        Rule::p_arrow => "`=>`",
        Rule::p_question => "`?`",
        Rule::p_percent => "`%`",
        Rule::p_star => "`*`",
        Rule::p_any => "`_`",
        Rule::p_at | Rule::annotation | Rule::doc | Rule::lead => "an annotation",
        _ => return None,
    })
}

/// Words by rule, for messages and for "did you mean".
pub(super) mod candidates {
    use super::{ITEM_WORDS, Rule, is_keyword};

    /// Whether a word can't be a name in an expression.
    pub(in super::super) fn is_reserved(word: &str) -> bool {
        crate::lower::OPERATOR_WORDS.contains(&word)
    }

    /// The words that a rule can begin with, where it begins with a keyword.
    pub(in super::super) fn words(rule: Rule) -> Vec<String> {
        if is_keyword(rule) {
            // A keyword's rule is `k_` and the keyword.
            return vec![format!("{rule:?}").trim_start_matches("k_").to_owned()];
        }
        fixed(rule).iter().map(|w| (*w).to_owned()).collect()
    }

    fn fixed(rule: Rule) -> &'static [&'static str] {
        match rule {
            Rule::item => &ITEM_WORDS,
            Rule::member => &["grant", "includes", "each"],
            Rule::app_member => &["account", "entitlement", "managed"],
            Rule::state_decl => &["state"],
            Rule::test_stmt => &["given", "at", "change", "leave", "wait", "expect"],
            Rule::verb => &["leaver", "kill", "disable", "delete", "keep", "drop"],
            Rule::hold_verb => &["has", "lacks", "gains", "loses", "keeps"],
            Rule::account_entry => &["correlate"],
            Rule::fed_entry => &["maps", "admit", "expires", "until", "through"],
            Rule::unit => &["seconds", "minutes", "hours", "days", "weeks", "months", "years"],
            Rule::tail | Rule::infix => {
                &["and", "or", "in", "not", "is", "contains", "matches", "starts", "ends"]
            }
            Rule::c_when | Rule::s_when => &["when"],
            Rule::c_for => &["for"],
            Rule::c_at_most => &["for"],
            Rule::c_approved => &["approved"],
            Rule::c_because => &["because"],
            Rule::c_resolve => &["resolve"],
            Rule::c_requestable => &["requestable"],
            Rule::c_authoritative => &["authoritative"],
            Rule::c_joins => &["joins"],
            Rule::c_effective => &["effective"],
            Rule::c_missing => &["missing"],
            Rule::c_after => &["after"],
            Rule::c_in_apps | Rule::g_in => &["in"],
            Rule::c_from_app | Rule::s_from => &["from"],
            Rule::c_rename => &["rename"],
            Rule::s_as => &["as"],
            Rule::s_until => &["until"],
            Rule::s_through => &["through"],
            Rule::s_keep => &["keep"],
            Rule::g_of | Rule::amount_of | Rule::of_last_run => &["of"],
            Rule::g_per => &["per"],
            Rule::f_catalog => &["catalog"],
            Rule::f_highest => &["highest"],
            Rule::f_irrevocable => &["irrevocable"],
            Rule::attr_key => &["key"],
            Rule::attr_inverse => &["inverse"],
            Rule::attr_prefer => &["prefer"],
            Rule::even_with => &["even"],
            Rule::includes => &["includes"],
            Rule::grant => &["grant"],
            Rule::each_block | Rule::each_arg => &["each"],
            Rule::account => &["account"],
            Rule::entitlement => &["entitlement"],
            Rule::managed => &["managed"],
            Rule::correlate => &["correlate"],
            Rule::if_expr => &["if"],
            Rule::match_expr => &["match"],
            _ => &[],
        }
    }
}
