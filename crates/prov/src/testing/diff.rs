//! Two texts, line by line. Invariant: what is shown as common is in both, in the same order.

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// What differs, as a unified diff without heads: `-` is only in the first, `+` only in the second.
pub(super) fn lines(old: &str, new: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // The longest common part of what is left, for each pair of places.
    let mut common = vec![vec![0u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] =
                if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut all) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            all.push((' ', a[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || common[i + 1][j] >= common[i][j + 1]) {
            all.push(('-', a[i]));
            i += 1;
        } else {
            all.push(('+', b[j]));
            j += 1;
        }
    }
    let near = |at: usize| {
        let (from, to) = (at.saturating_sub(CONTEXT), (at + CONTEXT + 1).min(all.len()));
        all[from..to].iter().any(|(sign, _)| *sign != ' ')
    };
    let (mut out, mut gap) = (String::new(), false);
    for (at, (sign, line)) in all.iter().enumerate() {
        if near(at) {
            out.push_str(format!("{sign} {line}").trim_end());
            out.push('\n');
            gap = false;
        } else if !gap {
            out.push_str("  …\n");
            gap = true;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn changes_stand_between_what_is_common() {
        assert_eq!(lines("a\nb\nc", "a\nx\nc"), "  a\n- b\n+ x\n  c\n");
        assert_eq!(lines("", "a"), "+ a\n");
        assert_eq!(lines("1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\n7"), "  …\n  3\n  4\n  5\n- 6\n+ 7\n");
        assert_eq!(lines("same", "same"), "  …\n");
    }
}
