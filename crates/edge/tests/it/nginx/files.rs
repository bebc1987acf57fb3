//! The web app: its pages and files, their caching and compression.

use crate::support::{Edge, PAGE, SCRIPT};

const NOBODY_THERE: &str = "127.0.0.1:9";

#[test]
fn a_page_of_the_app_is_its_start_page_and_a_missing_file_is_not() {
    let edge = Edge::before(NOBODY_THERE);
    for path in [
        "/",
        "/index.html",
        "/issues",
        "/issues/",
        "/issues/12",
        "/issues/12?tab=events",
        "/sign-in",
        "/setup",
        "/a%20b",
    ] {
        let headers = [("Accept", "text/html,application/xhtml+xml")];
        let page = edge.get_with(path, &headers);
        assert_eq!((page.status, page.text().as_str()), (200, PAGE), "{path}");
        assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("Cache-Control"), Some("no-cache"));
        assert_eq!(page.header("ETag"), None);
    }
    for path in [
        "/assets/gone-1a2b3c4d.js",
        "/gone.css",
        "/gone.png",
        "/.env",
        "/.git/config.bak",
        "/assets/app-1a2b3c4d.js.br",
        "/index.html.br",
    ] {
        let answer = edge.get_with(path, &[("Accept", "text/html")]);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("not_found")), "{path}");
    }
    assert_eq!(edge.get("/issues/12").text(), PAGE, "a page needs no browser");
    assert_eq!(
        edge.get_with("/no-page", &[("Accept", "text/html")]).text(),
        PAGE,
        "the app shows that the page does not exist"
    );
    assert_eq!(edge.get("/no-page").status, 404, "a program gets JSON");
}

#[test]
fn files_with_a_hash_are_kept_for_good_and_others_are_asked_for() {
    let edge = Edge::before(NOBODY_THERE);
    for (path, kind, lifetime) in [
        ("/assets/app-1a2b3c4d.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/assets/app-5e6f7a8b.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/assets/font-9c0d1e2f.woff2", "font/woff2", "public, max-age=31536000, immutable"),
        ("/favicon.svg", "image/svg+xml", "no-cache"),
    ] {
        let file = edge.get(path);
        assert_eq!((file.status, file.header("Content-Type")), (200, Some(kind)), "{path}");
        assert_eq!(file.header("Cache-Control"), Some(lifetime));
        let tag = file.header("ETag").unwrap();
        let again = edge.get_with(path, &[("If-None-Match", tag)]);
        assert_eq!((again.status, again.header("Cache-Control")), (304, Some(lifetime)));
    }
    let page = edge.get("/");
    let modified = page.header("Last-Modified").unwrap();
    assert_eq!(
        edge.get_with("/", &[("If-Modified-Since", modified)]).status,
        200,
        "a start page is never called unchanged"
    );
    let missing = edge.get("/assets/gone-1a2b3c4d.js");
    assert_eq!(
        missing.header("Cache-Control"),
        Some("no-store"),
        "an asset that is missing now may come with the next version"
    );
}

#[test]
fn a_packed_copy_goes_to_who_can_unpack_it() {
    let edge = Edge::before(NOBODY_THERE);
    let script = "/assets/app-1a2b3c4d.js";
    for (path, accepted, encoding, body) in [
        (script, "gzip, deflate, br, zstd", Some("br"), "script in brotli"),
        (script, "br", Some("br"), "script in brotli"),
        (script, "br;q=1.0, gzip;q=0.5", Some("br"), "script in brotli"),
        (script, "gzip", Some("gzip"), "script in gzip"),
        (script, "gzip, br;q=0", Some("gzip"), "script in gzip"),
        (script, "br; q=0.0", None, SCRIPT),
        (script, "brotli, xbr", None, SCRIPT),
        (script, "identity", None, SCRIPT),
        (script, "", None, SCRIPT),
        ("/assets/app-5e6f7a8b.css", "br, gzip", None, "body{}"),
        ("/issues", "br", Some("br"), "page in brotli"),
        ("/issues", "gzip", None, PAGE),
    ] {
        let file = edge.get_with(path, &[("Accept-Encoding", accepted)]);
        assert_eq!(
            (file.text().as_str(), file.header("Content-Encoding")),
            (body, encoding),
            "{path} {accepted}"
        );
        assert_eq!(file.header("Vary"), Some("Accept-Encoding"), "{path} {accepted}");
        assert!(!file.header("Content-Type").unwrap().contains("octet"), "{path} {accepted}: {file:#?}");
    }
}

#[test]
fn answers_of_the_api_are_packed_on_their_way() {
    let long = format!("[{}0]", "123456, ".repeat(500));
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{long}",
        long.len()
    );
    let upstream = crate::support::upstream::Upstream::answering(answer);
    let edge = Edge::before(&upstream.address.to_string());
    let packed = edge.get_with("/api/v1/issues", &[("Accept-Encoding", "gzip, br")]);
    assert_eq!(packed.header("Content-Encoding"), Some("gzip"));
    assert!(packed.body.len() < long.len() / 10);
    assert_eq!(edge.get("/api/v1/issues").text(), long);
}
