//! Valid policies read without a word of complaint, and into the tree that they say.

use prov_diag::{Diagnostic, RenderOptions, SourceId, SourceMap, render_human};
use prov_syntax::ast::{self, ArmPattern, Expr, ExprKind, ItemKind, StrPart};
use prov_syntax::{parse, parse_entitlement, parse_expr};

fn read(text: &str) -> (ast::File, Vec<Diagnostic>, SourceMap) {
    let mut sources = SourceMap::new();
    let id = sources.add("test.prov", text);
    let (file, diagnostics) = parse(id, text);
    (file, diagnostics, sources)
}

fn valid(text: &str) -> ast::File {
    let (file, diagnostics, sources) = read(text);
    assert!(diagnostics.is_empty(), "{}", render_human(&diagnostics, &sources, RenderOptions::default()));
    assert!(file.broken.is_empty());
    file
}

/// An expression with all its parentheses.
fn show(e: &Expr) -> String {
    let list = |es: &[Expr]| es.iter().map(show).collect::<Vec<_>>().join(", ");
    let opt = |e: &Option<Box<Expr>>| e.as_deref().map_or(String::new(), show);
    let not = |n: &bool| if *n { "not " } else { "" };
    match &e.kind {
        ExprKind::Bool(b) => b.to_string(),
        ExprKind::Int(n) => n.to_string(),
        ExprKind::Decimal(d) => d.to_string(),
        ExprKind::Date(d) => d.to_string(),
        ExprKind::Duration(n, u) => format!("{n} {u:?}").to_lowercase(),
        ExprKind::Str(parts) => {
            let parts = parts.iter().map(|p| match p {
                StrPart::Text(t) => t.clone(),
                StrPart::Expr(e) => format!("{{{}}}", show(e)),
            });
            format!("\"{}\"", parts.collect::<String>())
        }
        ExprKind::Name(n) => n.text.clone(),
        ExprKind::Field(e, n) => format!("{}.{}", show(e), n.text),
        ExprKind::Index(a, b) => format!("{}[{}]", show(a), show(b)),
        ExprKind::Slice(e, a, b) => format!("{}[{}..{}]", show(e), opt(a), opt(b)),
        ExprKind::Call(f, args) => {
            let arg = |a: &ast::Arg| {
                a.name.as_ref().map_or(String::new(), |n| n.text.clone() + ": ") + &show(&a.value)
            };
            format!("{}({})", show(f), args.iter().map(arg).collect::<Vec<_>>().join(", "))
        }
        ExprKind::List(es) => format!("[{}]", list(es)),
        ExprKind::Record(n, fs) => format!(
            "{} {{{}}}",
            n.text,
            fs.iter().map(|f| format!("{}: {}", f.name.text, show(&f.value))).collect::<Vec<_>>().join(", ")
        ),
        ExprKind::Not(e) => format!("(not {})", show(e)),
        ExprKind::Neg(e) => format!("(-{})", show(e)),
        ExprKind::Binary(a, op, _, b) => format!("({} {op:?} {})", show(a), show(b)),
        ExprKind::In { value, set, negated } => format!("({} {}in {})", show(value), not(negated), show(set)),
        ExprKind::InRange { value, low, high, negated } => {
            format!("({} {}in {}..{})", show(value), not(negated), show(low), show(high))
        }
        ExprKind::Matches { value, pattern, negated } => {
            format!("({} {}matches {:?})", show(value), not(negated), pattern.kind)
        }
        ExprKind::Is { value, present } => {
            format!("({} is {})", show(value), if *present { "present" } else { "absent" })
        }
        ExprKind::If(c, a, b) => format!("(if {} then {} else {})", show(c), show(a), show(b)),
        ExprKind::Match(e, arms) => {
            let pattern = |p: &ArmPattern| match p {
                ArmPattern::Any(_) => "_".to_owned(),
                ArmPattern::Absent(_) => "absent".to_owned(),
                ArmPattern::Value(e) => show(e),
                ArmPattern::Range(a, b) => format!("{}..{}", show(a), show(b)),
            };
            let arm = |a: &ast::Arm| {
                format!(
                    "{} => {}",
                    a.patterns.iter().map(pattern).collect::<Vec<_>>().join("|"),
                    show(&a.value)
                )
            };
            format!("match {} {{{}}}", show(e), arms.iter().map(arm).collect::<Vec<_>>().join("; "))
        }
        ExprKind::Quant { quant, var, list, cond } => {
            format!("{quant:?}({} in {} where {})", var.text, show(list), opt(cond))
        }
        ExprKind::Between { unit, from, to, .. } => format!("{unit:?}({}, {})", show(from), show(to)),
        ExprKind::Has(e) => format!("(has {})", show(e)),
        ExprKind::HoldsNothing => "holds-nothing".to_owned(),
        ExprKind::TodayIn(z) => format!("today<{}>", show(z)),
        ExprKind::AtTime { date, hour, minute, zone } => {
            format!("({} at {hour}:{minute} <{}>)", show(date), opt(zone))
        }
        ExprKind::InSource(n) => format!("(from-source {})", n.text),
        ExprKind::Paren(e) => format!("<{}>", show(e)),
    }
}

