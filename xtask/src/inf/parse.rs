//! The INF format: sections, entries, comments, quotes, continued lines and `%strings%`.
//!
//! The syntax is that of "General Syntax Rules for INF Files". What an entry means is not known
//! here; an INI parser of crates.io would not do, because INF has continued lines, entries without
//! a key, merged sections and its own quotes, and because a finding needs the line.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};

/// An INF or INX file, its sections merged by name and its `%strings%` put in.
#[derive(Debug)]
pub struct Inf {
    sections: Vec<Section>,
    undefined_strings: Vec<(String, usize)>,
    non_ascii_line: Option<usize>,
}

/// All entries of one section name, in the order of the file.
#[derive(Debug)]
pub struct Section {
    /// The name as it is first written.
    pub name: String,
    /// The line of its first header, from 1.
    pub line: usize,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// One entry: `key = value, value`, or values alone.
#[derive(Debug)]
pub struct Entry {
    /// Its first line, from 1.
    pub line: usize,
    /// On how many lines it is written.
    pub lines: usize,
    /// What stands before the `=`, where there is one.
    pub key: Option<String>,
    /// The values between commas, without quotes and outer blanks; one that is left out is empty.
    pub values: Vec<String>,
}

impl Entry {
    /// Its value at `index`, empty where there is none: INF may leave out trailing commas.
    #[must_use]
    pub fn value(&self, index: usize) -> &str {
        self.values.get(index).map_or("", String::as_str)
    }

    /// Whether `key` stands before its `=`.
    #[must_use]
    pub fn has_key(&self, key: &str) -> bool {
        self.key.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(key))
    }
}

impl Section {
    /// The entries with this key.
    pub fn with_key<'a, 'k>(&'a self, key: &'k str) -> impl Iterator<Item = &'a Entry> + use<'a, 'k> {
        self.entries.iter().filter(move |entry| entry.has_key(key))
    }

    /// The first value of the first entry with this key.
    #[must_use]
    pub fn value_of(&self, key: &str) -> Option<&str> {
        self.entries
            .iter()
            .find(|entry| entry.has_key(key))
            .map(|entry| entry.value(0))
    }
}

impl Inf {
    /// Parses a file; what it cannot read is an error with its line.
    ///
    /// # Errors
    /// Where a quote, a `%` or a section header is not closed, or an entry belongs to no section.
    pub fn parse(text: &str) -> Result<Self> {
        let mut inf = Self {
            sections: Vec::new(),
            undefined_strings: Vec::new(),
            non_ascii_line: text.lines().position(|line| !line.is_ascii()).map(|at| at + 1),
        };
        let mut current = None;
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        while let Some((line, text)) = lines.next() {
            let at_line = || format!("line {line}");
            let code = without_comment(text).with_context(at_line)?;
            if let Some(name) = code.strip_prefix('[') {
                let Some(name) = name.strip_suffix(']').filter(|name| !name.is_empty()) else {
                    bail!("line {line}: a section header is written [name], alone on its line");
                };
                current = Some(inf.section_index(name, line));
                continue;
            }
            let (entry, used) = join_continued(code, &mut lines)?;
            if entry.is_empty() {
                continue;
            }
            let Some(section) = current else {
                bail!("line {line}: an entry stands before the first [section]");
            };
            inf.sections[section].entries.push(split_entry(&entry, line, used));
        }
        inf.put_strings_in();
        Ok(inf)
    }

