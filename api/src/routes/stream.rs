//! Live updates as server-sent events.

use super::projects;
use crate::{
    AppState,
    access::Reader,
    error::{ApiError, ErrorBody},
    extract::Query,
    live::{
        Position, Scope, Subscription, Who,
        told::{StreamEvent, Told},
    },
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

/// Events on their way to one client, behind those in the buffers of its connection.
const ON_THE_WAY: usize = 16;

/// A client that takes nothing for so long is gone.
const STALLED: Duration = Duration::from_secs(30);

/// How often a quiet stream says that it is alive; proxies cut what is silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);

/// Which project.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// The slug of a project; every project one may see when it is left out.
    project: Option<String>,
}

/// Tells what changes, as it does, until the session ends or the server stops.
///
/// Server-sent events: `issue.new` and `issue.changed` (an issue as it is now, each at most once a second), `counts`
/// (events counted since the last time, by minute and level), and `resync`: something may have been missed, so read anew
/// what is shown. Read your data after the stream has begun. The header `Last-Event-ID` goes on where a stream ended, or
/// begins with `resync`. Comments keep a quiet stream alive.
#[utoipa::path(
    get, path = "/api/v1/stream", tag = "stream", operation_id = "stream",
    params(Asked, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was heard")),
    responses(
        (status = 200, body = StreamEvent, content_type = "text/event-stream"),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 429, body = ErrorBody, description = "One person or key has too many streams"),
        (status = 503, body = ErrorBody, description = "The server has too many streams, or stops"),
    )
)]
pub(super) async fn stream(
    State(state): State<AppState>,
    Extension(reader): Extension<Reader>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let wanted = projects::id_of(&state, asked.project.as_deref()).await?;
    let (who, scope) = match (reader, wanted) {
        (Reader::Person { id, .. }, None) => (Who::Person(id), Scope::All),
        (Reader::Person { id, .. }, Some(project_id)) => (Who::Person(id), Scope::Project(project_id)),
        (Reader::Key { project_id, .. }, Some(wanted)) if wanted != project_id => {
            return Err(ApiError::not_found("project"));
        }
        (Reader::Key { id, project_id }, _) => (Who::Key(id), Scope::Project(project_id)),
    };
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let subscription = state.live.subscribe(who, scope, last).await?;
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    tokio::spawn(deliver(state, reader, subscription, sender));
    // An edge that gathers answers before it passes them on would pass on nothing.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events(receiver)).keep_alive(KeepAlive::new().interval(HEARTBEAT))))
}

/// Passes events on until the client is gone, may not see them any more, or the process is about to stop.
async fn deliver(
    state: AppState,
    reader: Reader,
    mut subscription: Subscription,
    client: mpsc::Sender<Event>,
) {
    // An id without an event: who is cut off before the first one comes back to this place.
    let begin = Event::default().retry(RETRY).id(subscription.place().to_string());
    let _ = client.send(begin).await;
    tokio::select! {
        () = state.live.closing() => {}
        () = client.closed() => {}
        () = until_it_may_not(&state, reader) => {}
        () = pass_on(&mut subscription, &client) => {}
    }
}

async fn pass_on(subscription: &mut Subscription, client: &mpsc::Sender<Event>) {
    loop {
        let (place, told) = subscription.next().await;
        if !matches!(timeout(STALLED, client.send(event(place, &told))).await, Ok(Ok(()))) {
            return;
        }
    }
}

async fn until_it_may_not(state: &AppState, reader: Reader) {
    loop {
        tokio::time::sleep(state.live.pace().recheck).await;
        // A database that is away has nothing to tell either.
        if matches!(reader.still_may(state).await, Ok(false)) {
            return;
        }
    }
}

fn event(place: Position, told: &Told) -> Event {
    Event::default().id(place.to_string()).event(told.kind).data(&told.data)
}

fn events(mut receiver: mpsc::Receiver<Event>) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::poll_fn(move |context| receiver.poll_recv(context).map(|event| event.map(Ok)))
}