fn tree(text: &str) -> String {
    show(&parse_expr(SourceId(0), text).unwrap_or_else(|d| panic!("{text}: {d:?}")))
}

#[test]
fn the_sample_policy_is_read_whole() {
    let file = valid(include_str!("data/acme.prov"));
    assert_eq!(file.docs.as_deref(), Some("Acme: joiners, movers, leavers."));
    assert_eq!(file.items.len(), 27);
}

#[test]
fn every_form_is_read() {
    let file = valid(include_str!("data/surface.prov"));
    assert_eq!(file.docs.as_deref(), Some("Every form of the language once.\n\nNot a sensible policy."));
    assert_eq!(file.items.len(), 50);
}

#[test]
fn expressions_group_as_they_should() {
    let cases = [
        ("a or b and not c == d", "(a Or (b And (not (c Eq d))))"),
        ("a and b and c", "((a And b) And c)"),
        ("a == b ?? c + d * -e", "(a Eq (b Coalesce (c Add (d Mul (-e)))))"),
        ("a - b - c", "((a Sub b) Sub c)"),
        ("not not a", "(not (not a))"),
        ("not a in [1]", "(not (a in [1]))"),
        ("a not in b + c..d", "(a not in (b Add c)..d)"),
        ("a in 1..5", "(a in 1..5)"),
        ("a in b ?? []", "(a in (b Coalesce []))"),
        ("(a or b) and c", "(<(a Or b)> And c)"),
        ("-a.b(1)[2]", "(-a.b(1)[2])"),
        (
            "s[..1] + s[1..] + s[1..2] + s[..] + t[k]",
            "((((s[..1] Add s[1..]) Add s[1..2]) Add s[..]) Add t[k])",
        ),
        ("f(a, max: 2)", "f(a, max: 2)"),
        ("a is present and b is absent", "((a is present) And (b is absent))"),
        ("a + 1 is present", "((a Add 1) is present)"),
        ("a starts with \"x\" or a ends with \"y\"", "((a StartsWith \"x\") Or (a EndsWith \"y\"))"),
        ("a contains b", "(a Contains b)"),
        ("a not matches \"x*\"", "(a not matches Glob(\"x*\"))"),
        ("a matches /x\\/[a-z]+ \"/ and b", "((a matches Regex(\"x/[a-z]+ \\\"\")) And b)"),
        ("years between a + 1 day and b >= 18", "(Years((a Add 1 days), b) Ge 18)"),
        ("any x in xs where (x == 1 or y) and z", "(Any(x in xs where ((x Eq 1) Or y)) And z)"),
        ("count(x in xs where x > 1) > 2", "(Count(x in xs where (x Gt 1)) Gt 2)"),
        ("count(xs) + any + all + days", "(((count(xs) Add any) Add all) Add days)"),
        ("has a and has b.c(d) and has e(f)", "(((has a) And (has b.c(d))) And (has e(f)))"),
        ("if a then b else c and d", "(if a then b else (c And d))"),
        ("if a then b else if c then d else e", "(if a then b else (if c then d else e))"),
        (
            "match a { 1, 2 => x 3..4 => y, -1 => z, _ => w }",
            "match a {1|2 => x; 3..4 => y; (-1) => z; _ => w}",
        ),
        ("match a { absent => x, b => y }", "match a {absent => x; b => y}"),
        ("today in tz.x < start", "(today<tz.x> Lt start)"),
        ("today in [a] or today in a..b", "((today in [a]) Or (today in a..b))"),
        ("start - 1 day at 09:30 in \"UTC\" < now", "(((start Sub 1 days) at 9:30 <\"UTC\">) Lt now)"),
        ("in hr and not in ad", "((from-source hr) And (not (from-source ad)))"),
        ("a and holds nothing", "(a And holds-nothing)"),
        ("\"a{b + 1}{{c}}\\n\"", "\"a{(b Add 1)}{c}\n\""),
        ("\"{if a then \"x\" else \"{b}\"}\"", "\"{(if a then \"x\" else \"{b}\")}\""),
        ("2026-03-02 - 2026 - 03", "((2026-03-02 Sub 2026) Sub 3)"),
        ("4.25 + 1.0", "(4.25 Add 1.0)"),
        ("30 days + 1 month", "(30 days Add 1 months)"),
        ("a // comment\n + b", "(a Add b)"),
        ("a.role.in", "a.role.in"),
        ("role + grant + when", "((role Add grant) Add when)"),
        ("a and b or c", "((a And b) Or c)"),
    ];
    for (text, wanted) in cases {
        assert_eq!(tree(text), wanted, "{text}");
    }
}

