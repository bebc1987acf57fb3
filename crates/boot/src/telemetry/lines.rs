//! Log lines written inside a span get its trace id.

use super::trace;
use std::fmt;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Json, Writer},
    },
    registry::LookupSpan,
};

/// A format that appends the trace id as a field, so that a search for it finds the lines of a
/// trace.
pub(super) struct WithTrace<F> {
    format: F,
    /// The end of a line without a trace id.
    end: &'static str,
    /// The text before and after the trace id.
    around: (&'static str, &'static str),
}

impl WithTrace<Format> {
    /// For plain text.
    pub(super) fn text(format: Format) -> Self {
        Self { format, end: "\n", around: (" trace_id=", "\n") }
    }
}

impl WithTrace<Format<Json>> {
    /// For one JSON object per line.
    pub(super) fn json(format: Format<Json>) -> Self {
        Self { format, end: "}\n", around: (",\"trace_id\":\"", "\"}\n") }
    }
}

impl<S, N, F> FormatEvent<S, N> for WithTrace<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(trace_id) = trace::current_id() else {
            return self.format.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        let (before, after) = self.around;
        match line.strip_suffix(self.end) {
            Some(line) => write!(writer, "{line}{before}{trace_id}{after}"),
            None => writer.write_str(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::{
        Context,
        trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
    };
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::{Layer, fmt::layer, layer::SubscriberExt};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Two lines, the second inside a trace.
    fn lines(is_json: bool) -> Vec<String> {
        let written = Written::default();
        let writer = written.clone();
        let make = move || writer.clone();
        let format = match is_json {
            true => layer()
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .map_event_format(WithTrace::json)
                .with_writer(make)
                .boxed(),
            false => layer().with_ansi(false).map_event_format(WithTrace::text).with_writer(make).boxed(),
        };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(format), || {
            tracing::info!(text = "}\n", "Outside.");
            let (trace, span) = (TraceId::from(0xabc), SpanId::from(1));
            let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
            let _inside = Context::new().with_remote_span_context(context).attach();
            tracing::info!(text = "}\n", "Inside.");
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_inside_a_trace_has_its_id_as_json_and_as_text() {
        let id = "00000000000000000000000000000abc";
        let json: Vec<serde_json::Value> =
            lines(true).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(json.len(), 2);
        assert_eq!((json[0].get("trace_id"), &json[1]["trace_id"]), (None, &id.into()));
        assert_eq!((&json[1]["message"], &json[1]["text"]), (&"Inside.".into(), &"}\n".into()));
        let text = lines(false).concat();
        assert!(text.ends_with(&format!(" trace_id={id}")), "{text}");
        assert_eq!(text.matches("trace_id").count(), 1, "{text}");
    }
}