    /// The section of this name, upper and lower case alike.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.name.eq_ignore_ascii_case(name))
    }

    /// All sections, in the order of the file.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Each `%string%` that `[Strings]` does not define, with its line.
    #[must_use]
    pub fn undefined_strings(&self) -> &[(String, usize)] {
        &self.undefined_strings
    }

    /// The first line with a character outside ASCII.
    #[must_use]
    pub fn non_ascii_line(&self) -> Option<usize> {
        self.non_ascii_line
    }

    fn section_index(&mut self, name: &str, line: usize) -> usize {
        let found = self.sections.iter().position(|own| own.name.eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| {
            self.sections.push(Section {
                name: name.to_owned(),
                line,
                entries: Vec::new(),
            });
            self.sections.len() - 1
        })
    }

    fn put_strings_in(&mut self) {
        let strings: BTreeMap<String, String> = self
            .section("Strings")
            .into_iter()
            .flat_map(|section| &section.entries)
            .filter_map(|entry| {
                let key = entry.key.as_ref()?;
                Some((key.to_ascii_lowercase(), entry.value(0).to_owned()))
            })
            .collect();
        let undefined = &mut self.undefined_strings;
        for section in &mut self.sections {
            if is_strings(&section.name) {
                continue;
            }
            for entry in &mut section.entries {
                for text in entry.key.iter_mut().chain(&mut entry.values) {
                    *text = expand(text, &strings, |name| {
                        undefined.push((name.to_owned(), entry.line));
                    });
                }
            }
        }
    }
}

/// Whether a section holds strings: `[Strings]`, or `[Strings.LANGID]`.
pub(super) fn is_strings(section: &str) -> bool {
    let (name, dot_language) = section.split_at_checked("Strings".len()).unwrap_or((section, ""));
    name.eq_ignore_ascii_case("Strings") && (dot_language.is_empty() || dot_language.starts_with('.'))
}

/// The line up to its comment, without outer blanks.
fn without_comment(line: &str) -> Result<&str> {
    let (mut quoted, mut token) = (false, false);
    let mut end = line.len();
    for (at, character) in line.char_indices() {
        match character {
            '"' if !token => quoted = !quoted,
            '%' if !quoted => token = !token,
            ';' if !quoted && !token => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    if quoted {
        bail!("a quote is opened and not closed: write \"\" for a quote within quotes");
    }
    if token {
        bail!("a %string% is opened and not closed: write %% for a percent sign");
    }
    Ok(line[..end].trim())
}

/// The entry that begins with `first`, with the lines that a `\` at the end ties to it, and their
/// number.
fn join_continued<'a>(first: &str, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<(String, usize)> {
    let mut entry = first.to_owned();
    let mut used = 1;
    while entry.ends_with('\\') {
        entry.pop();
        let Some((line, next)) = lines.next() else {
            break;
        };
        entry.push_str(without_comment(next).with_context(|| format!("line {line}"))?);
        used += 1;
    }
    Ok((entry, used))
}

/// Splits at the first `=` and at the commas that no quotes enclose, and takes the quotes away.
fn split_entry(text: &str, line: usize, lines: usize) -> Entry {
    let mut key = None;
    let mut values = Vec::new();
    let mut value = Unquoted::default();
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => value.push('"', true),
            '"' => quoted = !quoted,
            '=' if !quoted && key.is_none() && values.is_empty() => {
                key = Some(std::mem::take(&mut value).finish());
            }
            ',' if !quoted => values.push(std::mem::take(&mut value).finish()),
            _ => value.push(character, quoted),
        }
    }
    values.push(value.finish());
    Entry {
        line,
        lines,
        key,
        values,
    }
}

/// A value as it is read: blanks count within quotes only.
#[derive(Default)]
struct Unquoted {
    text: String,
    /// How much of `text` stays even where blanks follow.
    kept: usize,
}

impl Unquoted {
    fn push(&mut self, character: char, quoted: bool) {
        if !quoted && character.is_whitespace() && self.kept == 0 {
            return;
        }
        self.text.push(character);
        if quoted || !character.is_whitespace() {
            self.kept = self.text.len();
        }
    }

    fn finish(mut self) -> String {
        self.text.truncate(self.kept);
        self.text
    }
}