#[test]
fn an_infix_word_before_equals_is_a_name() {
    let file = valid(
        "source s of p { a = x in = y contains = z or = w matches = v is = u starts = t days = 5 years = 6 }",
    );
    let ItemKind::Source(s) = &file.items[0].kind else { panic!("a source was written") };
    let fields: Vec<String> =
        s.fields.iter().map(|f| format!("{}={}", f.name.text, show(&f.value))).collect();
    assert_eq!(
        fields,
        ["a=x", "in=y", "contains=z", "or=w", "matches=v", "is=u", "starts=t", "days=5", "years=6"]
    );
}

#[test]
fn correlation_ends_where_the_comma_ends() {
    let file = valid("app ad via ldap { account { correlate a = id, mail = mail  login = id } }");
    let ItemKind::App(app) = &file.items[0].kind else { panic!("an app was written") };
    let ast::AppMember::Account(a) = &app.members[0] else { panic!("an account was written") };
    assert_eq!((a.correlate.len(), a.fields.len()), (2, 1));
}

#[test]
fn spans_are_exactly_the_text_of_the_node() {
    let text = "role a when  b == c   // why\n  { grant x.y(\"z\")   // because\n  keep 14 days  // grace\n }  // end\n";
    let (file, _, sources) = read(text);
    let item = &file.items[0];
    assert_eq!(sources.text(item.span), text.trim_end().trim_end_matches("// end").trim_end());
    assert_eq!(sources.text(item.head), "role a");
    let ItemKind::Role(role) = &item.kind else { panic!("a role was written") };
    assert_eq!(role.when.as_ref().map(|e| sources.text(e.span)), Some("b == c"));
    let ast::Member::Grant(grant) = &role.body[0] else { panic!("a grant was written") };
    assert_eq!(sources.text(grant.span), "grant x.y(\"z\")   // because\n  keep 14 days");
    assert_eq!(sources.text(grant.entitlements[0].span), "x.y(\"z\")");
    assert_eq!(grant.keep.as_ref().map(|e| sources.text(e.span)), Some("14 days"));
}

