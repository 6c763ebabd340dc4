//! What would be otherwise if everything that is observed (`@stage(observe)`) were applied.
//! Invariant: it is told of, and changes nothing of what someone should have.

use crate::EntId;

/// The difference, by position of the identity and entitlement; sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Would {
    /// What would be given.
    pub gives: Vec<(u32, EntId)>,
    /// What would be withheld or lost.
    pub withholds: Vec<(u32, EntId)>,
    /// What observed grants would give, whatever is observed that withholds: it is not revoked where it is held.
    pub spares: Vec<(u32, EntId)>,
    /// Of whom what is observed can't be known, and whether that may concern what they are given.
    pub unsure: Vec<(u32, bool)>,
}

impl Would {
    /// Those of one identity.
    pub fn of<T: Copy>(list: &[(u32, T)], position: u32) -> impl Iterator<Item = T> + '_ {
        let start = list.partition_point(|(p, _)| *p < position);
        list[start..].iter().take_while(move |(p, _)| *p == position).map(|(_, of)| *of)
    }
}
