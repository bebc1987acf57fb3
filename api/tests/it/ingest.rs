//! Ingestion: what is accepted, what is rejected, and with which answer.

use crate::support::{Answer, Api};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::json;
use sqlx::PgPool;
use std::io::Write;

struct Sender {
    api: Api,
    key: String,
}

impl Sender {
    async fn new(pool: PgPool) -> Self {
        let api = Api::with(pool, &[("SQUALL_MAX_UNPACKED", "1MiB")]);
        let admin = api.sign_in_as("admin").await;
        let key = api.project_with_key(&admin, "shop").await;
        Self { api, key }
    }

    async fn send(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request =
            Request::post("/api/v1/ingest").header("authorization", format!("Bearer {}", self.key));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.api.send(request.body(body.into()).unwrap()).await
    }

    async fn events(&self) -> i64 {
        let sql = "select coalesce(sum(events), 0)::bigint from inbox";
        sqlx::query_scalar(sql).fetch_one(&self.api.pool).await.unwrap()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn every_format_and_compression_is_accepted(pool: PgPool) {
    let sender = Sender::new(pool).await;
    let ndjson = b"{\"message\":\"one\"}\n{\"message\":\"two\"}\n";
    let array = br#"[{"message":"one"},"2026-11-20 10:00:00 ERROR two"]"#;
    let kind = |name| ("content-type", name);
    for (headers, body) in [
        (vec![kind("application/x-ndjson")], ndjson.to_vec()),
        (vec![], ndjson.to_vec()),
        (vec![kind("application/json; charset=utf-8")], array.to_vec()),
        (vec![kind("text/plain")], b"one\ntwo".to_vec()),
        (vec![kind("application/x-ndjson"), ("content-encoding", "gzip")], gzip(ndjson)),
        (
            vec![kind("application/x-ndjson"), ("content-encoding", "zstd")],
            zstd::encode_all(&ndjson[..], 1).unwrap(),
        ),
    ] {
        let answer = sender.send(&headers, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{headers:?}: {answer:?}");
        assert_eq!(answer.body, json!({ "accepted": 2, "rejected": [], "rejected_total": 0 }), "{headers:?}");
    }
    assert_eq!(sender.events().await, 12);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_bad_line_is_reported_and_its_neighbours_are_stored(pool: PgPool) {
    let sender = Sender::new(pool).await;
    let answer = sender.send(&[], "{\"message\":\"one\"}\n{\"message\":\n{\"message\":\"three\"}").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let rejected = &answer.body["rejected"][0];
    assert_eq!((&answer.body["accepted"], &rejected["line"]), (&json!(2), &json!(2)));
    assert_eq!(rejected["reason"], "not_json", "the name by which it is counted");
    assert!(rejected["message"].as_str().unwrap().contains("JSON"), "{rejected}");
    assert_eq!(sender.events().await, 2);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_body_without_any_event_is_refused_with_the_reasons(pool: PgPool) {
    let sender = Sender::new(pool).await;
    let answer = sender.send(&[], "not json\n{}").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "invalid_request"));
    assert_eq!(answer.body["details"]["rejected_total"], 2);
    assert_eq!(sender.send(&[], "").await.code(), "invalid_request");
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn bombs_broken_compression_and_unknown_types_get_a_clear_answer(pool: PgPool) {
    let sender = Sender::new(pool).await;
    let bomb = gzip(&vec![b'a'; 8 << 20]);
    assert!(bomb.len() < 100_000);
    for (headers, body, status, code) in [
        (vec![("content-encoding", "gzip")], bomb, 413, "payload_too_large"),
        (vec![("content-encoding", "gzip")], b"not gzip".to_vec(), 400, "invalid_encoding"),
        (vec![("content-encoding", "compress")], b"x".to_vec(), 415, "unsupported_media_type"),
        (vec![("content-type", "application/xml")], b"<x/>".to_vec(), 415, "unsupported_media_type"),
        (
            vec![("content-type", "application/json")],
            b"{\"message\":\"not an array\"}".to_vec(),
            400,
            "invalid_json",
        ),
        (vec![], vec![b'x'; 11 << 20], 413, "payload_too_large"),
    ] {
        let answer = sender.send(&headers, body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{headers:?}: {answer:?}");
    }
    assert_eq!(sender.events().await, 0);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_request_without_a_good_key_is_a_401(pool: PgPool) {
    let mut sender = Sender::new(pool).await;
    sender.key = "sq_guess".to_owned();
    assert_eq!(sender.send(&[], "{\"message\":\"x\"}").await.code(), "unknown_key");
    let request = Request::post("/api/v1/ingest").body(Body::from("{\"message\":\"x\"}")).unwrap();
    let answer = sender.api.send(request).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "unknown_key"));
}
