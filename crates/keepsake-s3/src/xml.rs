//! The XML that S3 speaks: reads answers, writes bodies. Owns names of elements; knows no request.

use crate::error::Error;
use roxmltree::{Document, Node};
use std::fmt::Write;

/// An answer that was read.
#[derive(Debug)]
pub(crate) struct Answer<'a>(Document<'a>);

impl<'a> Answer<'a> {
    /// Reads `text`. Servers that work for long send spaces first.
    pub(crate) fn read(text: &'a str) -> Result<Self, Error> {
        // It knows no DTD, so no entity grows.
        Document::parse(text.trim())
            .map(Self)
            .map_err(|why| Error::answer(format!("its XML is broken: {why}")))
    }

    /// The name of all of it.
    pub(crate) fn name(&self) -> &str {
        self.0.root_element().tag_name().name()
    }

    /// All of it.
    pub(crate) fn root(&self) -> Element<'_> {
        Element(self.0.root_element())
    }
}

/// One element. Namespaces are passed over: some servers leave them out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a>(Node<'a, 'a>);

impl<'a> Element<'a> {
    /// Those of its children that are called `name`.
    pub(crate) fn all(self, name: &'static str) -> impl Iterator<Item = Element<'a>> {
        self.0.children().filter(move |child| child.tag_name().name() == name).map(Element)
    }

    /// The first of them.
    pub(crate) fn one(self, name: &'static str) -> Option<Element<'a>> {
        self.all(name).next()
    }

    /// The text of the first of them, without the space around it; none where it is empty.
    pub(crate) fn text(self, name: &'static str) -> Option<&'a str> {
        self.one(name).and_then(|child| child.0.text()).map(str::trim).filter(|text| !text.is_empty())
    }

    /// As a number.
    pub(crate) fn number<T: std::str::FromStr>(self, name: &'static str) -> Result<T, Error> {
        let text = self.text(name).unwrap_or_default();
        text.parse().map_err(|_| Error::answer(format!("its {name} is no number")))
    }

    /// The text of the first of them, which has to be there.
    pub(crate) fn needed(self, name: &'static str) -> Result<String, Error> {
        self.text(name).map(str::to_owned).ok_or_else(|| Error::answer(format!("it has no {name}")))
    }

    /// Whether it says `true`.
    pub(crate) fn is_true(self, name: &'static str) -> bool {
        self.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// Its own text.
    pub(crate) fn own_text(self) -> &'a str {
        self.0.text().unwrap_or_default().trim()
    }
}

/// Code, words and region of an error; nothing where it is none.
pub(crate) fn error_of(text: &str) -> Option<(String, String, Option<String>)> {
    let answer = Answer::read(text).ok()?;
    let root = answer.root();
    (answer.name() == "Error").then(|| {
        let text = |name| root.text(name).unwrap_or_default().to_owned();
        // It is shown, so it has to be a code.
        let code = text("Code").chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        (code, text("Message"), root.text("Region").map(str::to_owned))
    })
}

/// Adds `<name>text</name>`.
pub(crate) fn put(xml: &mut String, name: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    write!(xml, "<{name}>{text}</{name}>").expect("a string takes all");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_with_and_without_a_namespace() {
        let read = |text| error_of(text).unwrap();
        let plain = "  \n<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>gone</Message></Error>";
        assert_eq!(read(plain), ("NoSuchKey".into(), "gone".into(), None));
        let named = "<Error xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Code>A b&lt;</Code><Region>eu</Region></Error>";
        assert_eq!(read(named), ("Ab".into(), String::new(), Some("eu".into())));
        assert!(error_of("<html><body>502</body></html>").is_none());
        assert!(error_of("").is_none());
    }

    #[test]
    fn entities_do_not_grow() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bb\">]><Error><Code>&b;</Code></Error>";
        assert!(Answer::read(bomb).is_err());
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut xml = String::from("<a>");
        put(&mut xml, "b", "x<y>&\"z\"");
        xml.push_str("</a>");
        assert_eq!(Answer::read(&xml).unwrap().root().text("b"), Some("x<y>&\"z\""));
    }
}
