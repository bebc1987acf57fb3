//! `/api/v1/stream`: live updates as server-sent events.

use crate::{
    AppState,
    access::Reader,
    error::{ApiError, ErrorBody},
    extract::Query,
    key::ReadKey,
    live::{Position, Scope, StreamData, StreamMessage, Subscriber, Subscription},
    project,
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderName},
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use serde::Deserialize;
use std::{convert::Infallible, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use utoipa::IntoParams;

/// Events waiting for one client, in addition to those in the buffers of its connection.
const CHANNEL_CAPACITY: usize = 16;

/// A client that accepts nothing for this long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Proxies close connections that are silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a browser waits before it reconnects.
const RETRY: Duration = Duration::from_secs(2);

/// Which project to watch.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The slug of a project; all projects the caller may see if omitted.
    project: Option<String>,
}

/// Stream live updates
///
/// Server-sent events, until the session ends or the server stops: `issue.new` and `issue.changed`
/// (the current state of an issue, each issue at most once a second), `counts` (events counted
/// since the last message, by minute and level), and `resync` (messages may have been missed;
/// reload what is shown). Load your data after the stream has started. With the header
/// `Last-Event-ID` a stream continues where another one ended, or starts with `resync`. Comments
/// keep a quiet stream alive.
#[utoipa::path(
    get, path = "/api/v1/stream", tag = "stream", operation_id = "stream",
    params(Filter, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event received")),
    responses(
        (status = 200, body = StreamData, content_type = "text/event-stream"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody, description = "The project key can only send events"),
        (status = 404, body = ErrorBody),
        (status = 429, body = ErrorBody, description = "The user or key has too many open streams"),
        (status = 503, body = ErrorBody, description = "The server has too many open streams, or is shutting down"),
    )
)]
pub(super) async fn stream(
    State(state): State<AppState>,
    Extension(reader): Extension<Reader>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let project_id = project::optional_id(&state.pool, filter.project.as_deref()).await?;
    let (subscriber, scope) = match (reader, project_id) {
        (Reader::User { id, .. }, None) => (Subscriber::User(id), Scope::All),
        (Reader::User { id, .. }, Some(project_id)) => (Subscriber::User(id), Scope::Project(project_id)),
        (Reader::Key(key), Some(wanted)) if wanted != key.project_id => {
            return Err(ApiError::not_found("project"));
        }
        (Reader::Key(ReadKey { id, project_id }), _) => (Subscriber::Key(id), Scope::Project(project_id)),
    };
    let last_event_id = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let subscription = state.live.subscribe(subscriber, scope, last_event_id).await?;
    let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
    tokio::spawn(deliver(state, reader, subscription, sender));
    // A proxy that buffers responses would deliver nothing until its buffer is full.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events(receiver)).keep_alive(KeepAlive::new().interval(HEARTBEAT))))
}

/// Deliver messages until the client is gone, its access ends, or the process shuts down.
async fn deliver(
    state: AppState,
    reader: Reader,
    mut subscription: Subscription,
    client: mpsc::Sender<Event>,
) {
    // An id without an event: a client that is cut off before the first message resumes from here.
    let start = Event::default().retry(RETRY).id(subscription.position().to_string());
    let _ = client.send(start).await;
    tokio::select! {
        () = state.live.closing() => {}
        () = client.closed() => {}
        () = access_ended(&state, reader) => {}
        () = forward(&mut subscription, &client) => {}
    }
}

async fn forward(subscription: &mut Subscription, client: &mpsc::Sender<Event>) {
    loop {
        let (position, message) = subscription.next().await;
        if !matches!(timeout(SEND_TIMEOUT, client.send(event(position, &message))).await, Ok(Ok(()))) {
            return;
        }
    }
}

async fn access_ended(state: &AppState, reader: Reader) {
    loop {
        tokio::time::sleep(state.live.timing().access_check).await;
        // While the database is away, nothing can change and nothing is streamed.
        if matches!(reader.is_valid(&state.pool).await, Ok(false)) {
            return;
        }
    }
}

fn event(position: Position, message: &StreamMessage) -> Event {
    Event::default().id(position.to_string()).event(message.kind).data(&message.data)
}

fn events(mut receiver: mpsc::Receiver<Event>) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::poll_fn(move |context| receiver.poll_recv(context).map(|event| event.map(Ok)))
}