/// Puts the strings in: `%name%` is its value, `%%` a percent sign, `%13%` (a directory) stays.
fn expand(text: &str, strings: &BTreeMap<String, String>, mut undefined: impl FnMut(&str)) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        expanded.push_str(before);
        let Some((name, after)) = after.split_once('%') else {
            rest = &rest[before.len()..];
            break;
        };
        rest = after;
        if name.is_empty() {
            expanded.push('%');
        } else if let Some(value) = strings.get(&name.to_ascii_lowercase()) {
            expanded.push_str(value);
        } else {
            if name.parse::<u32>().is_err() {
                undefined(name);
            }
            expanded.extend(["%", name, "%"]);
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_entry(text: &str) -> Entry {
        let mut inf = Inf::parse(&format!("[s]\n{text}\n")).unwrap();
        assert_eq!(inf.sections[0].entries.len(), 1, "{text}");
        inf.sections[0].entries.remove(0)
    }

    #[test]
    fn values_lose_quotes_and_outer_blanks_and_keep_commas_within_quotes() {
        let entry = only_entry(r#" Key =  a b ,, " c, d " ,"say ""x""",e"#);
        assert_eq!(entry.key.as_deref(), Some("Key"));
        assert_eq!(entry.values, ["a b", "", " c, d ", r#"say "x""#, "e"]);
    }

    #[test]
    fn an_entry_without_a_key_keeps_an_equals_sign_within_a_later_value() {
        let entry = only_entry(r#"HKR,,Value,,"a=b""#);
        assert_eq!(entry.key, None);
        assert_eq!(entry.value(4), "a=b");
        assert_eq!(only_entry("HKR,,Value,,a=b").value(4), "a=b");
    }

    #[test]
    fn a_comment_begins_at_a_semicolon_but_not_within_quotes() {
        assert_eq!(only_entry(r#"k = "a;b" ; "c"#).values, ["a;b"]);
    }

    #[test]
    fn a_backslash_at_the_end_ties_the_next_line_even_before_a_comment() {
        let entry = only_entry("CopyFiles = \"Folder\\\"\\ ; comment\n  ,File");
        assert_eq!(entry.values, ["Folder\\", "File"]);
        assert_eq!((entry.line, entry.lines), (2, 2));
    }

    #[test]
    fn a_backslash_within_quotes_at_the_end_ties_nothing() {
        let inf = Inf::parse("[s]\na = \"C:\\\"\nb = 1\n").unwrap();
        assert_eq!(inf.section("s").unwrap().entries.len(), 2);
    }

    #[test]
    fn sections_of_one_name_are_merged_whatever_their_case() {
        let inf = Inf::parse("[Files]\na\n[other]\n[FILES]\nb\n").unwrap();
        assert_eq!(inf.sections().len(), 2);
        let files = inf.section("files").unwrap();
        assert_eq!((files.line, files.entries.len()), (1, 2));
        assert_eq!(files.entries[1].line, 5);
    }

    #[test]
    fn strings_are_put_in_everywhere_but_directories_and_percent_signs_stay() {
        let inf = Inf::parse("[s]\n%Who%x = \"by %WHO%\",%13%\\f.sys,%%SystemRoot%%,%missing%\n[Strings]\nwho = me\n")
            .unwrap();
        let entry = &inf.section("s").unwrap().entries[0];
        assert_eq!(entry.key.as_deref(), Some("mex"));
        assert_eq!(entry.values, ["by me", "%13%\\f.sys", "%SystemRoot%", "%missing%"]);
        assert_eq!(inf.undefined_strings(), [("missing".to_owned(), 2)]);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        for (text, message) in [
            ("[s]\na = \"b\n", "line 2: a quote"),
            ("[s]\na = %b\n", "line 2: a %string%"),
            ("[s]\na = b\\\n\"c\n", "line 3: a quote"),
            ("a = b\n", "line 1: an entry stands before"),
            ("[s\n", "line 1: a section header"),
            ("[]\n", "line 1: a section header"),
        ] {
            let error = format!("{:#}", Inf::parse(text).unwrap_err());
            assert!(error.starts_with(message), "{text:?}: {error}");
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused_without_a_panic() {
        for text in [
            "\u{feff}",
            "[s]\n\\",
            "[s]\n\\\n\\",
            "[é]\né = é,%é%",
            "[s]\n=,=",
            "%",
            "[s]\n%%%%",
        ] {
            let _ = Inf::parse(text);
        }
    }
}