#[test]
fn docs_and_annotations_go_to_what_they_stand_before() {
    let file = valid(include_str!("data/surface.prov"));
    let person = &file.items[3];
    assert_eq!(person.docs.as_deref(), Some("A worker.\nOn two lines."));
    let names: Vec<&str> = person.annotations.iter().map(|a| a.name.text.as_str()).collect();
    assert_eq!(names, ["severity", "free"]);
    let args: Vec<String> = person.annotations[1].args.iter().map(show).collect();
    assert_eq!(args, ["\"text\"", "3", "name", "(-1)"]);
    let ItemKind::Identity { attributes, .. } = &person.kind else { panic!("an identity was written") };
    assert_eq!(attributes[0].docs.as_deref(), Some("The key."));
    assert_eq!(attributes[1].prefer.iter().map(|n| n.text.as_str()).collect::<Vec<_>>(), ["hr", "badges"]);
    assert_eq!(attributes.len(), 9);
}

#[test]
fn one_broken_item_costs_only_itself() {
    let sample = include_str!("data/acme.prov");
    let broken = sample
        .replace("role sales_rep when state ==", "role sales_rep when state = ")
        .replace("(end is", "((end is");
    let (file, diagnostics, _) = read(&broken);
    assert_eq!(diagnostics.len(), 2, "{diagnostics:?}");
    assert_eq!(file.items.len(), 25);
    let names: Vec<_> = file.broken.iter().map(|b| b.name.as_ref().map(|n| n.text.as_str())).collect();
    assert_eq!(names, [Some("person"), Some("sales_rep")]);
}

#[test]
fn removing_any_closing_brace_keeps_the_items_after() {
    let sample = include_str!("data/acme.prov");
    let whole = valid(sample).items.len();
    for (at, _) in sample.match_indices("\n}") {
        let text = format!("{}{}", &sample[..at], &sample[at + 2..]);
        let (file, diagnostics, _) = read(&text);
        assert_eq!(diagnostics.len(), 1, "without the brace at {at}: {diagnostics:?}");
        assert_eq!(file.items.len(), whole - 1, "without the brace at {at}");
        assert_eq!(diagnostics[0].code.id, "P0002");
    }
}

#[test]
fn entitlements_are_read_alone() {
    let e = parse_entitlement(SourceId(0), " ad.group(\"x\") ").expect("it is an entitlement");
    assert_eq!((e.app.text.as_str(), e.kind.text.as_str(), e.args.len()), ("ad", "group", 1));
    assert!(parse_entitlement(SourceId(0), "ad.group(\"x\") ad").is_err());
    assert!(parse_entitlement(SourceId(0), "").is_err());
    assert!(parse_expr(SourceId(0), "a b").is_err());
    assert!(parse_expr(SourceId(0), "2026-1-1").is_err());
}

#[test]
fn every_syntax_code_has_a_bad_example_that_yields_it() {
    let syntax: Vec<_> = prov_diag::codes::all().filter(|c| c.id < "P0100").collect();
    assert!(syntax.len() >= 8);
    for code in syntax {
        let (prov_diag::Example::Policy(bad), prov_diag::Example::Policy(good)) = (code.bad, code.good)
        else {
            panic!("{} has examples that are not policies", code.id)
        };
        assert!(read(bad).1.iter().any(|d| d.code.id == code.id), "{}: {:?}", code.id, read(bad).1);
        valid(good);
    }
}

#[test]
fn a_file_of_nothing_but_errors_is_given_up() {
    let (file, diagnostics, _) = read(&"role r when\n".repeat(2_000));
    assert_eq!((diagnostics.len(), file.broken.len()), (501, 501));
}
