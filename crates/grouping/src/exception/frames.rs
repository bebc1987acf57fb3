//! The frames of each family of runtimes.

use super::{Exception, Frame};

/// Names that begin so belong to runtimes and common libraries.
const LIBRARIES: [&str; 34] = [
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "com.sun.",
    "kotlin.",
    "scala.",
    "org.apache.",
    "org.springframework.",
    "org.hibernate.",
    "io.netty.",
    "reactor.",
    "com.zaxxer.",
    "org.postgresql.",
    "com.fasterxml.",
    "akka.",
    "org.eclipse.jetty.",
    "System.",
    "Microsoft.",
    "runtime.",
    "net/http",
    "database/sql",
    "std::",
    "core::",
    "alloc::",
    "tokio::",
    "node:",
    "internal/",
    "rust_",
    "__rust",
    "testing.",
    "reflect.",
    "sync.",
    "okhttp3.",
];

/// Folders in which libraries lie.
const LIBRARY_FOLDERS: [&str; 10] = [
    "/site-packages/",
    "/dist-packages/",
    "/lib/python",
    "node_modules/",
    "node:",
    "/usr/lib/",
    "/rustc/",
    "/.cargo/registry/",
    "/go/pkg/mod/",
    "/usr/local/go/src/",
];

fn in_app(name: &str, file: Option<&str>) -> bool {
    let library = LIBRARIES.iter().any(|prefix| name.starts_with(prefix));
    let folder = file.is_some_and(|file| {
        LIBRARY_FOLDERS.iter().any(|folder| file.contains(folder)) || file.starts_with("<frozen")
    });
    !library && !folder
}

/// A function's name without what differs from build to build: closures, lambdas, hashes.
pub(super) fn stable_name(function: &str) -> &str {
    let name = function.split("$$Lambda").next().unwrap_or(function);
    let name = name.split("::{{closure}}").next().unwrap_or(name);
    match name.rfind("::h") {
        Some(at) if name.len() - at == 19 => &name[..at],
        _ => name,
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.get(..digits)?.parse().ok()
}

/// `Type: message` at the end of a line that may begin with a log message of its own.
fn kind_and_message(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line
        .strip_prefix("Caused by: ")
        .or_else(|| line.strip_prefix("Exception in thread "))
        .unwrap_or(line);
    let line = match line.strip_prefix('"').and_then(|rest| rest.split_once("\" ")) {
        Some((_, rest)) => rest,
        None => line,
    };
    let (kind, message) =
        line.split_once(':').map_or((line, ""), |(kind, message)| (kind.trim(), message.trim()));
    let kind = kind.rsplit(' ').next().unwrap_or(kind);
    let named = !kind.is_empty()
        && kind.len() <= 200
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._$".contains(&byte))
        && kind.bytes().any(|byte| byte.is_ascii_uppercase());
    named.then(|| (kind.to_owned(), message.to_owned()))
}

/// Java, Kotlin, Scala and .NET: `at package.Class.method(File.java:12)`. The last cause is what
/// broke.
pub(super) fn java(text: &str) -> Option<Exception> {
    let mut exception: Option<Exception> = None;
    let mut head: Option<(String, String)> = None;
    // The frames of the exceptions that the one at hand caused; they lie outside of it.
    let mut outer: Vec<Frame> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some(call) = trimmed.strip_prefix("at ").filter(|_| line.len() > trimmed.len()) {
            let Some(frame) = java_frame(call) else { continue };
            if let Some((kind, message)) = head.take() {
                if let Some(caused) = exception.take() {
                    outer.extend(caused.frames.into_iter().rev());
                }
                exception = Some(Exception { kind, message, frames: Vec::new() });
            }
            // Each exception prints its innermost call first.
            exception.as_mut()?.frames.push(frame);
        } else if trimmed.starts_with("Caused by: ") {
            head = kind_and_message(trimmed);
        } else if exception.is_none() {
            head = kind_and_message(trimmed).or(head);
        }
    }
    let mut exception = exception?;
    outer.extend(exception.frames.drain(..).rev());
    exception.frames = outer;
    Some(exception)
}

fn java_frame(call: &str) -> Option<Frame> {
    let (name, place) = call.split_once('(')?;
    // JavaScript writes `name (file:1:2)`, with white space before the bracket.
    if name.ends_with(' ') || name.contains(' ') {
        return None;
    }
    let name = name.rsplit('/').next().unwrap_or(name);
    let (module, function) = name.rsplit_once('.')?;
    // .NET writes `Run(String name) in /app/Main.cs:line 12`.
    let place = place.split_once(") in ").map_or(place, |(_, place)| place);
    let place = place.trim_end().trim_end_matches(')');
    let (file, line) = place
        .rsplit_once(':')
        .map_or((place, None), |(file, line)| (file, number(line.trim_start_matches("line "))));
    let file = file.contains('.').then(|| file.to_owned());
    Some(Frame {
        function: function.to_owned(),
        in_app: in_app(name, None),
        module: Some(module.to_owned()),
        file,
        line,
    })
}

