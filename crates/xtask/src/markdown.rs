//! Fenced blocks and links of a Markdown page. Invariant: lines are those of the file, from 1.

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of its fence.
    pub line: usize,
    /// What stands behind the fence.
    pub info: String,
    /// The lines between the fences.
    pub lines: Vec<String>,
}

impl Block {
    /// Its language: the first word of the info string.
    pub fn language(&self) -> &str {
        self.info.split(',').next().unwrap_or("").trim()
    }

    /// Its text.
    pub fn text(&self) -> String {
        self.lines.iter().map(|l| format!("{l}\n")).collect()
    }
}

/// The fenced blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(String, Block)> = None;
    for (index, line) in page.lines().enumerate() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        open = match open {
            None if ticks.len() >= 3 => {
                let info = line[ticks.len()..].trim().to_owned();
                Some((ticks, Block { line: index + 1, info, lines: Vec::new() }))
            }
            None => None,
            Some((fence, block)) if ticks.len() >= fence.len() && line.trim() == ticks => {
                found.push(block);
                None
            }
            Some((fence, mut block)) => {
                block.lines.push(line.to_owned());
                Some((fence, block))
            }
        };
    }
    found
}

/// The targets of inline links outside of code, with their lines.
pub fn links(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // What stands in backticks is code: every second part.
        let prose: String =
            line.split('`').enumerate().map(|(i, p)| if i % 2 == 0 { p } else { "x" }).collect();
        let mut rest = prose.as_str();
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            if let Some(end) = rest.find(')') {
                found.push((index + 1, rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
    }
    found
}

/// The anchors of a page's headings, as GitHub makes them.
pub fn anchors(page: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if fenced || !line.starts_with('#') {
            continue;
        }
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let anchor: String = title
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        found.push(anchor);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_at_a_fence_as_long_as_its_own() {
        let found = blocks("a\n````md\n```prov,fails=P0101\nx\n```\n````\n```console\n$ ls\n```\n");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].line, found[0].lines.len()), (2, 3));
        assert_eq!((found[1].language(), found[1].text().as_str()), ("console", "$ ls\n"));
    }

    #[test]
    fn links_in_code_are_no_links() {
        assert_eq!(
            links("[a](b.md) `[c](d)`\n```\n[e](f)\n```\n[g](h#i)"),
            [(1, "b.md".into()), (5, "h#i".into())]
        );
    }

    #[test]
    fn anchors_are_those_of_github() {
        assert_eq!(anchors("# A `text`, folded\n```\n# no\n```\n## B-c"), ["a-text-folded", "b-c"]);
    }
}
