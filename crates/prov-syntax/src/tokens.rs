//! The flat sequence of tokens of a text, comments included: for trimming spans, finding item boundaries, bounding
//! depth before the recursive parser runs, wording errors, and formatting.
//!
//! Invariant: tokens are in order, never overlap, never split a character, and what lies between them is white space;
//! on a text that the grammar accepts, token edges are the grammar's edges. It reads any text whatsoever without recursion.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `// …`
    Comment,
    /// `/// …`
    Doc,
    /// `//! …`
    FileDoc,
    /// A word: a name or a keyword.
    Word,
    /// Digits and what sticks to them: `42`, `4.25`, `2026-03-02`, `09:00`, `30days`.
    Number,
    /// `"…"`, closed.
    Text,
    /// `"…` up to the end of its line.
    OpenText,
    /// `/…/` after `matches`.
    Regex,
    /// An operator or bracket.
    Punct,
    /// A character the language has no use for.
    Unknown,
}

/// A token: its kind and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Kind.
    pub kind: TokenKind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Token {
    /// Its text.
    pub fn text(self, source: &str) -> &str {
        &source[self.start..self.end]
    }

    /// Whether it is a comment of any sort, docs included.
    pub fn is_comment(self) -> bool {
        matches!(self.kind, TokenKind::Comment | TokenKind::Doc | TokenKind::FileDoc)
    }
}

/// All tokens of a text.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, after_matches: false };
    let mut out = Vec::with_capacity(text.len() / 5);
    while let Some(token) = lexer.next_token() {
        if !token.is_comment() {
            lexer.after_matches = token.kind == TokenKind::Word && token.text(text) == "matches";
        }
        out.push(token);
    }
    out
}

const PAIRS: [&[u8; 2]; 10] = [b"==", b"!=", b"<=", b">=", b"=>", b"??", b"..", b"&&", b"||", b"->"];

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    after_matches: bool,
}

impl Lexer<'_> {
    fn next_token(&mut self) -> Option<Token> {
        self.skip_blanks();
        let start = self.at;
        let first = *self.bytes.get(start)?;
        let kind = match first {
            b'/' if self.rest().starts_with(b"//") => self.comment(),
            b'/' if self.after_matches => self.regex(),
            b'"' => self.string(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                self.take_while(is_word);
                if self.text[self.at..].starts_with(char::is_alphanumeric) {
                    self.unknown()
                } else {
                    TokenKind::Word
                }
            }
            b'0'..=b'9' => self.number(),
            b'=' | b'!' | b'<' | b'>' | b'?' | b'.' | b'+' | b'-' | b'*' | b'%' | b'@' | b',' | b':'
            | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'&' | b'|' => {
                self.at += if PAIRS.iter().any(|p| self.rest().starts_with(*p)) { 2 } else { 1 };
                let foreign = matches!(first, b'!' | b'&' | b'|') && &self.text[start..self.at] != "!=";
                if foreign { TokenKind::Unknown } else { TokenKind::Punct }
            }
            _ => self.unknown(),
        };
        Some(Token { kind, start, end: self.at })
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.rest() {
                [b' ' | b'\t' | b'\r' | b'\n', ..] => self.at += 1,
                // A byte order mark.
                [0xEF, 0xBB, 0xBF, ..] => self.at += 3,
                _ => break,
            }
        }
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) {
        while self.bytes.get(self.at).is_some_and(|&b| keep(b)) {
            self.at += 1;
        }
    }

    fn comment(&mut self) -> TokenKind {
        let kind = match self.rest() {
            [b'/', b'/', b'!', ..] => TokenKind::FileDoc,
            [b'/', b'/', b'/', b'/', ..] => TokenKind::Comment,
            [b'/', b'/', b'/', ..] => TokenKind::Doc,
            _ => TokenKind::Comment,
        };
        self.take_while(|b| b != b'\n');
        while self.text[..self.at].ends_with(['\r', ' ', '\t']) {
            self.at -= 1;
        }
        kind
    }

    fn regex(&mut self) -> TokenKind {
        let line_end = memchr(self.rest(), b'\n').map_or(self.bytes.len(), |n| self.at + n);
        let mut at = self.at + 1;
        while at < line_end {
            match self.bytes[at] {
                b'\\' => at += 2,
                b'/' => {
                    self.at = at + 1;
                    return TokenKind::Regex;
                }
                _ => at += 1,
            }
        }
        self.at += 1;
        TokenKind::Unknown
    }

    /// A text with its inserted expressions, in which texts may stand again. `depth` holds, for each open text, how
    /// many braces are open in the expression being inserted.
    fn string(&mut self) -> TokenKind {
        let line_end = memchr(self.rest(), b'\n').map_or(self.bytes.len(), |n| self.at + n);
        let mut depth: Vec<usize> = vec![0];
        let mut at = self.at + 1;
        while let Some(&b) = self.bytes.get(at).filter(|_| at < line_end) {
            let open = depth.last_mut().expect("the outermost text is popped only on return");
            let inside = *open > 0;
            match b {
                b'"' if inside => depth.push(0),
                b'"' => {
                    depth.pop();
                    if depth.is_empty() {
                        self.at = at + 1;
                        return TokenKind::Text;
                    }
                }
                b'\\' if !inside => at += 1,
                b'{' if !inside && self.bytes.get(at + 1) == Some(&b'{') => at += 1,
                b'{' => *open += 1,
                b'}' if inside => *open -= 1,
                _ => {}
            }
            at += 1;
        }
        self.at = line_end;
        while self.text.is_char_boundary(self.at)
            && self.text[..self.at].ends_with(['\r', ' ', '\t'])
            && self.at > 1
        {
            self.at -= 1;
        }
        TokenKind::OpenText
    }

    fn number(&mut self) -> TokenKind {
        let digits =
            |l: &Self, from: usize| l.bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let n = digits(self, self.at);
        let next = self.bytes.get(self.at + n).copied();
        self.at += match next {
            // A date, or what was meant as one.
            Some(b'-')
                if n == 4 && digits(self, self.at + 5) > 0 && {
                    let m = digits(self, self.at + 5);
                    self.bytes.get(self.at + 5 + m) == Some(&b'-') && digits(self, self.at + 6 + m) > 0
                } =>
            {
                let m = digits(self, self.at + 5);
                6 + m + digits(self, self.at + 6 + m)
            }
            Some(b'.') if digits(self, self.at + n + 1) > 0 => n + 1 + digits(self, self.at + n + 1),
            Some(b':') if n == 2 && digits(self, self.at + 3) == 2 => 5,
            _ => n,
        };
        self.take_while(is_word);
        TokenKind::Number
    }

    fn unknown(&mut self) -> TokenKind {
        // A run of letters with some outside ASCII is one token, so that a message can show the whole word.
        let word = self.text[self.at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_');
        let len: usize = word.map(char::len_utf8).sum();
        self.at += len.max(self.text[self.at..].chars().next().map_or(1, char::len_utf8));
        TokenKind::Unknown
    }
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn memchr(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes.iter().position(|&b| b == wanted)
}
