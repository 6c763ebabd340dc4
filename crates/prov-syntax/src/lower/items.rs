//! Items: their frame, and those that are small.
//!
//! Invariant: as of the whole of `lower`.

use super::{Lower, next, next_if, only, parts};
use crate::ast::{
    Amount, Attribute, Claim, Federation, FederationField, Guard, Item, ItemKind, Limit, Name, Param,
    Protect, TypeExpr, TypeKind, Until,
};
use crate::grammar::{Node, Rule, is_keyword};
use prov_diag::{Span, codes};
use prov_model::Decimal;

/// How deep `set of` and `list of` may nest: the checker allows far less.
const MAX_TYPE_DEPTH: usize = 8;

impl<'a> Lower<'a> {
    /// An `item`.
    pub(crate) fn item(&mut self, node: Node<'a>) -> Item {
        let mut kids = parts(node);
        let lead = self.lead(next(&mut kids));
        let inner = next(&mut kids);
        let head = self.head(&inner);
        let span = self.span(&inner);
        let span = lead.annotations.first().map_or(span, |a| a.span.to(span));
        Item { span, head, docs: lead.docs, annotations: lead.annotations, kind: self.kind(inner) }
    }

    /// From the keyword to the name, or what stands for one.
    fn head(&self, item: &Node<'a>) -> Span {
        let mut kids = item.clone().into_inner();
        let keyword = self.span(&next(&mut kids));
        let Some(mut second) = kids.next() else { return keyword };
        while !matches!(second.as_rule(), Rule::ident | Rule::string | Rule::ent_pattern | Rule::expr)
            && !is_keyword(second.as_rule())
        {
            match second.clone().into_inner().next() {
                Some(inner) => second = inner,
                None => break,
            }
        }
        keyword.to(self.span(&second))
    }

    fn kind(&mut self, node: Node<'a>) -> ItemKind {
        match node.as_rule() {
            Rule::use_item => self.use_item(node),
            Rule::timezone_item => ItemKind::Timezone(self.string_lit(only(node))),
            Rule::identity_item => {
                let (name, attributes) = self.named_attributes(node, true);
                ItemKind::Identity { name, attributes }
            }
            Rule::record_item => {
                let (name, fields) = self.named_attributes(node, false);
                ItemKind::Record { name, fields }
            }
            Rule::table_item => {
                let (name, columns) = self.named_attributes(node, false);
                ItemKind::Table { name, columns }
            }
            Rule::source_item => ItemKind::Source(self.source(node)),
            Rule::lifecycle_item => {
                let mut kids = parts(node);
                let identity = self.name(&next(&mut kids));
                ItemKind::Lifecycle { identity, states: kids.map(|n| self.state(n)).collect() }
            }
            Rule::app_item => ItemKind::App(self.app(node)),
            Rule::birthright_item => self.birthright(node),
            Rule::role_item => ItemKind::Role(self.role(node)),
            Rule::forbid_item => self.forbid(node),
            Rule::separate_item => ItemKind::Separate(self.separate(node)),
            Rule::let_item => self.let_item(node),
            Rule::fn_item => {
                let mut kids = parts(node);
                let name = self.declared(&next(&mut kids));
                let params = self.params(next(&mut kids));
                let result = next_if(&mut kids, Rule::type_expr).map(|n| self.type_expr(n));
                ItemKind::Fn { name, params, result, body: self.expr(next(&mut kids)) }
            }
            Rule::guard_item => ItemKind::Guard(self.guard(only(node))),
            Rule::protect_item => ItemKind::Protect(self.protect(only(node))),
            Rule::limit_item => {
                let mut kids = parts(node);
                let pattern = self.ent_pattern(next(&mut kids));
                ItemKind::Limit { pattern, at_most: self.expr(next(&mut kids)) }
            }
            Rule::federation_item => {
                let mut kids = parts(node).peekable();
                let name = self.declared(&next(&mut kids));
                let of = self.name(&next(&mut kids));
                let when = kids.next_if(|n| n.as_rule() == Rule::c_when).map(|n| self.expr(only(n)));
                let fields = kids.map(|n| self.federation_field(only(n))).collect();
                ItemKind::Federation(Federation { name, of, when, fields })
            }
            Rule::login_item | Rule::writeback_item => self.mapping(node),
            Rule::prove_item => self.prove(node),
            _ => self.test(node),
        }
    }