/// Python: `File "x.py", line 3, in f`, innermost last, and the exception behind them.
pub(super) fn python(text: &str) -> Option<Exception> {
    let start = text.rfind("Traceback (most recent call last):")?;
    let mut frames = Vec::new();
    for line in text[start..].lines().skip(1) {
        let Some(place) = line.trim_start().strip_prefix("File \"") else {
            if line.starts_with(char::is_whitespace) || line.is_empty() {
                continue;
            }
            let (kind, message) = kind_and_message(line)?;
            return Some(Exception { kind, message, frames });
        };
        let (file, rest) = place.split_once('"')?;
        let line_number = rest.split_once("line ").and_then(|(_, rest)| number(rest));
        let function = rest.split_once(", in ").map_or("<module>", |(_, name)| name.trim());
        frames.push(Frame {
            function: function.to_owned(),
            module: None,
            in_app: in_app(function, Some(file)),
            file: Some(file.to_owned()),
            line: line_number,
        });
    }
    None
}

/// Go: `panic: message`, then pairs of a call and an indented `file:line`.
pub(super) fn go(text: &str) -> Option<Exception> {
    let start = text.find("goroutine ")?;
    let message = text[..start]
        .lines()
        .rev()
        .find_map(|line| line.split_once("panic: "))
        .map_or("", |(_, message)| message.trim());
    let lines: Vec<&str> = text[start..].lines().skip(1).collect();
    let mut frames = Vec::new();
    for pair in lines.windows(2) {
        let (call, place) = (pair[0], pair[1]);
        if call.starts_with(char::is_whitespace) || !place.starts_with(char::is_whitespace) || call.is_empty()
        {
            continue;
        }
        let name = call.trim_start_matches("created by ");
        let name = name.rfind('(').filter(|at| *at > 0).map_or(name, |at| &name[..at]);
        let place = place.trim().split(" +0x").next().unwrap_or_default();
        let (file, line) = place.rsplit_once(':').map_or((place, None), |(file, line)| (file, number(line)));
        frames.push(Frame {
            function: name.to_owned(),
            module: None,
            in_app: in_app(name, Some(file)) && name != "panic",
            file: Some(file.to_owned()),
            line,
        });
    }
    frames.reverse();
    (!frames.is_empty()).then(|| Exception { kind: "panic".to_owned(), message: message.to_owned(), frames })
}

/// Rust: `panicked at file:line:column:` and a backtrace of `n: name` and `at file:line`.
pub(super) fn rust(text: &str) -> Option<Exception> {
    let (_, panic) = text.split_once("panicked at ")?;
    let mut lines = panic.lines();
    let place = lines.next()?.trim_end_matches(':');
    let message = lines.next().unwrap_or_default().trim().to_owned();
    let mut frames: Vec<Frame> = Vec::new();
    for line in lines {
        let trimmed = line.trim();
        if let Some(file) = trimmed.strip_prefix("at ") {
            if let Some(frame) = frames.last_mut() {
                let mut parts = file.rsplitn(3, ':');
                let (_, line) = (parts.next(), parts.next());
                frame.line = line.and_then(number);
                frame.file = parts.next().map(str::to_owned);
                frame.in_app = in_app(&frame.function, frame.file.as_deref());
            }
        } else if let Some((index, name)) = trimmed.split_once(": ")
            && number(index).is_some()
            && index.bytes().all(|byte| byte.is_ascii_digit())
        {
            let name = name.trim_start_matches('<').to_owned();
            frames.push(Frame {
                in_app: in_app(&name, None),
                function: name,
                module: None,
                file: None,
                line: None,
            });
        }
    }
    frames.reverse();
    if frames.is_empty() {
        let mut parts = place.splitn(3, ':');
        let file = parts.next()?.to_owned();
        let line = parts.next().and_then(number);
        frames.push(Frame {
            function: String::new(),
            module: None,
            in_app: in_app("", Some(&file)),
            file: Some(file),
            line,
        });
    }
    Some(Exception { kind: "panic".to_owned(), message, frames })
}

/// JavaScript: `    at name (file:line:column)`, innermost first.
pub(super) fn javascript(text: &str) -> Option<Exception> {
    let mut head = None;
    let mut frames = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some(call) = trimmed.strip_prefix("at ").filter(|_| line.len() > trimmed.len()) {
            frames.extend(javascript_frame(call));
        } else if frames.is_empty() {
            head = kind_and_message(trimmed).or(head);
        }
    }
    frames.reverse();
    let (kind, message) = head?;
    (!frames.is_empty()).then_some(Exception { kind, message, frames })
}

fn javascript_frame(call: &str) -> Option<Frame> {
    let call = call.trim_end();
    let (function, place) = match call.strip_suffix(')').and_then(|call| call.rsplit_once(" (")) {
        Some((function, place)) => (function.trim_start_matches("async ").to_owned(), place),
        None => (String::new(), call.trim_start_matches("async ")),
    };
    let mut parts = place.rsplitn(3, ':');
    let (_, line, file) = (parts.next()?, number(parts.next()?)?, parts.next()?);
    Some(Frame {
        in_app: in_app(&function, Some(file)),
        function,
        module: None,
        file: Some(file.to_owned()),
        line: Some(line),
    })
}
