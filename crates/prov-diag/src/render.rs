//! Renderings of diagnostics: for people (miette) and as JSON. Both take sorted diagnostics and add nothing.

use crate::{Diagnostic, Severity, SourceId, SourceMap, Span};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};
use std::fmt;

/// How diagnostics are drawn for people.
#[derive(Clone, Copy, Debug)]
pub struct RenderOptions {
    /// With ANSI colours.
    pub color: bool,
    /// With box-drawing characters; else plain ASCII.
    pub unicode: bool,
    /// Columns to wrap at.
    pub width: usize,
}

impl Default for RenderOptions {
    fn default() -> Self {
        RenderOptions { color: false, unicode: true, width: 100 }
    }
}

/// All diagnostics as a person reads them, one after another, each ended by a line feed.
pub fn render_human(diagnostics: &[Diagnostic], sources: &SourceMap, options: RenderOptions) -> String {
    let theme = match (options.color, options.unicode) {
        (true, true) => GraphicalTheme::unicode(),
        (false, true) => GraphicalTheme::unicode_nocolor(),
        (true, false) => GraphicalTheme::ascii(),
        (false, false) => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(options.width)
        .with_links(false)
        .with_context_lines(1);
    let bases = Bases::new(sources);
    let mut out = String::new();
    for diagnostic in diagnostics {
        let view = View { diagnostic, bases: &bases };
        handler.render_report(&mut out, &view).expect("writing to a string does not fail");
    }
    out
}

/// All diagnostics as a JSON array; see `docs/reference/diagnostics.md` for its fields.
pub fn render_json(diagnostics: &[Diagnostic], sources: &SourceMap) -> serde_json::Value {
    diagnostics.iter().map(|d| json(d, sources)).collect()
}

fn json(d: &Diagnostic, sources: &SourceMap) -> serde_json::Value {
    let span = |s: Span| {
        let (start, end) = (sources.start(s), sources.end(s));
        serde_json::json!({
            "file": sources.get(s.source).name, "start": s.start, "end": s.end,
            "line": start.line, "column": start.column, "end_line": end.line, "end_column": end.column,
        })
    };
    let mut out = serde_json::json!({
        "code": d.code.id, "severity": d.severity.name(), "title": d.code.title, "message": d.message,
        "labels": d.labels.iter().map(|l| {
            let mut v = span(l.span);
            v["text"] = l.text.clone().into();
            v
        }).collect::<Vec<_>>(),
    });
    if let Some(p) = &d.place {
        out["data"] = serde_json::json!({ "file": p.file, "line": p.line, "column": p.column });
    }
    if let Some(r) = &d.reason {
        out["reason"] = r.clone().into();
    }
    if let Some(h) = &d.help {
        out["help"] = h.clone().into();
    }
    if let Some(f) = &d.fix {
        out["fix"] =
            serde_json::json!({ "title": f.title, "at": span(f.span), "replacement": f.replacement });
    }
    out
}

/// Sources laid end to end, so that one diagnostic can point into several files: miette knows a single offset space.
struct Bases<'a> {
    sources: &'a SourceMap,
    bases: Vec<usize>,
}

impl<'a> Bases<'a> {
    fn new(sources: &'a SourceMap) -> Self {
        let mut next = 0;
        let bases = sources
            .iter()
            .map(|(_, s)| {
                let base = next;
                // The gap keeps the end of one source apart from the start of the next.
                next += s.text.len() + 1;
                base
            })
            .collect();
        Bases { sources, bases }
    }

    fn offset(&self, span: Span) -> usize {
        self.bases[span.source.0 as usize] + span.start as usize
    }
}

impl SourceCode for Bases<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let index = self
            .bases
            .partition_point(|&b| b <= span.offset())
            .checked_sub(1)
            .ok_or(MietteError::OutOfBounds)?;
        let (base, source) = (self.bases[index], self.sources.get(SourceId(index as u32)));
        let local = SourceSpan::from((span.offset() - base, span.len()));
        let inner = source.text.as_ref().read_span(&local, before, after)?;
        let moved = SourceSpan::from((inner.span().offset() + base, inner.span().len()));
        Ok(Box::new(MietteSpanContents::new_named(
            source.name.clone(),
            inner.data(),
            moved,
            inner.line(),
            inner.column(),
            inner.line_count(),
        )))
    }
}

struct View<'a> {
    diagnostic: &'a Diagnostic,
    bases: &'a Bases<'a>,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.diagnostic.place {
            write!(f, "{}", place.file)?;
            if let Some(line) = place.line {
                write!(f, ":{line}")?;
            }
            if let Some(column) = &place.column {
                write!(f, ", column `{column}`")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for View<'_> {}

impl miette::Diagnostic for View<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code.id))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Notice => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        match (&self.diagnostic.reason, &self.diagnostic.help) {
            (None, None) => None,
            (Some(r), None) => Some(Box::new(format!("why: {r}"))),
            (None, Some(h)) => Some(Box::new(h)),
            (Some(r), Some(h)) => Some(Box::new(format!("{h}\nwhy: {r}"))),
        }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.diagnostic.labels.is_empty()).then_some(self.bases as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.diagnostic.labels.is_empty() {
            return None;
        }
        Some(Box::new(self.diagnostic.labels.iter().enumerate().map(|(i, l)| {
            let text = (!l.text.is_empty()).then(|| l.text.clone());
            let span = (self.bases.offset(l.span), (l.span.end - l.span.start) as usize);
            if i == 0 {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        })))
    }
}
