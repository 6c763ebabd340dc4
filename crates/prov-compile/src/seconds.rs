//! Second accounts of one person in an app: `account admin …` and `grant … as admin`.
//! Invariant: to all that comes after the checker a second account is an app of its own, with the kinds of its app; what
//! a policy says of the app it says of all accounts in it.

use crate::check::{Checker, Try};
use crate::modules::list;
use prov_diag::{Diagnostic, codes, did_you_mean};
use prov_model::{AppDef, AppId};
use prov_syntax::ast::{Account, AppMember, ItemKind, Name};

impl Checker<'_> {
    /// Declares the second accounts of an app, each once, in order of name.
    pub(crate) fn declare_second_accounts(&mut self, app: &str, module: usize, item: usize) {
        let ItemKind::App(def) = self.item(module, item).kind.clone() else { return };
        let id = self.decls.apps[app];
        let accounts: Vec<&Account> = def
            .members
            .iter()
            .filter_map(|m| if let AppMember::Account(a) = m { Some(a) } else { None })
            .collect();
        let mut names: Vec<&Name> = accounts.iter().filter_map(|a| a.name.as_ref()).collect();
        names.sort_by(|a, b| a.text.cmp(&b.text));
        names.dedup_by(|a, b| a.text == b.text);
        if let (Some(first), true) = (names.first(), accounts.iter().all(|a| a.name.is_some())) {
            self.report(
                Diagnostic::new(&codes::NO_ACCOUNT, format!("`{app}` has a second account and no first"))
                    .at(first.span, "beside which?")
                    .because(
                        "without an account that has no name, what is granted in the app is held without one",
                    )
                    .help("take the name away, or declare `account { … }` too"),
            );
        }
        for name in names {
            if self.schema.app(id).kinds.iter().any(|k| k.name == name.text) {
                self.report(
                    Diagnostic::new(
                        &codes::DUPLICATE_NAME,
                        format!("`{app}.{}` is an entitlement already", name.text),
                    )
                    .at(name.span, "the account would be called the same")
                    .help("give the account another name"),
                );
            }
            let first = self.schema.app(id).clone();
            self.schema.apps.push(AppDef {
                name: format!("{app}.{}", name.text),
                account: None,
                second_of: Some(id),
                ..first
            });
        }
    }

    /// The account of an app that a name means; without one, the main one.
    pub(crate) fn account_named(&mut self, app: AppId, name: Option<&Name>) -> Try<AppId> {
        let Some(name) = name else { return Ok(app) };
        if let Some(found) = self.schema.second_account(app, &name.text) {
            return Ok(found);
        }
        let of = self.schema.app(app).name.clone();
        let known: Vec<String> = (self.schema.accounts_of(app).skip(1))
            .filter_map(|a| self.schema.app(a).name.strip_prefix(&of)?.strip_prefix('.').map(str::to_owned))
            .collect();
        let help = match did_you_mean(&name.text, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => {
                format!("declare `account {} when … {{ … }}` in app `{of}`", name.text)
            }
            None => format!("it has {}", list(known.iter().map(String::as_str))),
        };
        self.fail(
            Diagnostic::new(&codes::NO_ACCOUNT, format!("`{of}` has no account `{}`", name.text))
                .at(name.span, "no such account")
                .help(help),
        )
    }

    /// The second accounts of an app.
    pub(crate) fn seconds_of(&self, app: AppId) -> Vec<AppId> {
        self.schema.accounts_of(app).skip(1).collect()
    }
}