    fn use_item(&mut self, node: Node<'a>) -> ItemKind {
        let span = self.span(&node);
        let mut kids = parts(node);
        let mut path = Vec::new();
        while let Some(n) = next_if(&mut kids, Rule::ident) {
            path.push(self.name(&n));
        }
        let names = match kids.next() {
            Some(list) => self.names(parts(list)),
            None => path.pop().into_iter().collect(),
        };
        if path.is_empty() {
            let name = names.first().map_or_else(String::new, |n| n.text.clone());
            let d = self.error(
                &codes::SYNTAX,
                span,
                format!("`use {name}` doesn't say what to take from `{name}`"),
                "only a module",
            );
            d.help = Some(format!("name what is used: `use {name}.something` or `use {name}.{{a, b}}`"));
        }
        ItemKind::Use { path, names }
    }

    fn named_attributes(&mut self, node: Node<'a>, read_bare: bool) -> (Name, Vec<Attribute>) {
        let mut kids = parts(node);
        let name = self.declared(&next(&mut kids));
        (name, kids.map(|n| self.attribute(n, read_bare)).collect())
    }

    /// `read_bare`: conditions read the attribute without anything before it, so reserved words can't name it.
    fn attribute(&mut self, node: Node<'a>, read_bare: bool) -> Attribute {
        let mut kids = parts(node);
        let lead = self.lead(next(&mut kids));
        let name_node = next(&mut kids);
        let name = if read_bare { self.declared(&name_node) } else { self.name(&name_node) };
        let ty = self.type_expr(next(&mut kids));
        let mut attribute = Attribute {
            span: lead.annotations.first().map_or(name.span, |a| a.span).to(ty.span),
            docs: lead.docs,
            annotations: lead.annotations,
            name,
            ty,
            key: None,
            inverse: None,
            prefer: Vec::new(),
        };
        let suffixes: Vec<Node<'a>> = kids.collect();
        self.check_order(
            &suffixes,
            &[
                (&[Rule::attr_key], "`key`"),
                (&[Rule::attr_inverse], "`inverse`"),
                (&[Rule::attr_prefer], "`prefer`"),
            ],
        );
        for n in suffixes {
            let span = self.span(&n);
            attribute.span = attribute.span.to(span);
            match n.as_rule() {
                Rule::attr_key => attribute.key = Some(span),
                Rule::attr_inverse => attribute.inverse = Some(self.name(&only(n))),
                _ => {
                    let names = parts(n).map(|k| if k.as_rule() == Rule::prefer_more { only(k) } else { k });
                    attribute.prefer = self.names(names);
                }
            }
        }
        attribute
    }

    pub(super) fn type_expr(&mut self, node: Node<'a>) -> TypeExpr {
        let span = self.span(&node);
        let mut kids = parts(node);
        let atom = self.type_atom(next(&mut kids), 0);
        TypeExpr { span, kind: atom.kind, optional: kids.next().is_some() }
    }

    fn type_atom(&mut self, node: Node<'a>, depth: usize) -> TypeExpr {
        let span = self.span(&node);
        let inner = only(node);
        let kind = match inner.as_rule() {
            Rule::type_enum => TypeKind::Enum(parts(inner).map(|n| self.declared_variant(&n)).collect()),
            Rule::ident => TypeKind::Named(self.name(&inner)),
            rule => {
                if depth == MAX_TYPE_DEPTH {
                    self.error(
                        &codes::TOO_DEEP,
                        span,
                        "this type is too deeply nested",
                        "sets of sets of sets …",
                    );
                    return TypeExpr { span, kind: TypeKind::Enum(Vec::new()), optional: false };
                }
                let of = Box::new(self.type_atom(only(inner), depth + 1));
                if rule == Rule::type_set { TypeKind::Set(of) } else { TypeKind::List(of) }
            }
        };
        TypeExpr { span, kind, optional: false }
    }

    pub(super) fn params(&mut self, node: Node<'a>) -> Vec<Param> {
        parts(node)
            .map(|n| {
                let mut kids = parts(n);
                let name = self.declared(&next(&mut kids));
                Param { name, ty: self.type_expr(next(&mut kids)) }
            })
            .collect()
    }

    fn let_item(&mut self, node: Node<'a>) -> ItemKind {
        let mut kids = parts(node);
        let name = self.declared(&next(&mut kids));
        let for_type = next_if(&mut kids, Rule::c_for).map(|n| self.name(&only(n)));
        let ty = next_if(&mut kids, Rule::type_expr).map(|n| self.type_expr(n));
        ItemKind::Let { name, for_type, ty, value: self.expr(next(&mut kids)) }
    }

