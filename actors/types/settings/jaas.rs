//! JAAS, in which Kafka's users of SASL are written (`JaasConfig`, and Java's `ConfigFile`).
//!
//! ```text
//! class flag name=value name="value" … ;              one login module, or several behind each other
//! KafkaServer { class flag … ; }; Client { … };       the same in sections of a file
//! ```
//!
//! Words end at blanks and at `= ; { } "`; texts in quotes may hold anything, `\` in front of
//! what would end them. `// …` and `/* … */` are comments.

use crate::types::Secret;
use std::collections::BTreeMap;
use std::fmt;

/// One login module and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginModule {
    /// Name of its Java class.
    pub class: String,
    /// Its options; passwords are among them.
    pub options: BTreeMap<String, Secret>,
}

/// Why a text is no JAAS configuration. Says where, and never what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JaasError(String);

impl fmt::Display for JaasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for JaasError {}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
}

/// Reads login modules, as a value of `sasl.jaas.config` has them; one at least.
///
/// # Errors
/// The text is not of that form.
pub fn login_modules(text: &str) -> Result<Vec<LoginModule>, JaasError> {
    let mut reader = Reader { tokens: tokens(text)?.into_iter().peekable(), read: 0 };
    let mut modules = Vec::new();
    while reader.tokens.peek().is_some() {
        modules.push(reader.module()?);
    }
    if modules.is_empty() {
        return Err(JaasError("it names no login module".to_owned()));
    }
    Ok(modules)
}

/// Reads a JAAS file: the login modules of each section.
///
/// # Errors
/// The text is not of that form.
pub fn sections(text: &str) -> Result<BTreeMap<String, Vec<LoginModule>>, JaasError> {
    let mut reader = Reader { tokens: tokens(text)?.into_iter().peekable(), read: 0 };
    let mut sections = BTreeMap::new();
    while reader.tokens.peek().is_some() {
        let name = reader.word("the name of a section")?;
        reader.sign('{')?;
        let mut modules = Vec::new();
        while reader.tokens.peek() != Some(&Token::Sign('}')) {
            modules.push(reader.module()?);
        }
        reader.sign('}')?;
        reader.sign(';')?;
        sections.insert(name, modules);
    }
    Ok(sections)
}

/// The same as a value of `sasl.jaas.config`.
#[must_use]
pub fn as_setting(modules: &[LoginModule]) -> String {
    let mut text = String::new();
    for module in modules {
        text.push_str(&module.class);
        text.push_str(" required");
        for (name, value) in &module.options {
            let value = String::from_utf8_lossy(value.bytes());
            let value = value.replace('\\', r"\\").replace('"', "\\\"");
            text.push_str(&format!(" {name}=\"{value}\""));
        }
        text.push(';');
    }
    text
}

/// Flags of login modules, which mean nothing where there is one.
const FLAGS: [&str; 4] = ["required", "requisite", "sufficient", "optional"];

struct Reader {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    read: usize,
}

impl Reader {
    fn module(&mut self) -> Result<LoginModule, JaasError> {
        let class = self.word("the class of a login module")?;
        let flag = self.word("a flag such as required")?;
        if !FLAGS.contains(&flag.to_ascii_lowercase().as_str()) {
            return Err(self.expected("a flag: required, requisite, sufficient or optional"));
        }
        let mut options = BTreeMap::new();
        while self.tokens.peek() != Some(&Token::Sign(';')) {
            let name = self.word("an option, or a semicolon")?;
            self.sign('=')?;
            options.insert(name, Secret::new(self.word("an option's value")?));
        }
        self.sign(';')?;
        Ok(LoginModule { class, options })
    }

