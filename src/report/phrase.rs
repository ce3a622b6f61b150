//! Words for every surface: written once, dressed by each renderer.

/// A stretch of a [`Phrase`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// Our own words; backticks around what a user can type.
    Plain(String),
    /// Our own words that matter most.
    Strong(String),
    /// Words we did not write: paths, reasons, names. Each renderer makes them harmless.
    Foreign(String),
    /// As [`Span::Foreign`], but a name or a number that reads best undressed when it is nothing more.
    Name(String),
    /// The id of a finding, where a surface can link: to its page.
    Id(&'static str),
}

/// One line of words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Phrase(pub(super) Vec<Span>);

impl Phrase {
    pub(super) fn strong(words: impl Into<String>) -> Self {
        Self(vec![Span::Strong(words.into())])
    }

    pub(super) fn foreign(words: impl Into<String>) -> Self {
        Self(vec![Span::Foreign(words.into())])
    }

    pub(super) fn name(words: impl Into<String>) -> Self {
        Self(vec![Span::Name(words.into())])
    }

    pub(super) fn id(id: &'static str) -> Self {
        Self(vec![Span::Id(id)])
    }

    /// Goes on with another phrase.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    /// Goes on with our own words.
    pub(super) fn then(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Plain(words.into()));
        self
    }

    /// Goes on with words we did not write.
    pub(super) fn then_foreign(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Foreign(words.into()));
        self
    }
}

impl From<String> for Phrase {
    fn from(words: String) -> Self {
        Self(vec![Span::Plain(words)])
    }
}

impl From<&str> for Phrase {
    fn from(words: &str) -> Self {
        words.to_owned().into()
    }
}

/// To which side a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a heading. Every row has as many cells as there are columns.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The heads of the columns; words are to the left, numbers to the right.
    pub(super) columns: Vec<(&'static str, Align)>,
    /// The rows, the most important first: a renderer short of space leaves out the last ones.
    pub(super) rows: Vec<Vec<Phrase>>,
    /// The row below all others, never left out.
    pub(super) total: Option<Vec<Phrase>>,
}
