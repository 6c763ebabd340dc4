//! "did you mean": the nearest of the names that would have been right.

/// The candidate nearest to `wrong`, where one is near enough to be a likely slip of the keys.
/// Distance is Damerau–Levenshtein without regard to case; ties go to the first in alphabetical order.
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = wrong.to_lowercase();
    let limit = (wrong.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&lower, &c.to_lowercase()), c))
        .filter(|&(d, c)| {
            c != wrong
                && (d <= limit || (c.len() > 3 && lower.len() > 3 && c.to_lowercase().starts_with(&lower)))
        })
        .min()
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        assert_eq!(did_you_mean("departmnt", ["title", "department"]), Some("department"));
        assert_eq!(did_you_mean("Active", ["active", "leave"]), Some("active"));
        assert_eq!(did_you_mean("xyz", ["title", "department"]), None);
    }
}