    fn word(&mut self, what: &str) -> Result<String, JaasError> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            Some(Token::Sign(_)) | None => Err(self.expected(what)),
        }
    }

    fn sign(&mut self, sign: char) -> Result<(), JaasError> {
        if self.next() == Some(Token::Sign(sign)) {
            return Ok(());
        }
        Err(self.expected(&format!("{sign:?}")))
    }

    fn next(&mut self) -> Option<Token> {
        self.read += 1;
        self.tokens.next()
    }

    fn expected(&self, what: &str) -> JaasError {
        JaasError(format!("word {} should be {what}", self.read))
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, JaasError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = rest.trim_start();
        } else if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let open = || JaasError("a comment does not end".to_owned());
            (_, rest) = comment.split_once("*/").ok_or_else(open)?;
        } else if let Some(quoted) = rest.strip_prefix(['"', '\'']) {
            let (word, after) = unquoted(first, quoted)?;
            found.push(Token::Word(word));
            rest = after;
        } else if is_sign(first) {
            found.push(Token::Sign(first));
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else {
            let ends = |c: char| c.is_whitespace() || is_sign(c) || c == '"';
            let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
            found.push(Token::Word(word.to_owned()));
            rest = after;
        }
    }
    Ok(found)
}

const fn is_sign(c: char) -> bool {
    matches!(c, '=' | ';' | '{' | '}')
}

/// The text up to the quote that ends it, and what follows.
fn unquoted(quote: char, text: &str) -> Result<(String, &str), JaasError> {
    let mut word = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some((_, 'n')) => word.push('\n'),
                Some((_, 't')) => word.push('\t'),
                Some((_, 'r')) => word.push('\r'),
                Some((_, escaped)) => word.push(escaped),
                None => break,
            },
            _ if letter == quote => {
                let after = text.get(at + letter.len_utf8()..).unwrap_or_default();
                return Ok((word, after));
            }
            _ => word.push(letter),
        }
    }
    Err(JaasError("a text in quotes does not end".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(class: &str, options: &[(&str, &str)]) -> LoginModule {
        let option = |(name, value): &(&str, &str)| (name.to_string(), Secret::new(*value));
        LoginModule { class: class.to_owned(), options: options.iter().map(option).collect() }
    }

    #[test]
    fn a_value_holds_modules_and_their_options() {
        let text = r#" a.b.PlainLoginModule required username="admin" // who
            password='it\'s' user_alice="a\"b;c" /* none */ plain=word; Other optional;"#;

        let modules = login_modules(text).unwrap();

        let first = [
            ("username", "admin"),
            ("password", "it's"),
            ("user_alice", "a\"b;c"),
            ("plain", "word"),
        ];
        assert_eq!(modules, [module("a.b.PlainLoginModule", &first), module("Other", &[])]);
    }

    #[test]
    fn a_file_holds_sections() {
        let text = "KafkaServer {\n  A required a=b;\n B required; };\nsasl.KafkaServer { C required; };\nEmpty {};";

        let sections = sections(text).unwrap();

        assert_eq!(sections["KafkaServer"], [module("A", &[("a", "b")]), module("B", &[])]);
        assert_eq!(sections["sasl.KafkaServer"], [module("C", &[])]);
        assert_eq!(sections["Empty"], []);
    }

    #[test]
    fn modules_are_written_as_they_are_read() {
        let modules = [module("A", &[("a", "b\"c\\d e"), ("f", "")]), module("B", &[])];

        assert_eq!(login_modules(&as_setting(&modules)).unwrap(), modules);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        let wrong = [
            "",
            "A",
            "A required",
            "A geheim user_a=geheim;",
            "A required user_a geheim;",
            "A required user_a=;",
            "A required user_a=\"geheim;",
            "A required user_a=\"geheim\\",
            "A required /* geheim;",
            "A required; }",
            "= required;",
        ];
        for text in wrong {
            let said = login_modules(text).unwrap_err().to_string();
            assert!(!said.contains("geheim"), "{text}: {said}");
        }
        for text in ["A", "A {", "A { B required; }", "A { B required };", "A { B };"] {
            assert!(sections(text).is_err(), "{text}");
        }
    }
}
