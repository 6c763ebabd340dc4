//! Names that are given once (`unique`), and who has them: what is remembered, and how a name is made from a base.
//! Invariant: a name is one person's as long as it is remembered; comparing folds, whatever the type.

use crate::fold;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use unicode_segmentation::UnicodeSegmentation;

/// A name that somebody has or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameMemory {
    /// The global id of whose it is.
    pub owner: String,
    /// As it is spelled.
    pub spelling: String,
    /// What it was made from, where Prov made it; `rename on change` compares with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The account of that name, where it is not the main one.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Its owner has another name by now; it stays theirs all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub former: bool,
}

/// All names of one attribute of one app, by their folded form.
pub type NameSpace = BTreeMap<String, NameMemory>;

/// Names by app and attribute.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamesMemory {
    spaces: BTreeMap<String, BTreeMap<String, NameSpace>>,
    /// For each app and attribute, the folded names of each owner; made when it is first asked for.
    #[serde(skip)]
    owners: OnceLock<Owners>,
}

/// By app and attribute: the folded names of each owner.
type Owners = FxHashMap<(String, String), FxHashMap<String, Vec<String>>>;

impl PartialEq for NamesMemory {
    fn eq(&self, other: &NamesMemory) -> bool {
        self.spaces == other.spaces
    }
}

impl Eq for NamesMemory {}

impl NamesMemory {
    /// Whether no name is known.
    pub fn is_empty(&self) -> bool {
        self.spaces.is_empty()
    }

    /// All names of an attribute of an app.
    pub fn space(&self, app: &str, attribute: &str) -> Option<&NameSpace> {
        self.spaces.get(app)?.get(attribute)
    }

    /// Apps, attributes and their names, in order.
    pub fn spaces(&self) -> impl Iterator<Item = (&str, &str, &NameSpace)> {
        self.spaces.iter().flat_map(|(app, all)| all.iter().map(move |(a, s)| (app.as_str(), a.as_str(), s)))
    }

    /// Who has a name.
    pub fn get(&self, app: &str, attribute: &str, folded: &str) -> Option<&NameMemory> {
        self.space(app, attribute)?.get(folded)
    }

    /// The names of an owner: folded form, and what is known of it. In order of folded form.
    pub fn of<'m>(
        &'m self,
        app: &str,
        attribute: &str,
        owner: &str,
    ) -> impl Iterator<Item = (&'m str, &'m NameMemory)> {
        let space = self.space(app, attribute);
        let owners = self.owners.get_or_init(|| owners(&self.spaces));
        let folded = space
            .and_then(|_| owners.get(&(app.to_owned(), attribute.to_owned()))?.get(owner))
            .map_or(&[][..], Vec::as_slice);
        folded.iter().filter_map(move |f| space?.get_key_value(f).map(|(f, m)| (f.as_str(), m)))
    }

    /// Remembers a name. What its owner had for the same account before becomes a former name, unless `known` is one
    /// already.
    pub fn give(&mut self, app: &str, attribute: &str, known: NameMemory) {
        self.owners.take();
        let space = self.spaces.entry(app.to_owned()).or_default().entry(attribute.to_owned()).or_default();
        space.insert(fold(&known.spelling).into_owned(), known);
    }

    /// Puts a name where it stood, under the folded form it had.
    pub fn put(&mut self, app: &str, attribute: &str, folded: String, known: NameMemory) {
        self.owners.take();
        let space = self.spaces.entry(app.to_owned()).or_default().entry(attribute.to_owned()).or_default();
        space.insert(folded, known);
    }

    /// Leaves out apps and attributes without names.
    pub(crate) fn tidy(&mut self) {
        self.spaces.values_mut().for_each(|all| all.retain(|_, space| !space.is_empty()));
        self.spaces.retain(|_, all| !all.is_empty());
    }

    /// Marks every name of an attribute as former that `current` does not say is current, given (folded form, name).
    pub fn retire(&mut self, app: &str, attribute: &str, mut current: impl FnMut(&str, &NameMemory) -> bool) {
        let Some(space) = self.spaces.get_mut(app).and_then(|all| all.get_mut(attribute)) else { return };
        for (folded, known) in space {
            known.former = !current(folded, known);
        }
    }
}

fn owners(spaces: &BTreeMap<String, BTreeMap<String, NameSpace>>) -> Owners {
    let mut owners = Owners::default();
    for (app, all) in spaces {
        for (attribute, space) in all {
            let by = owners.entry((app.clone(), attribute.clone())).or_default();
            for (folded, known) in space {
                by.entry(known.owner.clone()).or_default().push(folded.clone());
            }
        }
    }
    owners
}

/// A base as names are made from it: without outer blanks, no longer than `max` graphemes.
pub fn name_base(base: &str, max: Option<u32>) -> &str {
    cut(base.trim(), max)
}

/// The candidate of a number for a base that [`name_base`] gave: 1 is the base, from 2 on the number stands behind it,
/// and the base is cut so that both together are no longer than `max` graphemes. None where the number alone is as long.
pub fn name_candidate<'b>(base: &'b str, number: u32, max: Option<u32>) -> Option<Cow<'b, str>> {
    if number < 2 {
        return Some(Cow::Borrowed(base));
    }
    let suffix = number.to_string();
    let left = match max {
        Some(max) => Some(max.checked_sub(suffix.len() as u32).filter(|&left| left > 0)?),
        None => None,
    };
    Some(Cow::Owned(format!("{}{suffix}", cut(base, left))))
}

fn cut(text: &str, max: Option<u32>) -> &str {
    match max.and_then(|max| text.grapheme_indices(true).nth(max as usize)) {
        Some((end, _)) => text[..end].trim_end(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_cut_by_graphemes_so_that_the_number_fits() {
        assert_eq!(name_base("  Jo Ann  ", None), "Jo Ann");
        // A family of four people is one grapheme of many bytes.
        let base = name_base("a👨‍👩‍👧‍👦éfghij", Some(4));
        assert_eq!(base, "a👨‍👩‍👧‍👦éf");
        assert_eq!(name_candidate(base, 1, Some(4)).as_deref(), Some("a👨‍👩‍👧‍👦éf"));
        assert_eq!(name_candidate(base, 2, Some(4)).as_deref(), Some("a👨‍👩‍👧‍👦é2"));
        assert_eq!(name_candidate(base, 10, Some(4)).as_deref(), Some("a👨‍👩‍👧‍👦10"));
        assert_eq!(name_candidate(base, 1000, Some(4)), None);
        assert_eq!(name_candidate("jo ann", 2, Some(4)).as_deref(), Some("jo2"));
        assert_eq!(name_candidate("li", 12, None).as_deref(), Some("li12"));
    }

    #[test]
    fn an_owners_names_are_found_and_become_former() {
        let name = |owner: &str, spelling: &str| NameMemory {
            owner: owner.into(),
            spelling: spelling.into(),
            base: None,
            account: None,
            former: false,
        };
        let mut names = NamesMemory::default();
        names.give("ad", "login", name("1", "Dupont"));
        assert_eq!(names.of("ad", "login", "1").map(|n| n.0).collect::<Vec<_>>(), ["dupont"]);
        names.give("ad", "login", name("1", "Martin"));
        names.retire("ad", "login", |folded, _| folded == "martin");
        let known: Vec<_> = names.of("ad", "login", "1").map(|(f, n)| (f, n.former)).collect();
        assert_eq!(known, [("dupont", true), ("martin", false)]);
        assert_eq!(names.of("ad", "mail", "1").count(), 0);
    }
}
