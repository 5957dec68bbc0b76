//! The options of a command: `--name value`, in any order.

use std::{io, str::FromStr};

/// Options as they were given.
pub(crate) struct Arguments {
    options: Vec<(String, String)>,
}

impl Arguments {
    /// # Errors
    ///
    /// Where something is no option, or an option has no value.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> io::Result<Self> {
        let mut options = Vec::new();
        while let Some(argument) = arguments.next() {
            let Some(name) = argument.strip_prefix("--") else {
                return Err(io::Error::other(format!("{argument}: no option")));
            };
            let Some(value) = arguments.next() else {
                return Err(io::Error::other(format!("{argument}: has no value")));
            };
            options.push((name.to_owned(), value));
        }
        Ok(Self { options })
    }

    /// Refuses every option but these.
    pub(crate) fn allow(&self, names: &[&str]) -> io::Result<()> {
        match self.options.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            Some((name, _)) => {
                Err(io::Error::other(format!("--{name}: no option of this command")))
            }
            None => Ok(()),
        }
    }

    /// The text of an option.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|option| option.0 == name).map(|option| option.1.as_str())
    }

    /// The number of an option, or `default`.
    pub(crate) fn number<T: FromStr>(&self, name: &str, default: T) -> io::Result<T> {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.parse().map_err(|_| io::Error::other(format!("--{name} {text}: no number")))
    }
}
