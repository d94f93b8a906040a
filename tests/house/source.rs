//! Rust source as the house's tests read it: without comments and quotes, word by word, attribute by attribute.

/// Source without comments and without what stands in quotes; newlines stay.
pub(super) fn code_of(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let at = |i: usize| bytes.get(i).copied().unwrap_or('\0');
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < bytes.len() {
        let c = at(i);
        let joined = i > 0 && (at(i - 1).is_alphanumeric() || at(i - 1) == '_');
        let start = i;
        if c == '/' && at(i + 1) == '/' {
            while i < bytes.len() && at(i) != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            loop {
                match (at(i), at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
                if depth == 0 || i >= bytes.len() {
                    break;
                }
            }
        } else if c == 'r'
            && (!joined || at(i - 1) == 'b')
            && matches!(at(i + 1), '"' | '#')
            && raw_quote(&bytes, i + 1).is_some()
        {
            let hashes = raw_quote(&bytes, i + 1).unwrap();
            i += hashes + 2;
            while i < bytes.len() && !(at(i) == '"' && (1..=hashes).all(|n| at(i + n) == '#')) {
                i += 1;
            }
            i += hashes + 1;
        } else if c == '"' {
            i += 1;
            while i < bytes.len() && at(i) != '"' {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' && at(i + 1) == '\\' {
            i += 3;
            while i < bytes.len() && at(i) != '\'' {
                i += 1;
            }
            i += 1;
        } else if c == '\'' && at(i + 2) == '\'' {
            i += 3;
        } else {
            out.push(c);
            i += 1;
            continue;
        }
        let skipped = bytes.get(start..i.min(bytes.len())).unwrap_or_default();
        out.extend(skipped.iter().filter(|c| **c == '\n'));
        out.push(' ');
    }
    out
}

/// Number of `#` before the quote of a raw string that begins here.
fn raw_quote(bytes: &[char], from: usize) -> Option<usize> {
    let hashes = bytes.get(from..)?.iter().take_while(|c| **c == '#').count();
    (bytes.get(from + hashes) == Some(&'"')).then_some(hashes)
}

pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or_default().matches('\n').count() + 1
}

/// Offsets at which `word` stands by itself.
pub(super) fn words(code: &str, word: &str) -> Vec<usize> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let alone = |(at, _): &(usize, &str)| {
        !code.get(..*at).unwrap_or_default().ends_with(part)
            && !code.get(at + word.len()..).unwrap_or_default().starts_with(part)
    };
    code.match_indices(word).filter(alone).map(|(at, _)| at).collect()
}

/// Attributes of a source: offset and text from `[` to its closing bracket.
pub(super) fn attributes(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices('#') {
        let rest = code.get(at + 1..).unwrap_or_default();
        let rest = rest.strip_prefix('!').unwrap_or(rest);
        if !rest.starts_with('[') {
            continue;
        }
        let mut depth = 0usize;
        for (i, c) in rest.char_indices() {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                found.push((at, rest.get(..=i).unwrap_or_default()));
                break;
            }
        }
    }
    found
}

#[test]
fn sources_are_stripped_of_comments_and_quotes() {
    let source = "let a = \"un\\\"safe\"; // unsafe\nlet b = r#\"unsafe \"x\" \"#; /* un /* safe */ */ let c = '\\''; let d: &'a u8 = '\"';\nend";
    let code = code_of(source);
    assert!(!code.contains("safe") && code.contains("&'a u8"), "{code}");
    assert_eq!(code.lines().count(), 3);
    assert_eq!(words("unsafe unsafe_code is_unsafe", "unsafe"), [0]);
    assert_eq!(attributes("#[a(b[1])] fn x() {} #![c]").len(), 2);
}