    fn mapping(&mut self, node: Node<'a>) -> ItemKind {
        let is_login = node.as_rule() == Rule::login_item;
        let mut kids = parts(node);
        let name = self.name(&next(&mut kids));
        let fields = self.assigns(next(&mut kids));
        if is_login {
            ItemKind::Login { app: name, fields }
        } else {
            ItemKind::Writeback { source: name, fields }
        }
    }

    fn federation_field(&mut self, node: Node<'a>) -> FederationField {
        let (span, rule) = (self.span(&node), node.as_rule());
        match rule {
            Rule::fed_maps => FederationField::Maps { span, fields: self.assigns(only(node)) },
            Rule::fed_admit => FederationField::Admit { span, when: self.expr(only(node)) },
            Rule::fed_expires => {
                let mut kids = parts(node);
                let after = self.expr(next(&mut kids));
                FederationField::Expires { span, after, from: self.expr(only(next(&mut kids))) }
            }
            Rule::s_until | Rule::s_through => {
                let until = Until { date: self.expr(only(node)), inclusive: rule == Rule::s_through };
                FederationField::Until { span, until }
            }
            _ => FederationField::Assign(self.assign(node)),
        }
    }

    fn guard(&mut self, node: Node<'a>) -> Guard {
        let rule = node.as_rule();
        let mut kids = parts(node);
        let first = self.name(&next(&mut kids));
        match rule {
            Rule::guard_rows => {
                let at_least = self.amount(next(&mut kids));
                Guard::Rows { source: first, at_least, of_last_run: kids.next().is_some() }
            }
            Rule::guard_age => Guard::Age { source: first, at_most: self.expr(next(&mut kids)) },
            Rule::guard_empty => {
                let column = self.assign_name(next(&mut kids));
                Guard::Empty { source: first, column, at_most: self.amount(next(&mut kids)) }
            }
            _ => self.guard_effects(first, kids.collect()),
        }
    }

    fn guard_effects(&mut self, what: Name, nodes: Vec<Node<'a>>) -> Guard {
        self.check_order(&nodes, &[(&[Rule::g_of], "`of`"), (&[Rule::g_in], "`in`")]);
        let (mut of, mut app, mut per) = (None, None, None);
        let mut limit = Limit { span: what.span, amounts: Vec::new() };
        for n in nodes {
            match n.as_rule() {
                Rule::g_of => of = Some(self.ent_pattern(only(n))),
                Rule::g_in => app = Some(self.name(&only(n))),
                Rule::g_per => per = Some(self.name(&only(n))),
                _ => {
                    limit = Limit { span: self.span(&n), amounts: parts(n).map(|a| self.amount(a)).collect() }
                }
            }
        }
        Guard::Effects { what, of, app, limit, per }
    }

    /// An `amount` or a `share`.
    fn amount(&mut self, node: Node<'a>) -> Amount {
        let span = self.span(&node);
        let mut out = Amount { span, value: Decimal(0), percent: false, of: None };
        for n in parts(node) {
            match n.as_rule() {
                Rule::p_percent => out.percent = true,
                Rule::amount_of => out.of = Some(self.name(&only(n))),
                _ => out.value = self.decimal(&n),
            }
        }
        out
    }

    fn protect(&mut self, node: Node<'a>) -> Protect {
        let rule = node.as_rule();
        let mut kids = parts(node);
        let first = next(&mut kids);
        if rule == Rule::protect_identity {
            let span = self.span(&first);
            let kind = crate::ast::ExprKind::Str(self.string_parts(first));
            return Protect::Identity(crate::ast::Expr { span, kind });
        }
        let pattern = self.ent_pattern(first);
        Protect::Members { pattern, at_least: self.expr(next(&mut kids)) }
    }

    fn prove(&mut self, node: Node<'a>) -> ItemKind {
        let mut kids = parts(node);
        let name = next_if(&mut kids, Rule::prove_name).map(|n| self.name(&only(n)));
        let for_type = next_if(&mut kids, Rule::c_for).map(|n| self.name(&only(n)));
        let claim = next(&mut kids);
        let rule = claim.as_rule();
        let mut exprs = parts(claim);
        let first = self.expr(next(&mut exprs));
        let claim = match rule {
            Rule::prove_never => Claim::Never(first),
            Rule::prove_always => Claim::Always(first),
            _ => Claim::Means(first, self.expr(next(&mut exprs))),
        };
        ItemKind::Prove { name, for_type, claim, even_with_exceptions: kids.next().is_some() }
    }
}
