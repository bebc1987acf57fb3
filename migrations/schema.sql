-- The schema of Squall, declared once and read from top to bottom.
--
-- Migrations under sql/ lead to this schema step by step; `cargo xtask migrate verify` proves that
-- they do. Times are `timestamptz`; days and minutes are cut in UTC. Identifiers are
-- bigint identities, so that they sort in order of creation. No extension but `vector` is used.

create extension if not exists vector;

-- Severity of one event: 0 trace, 1 debug, 2 info, 3 warning, 4 error, 5 fatal. A domain over
-- smallint rather than an enum: levels are compared ("error and above"), and two bytes per event
-- beat four.
create domain severity as smallint check (value between 0 and 5);

-- ─── Access (P10) ────────────────────────────────────────────────────────────────────────────────

create type user_role as enum ('viewer', 'member', 'admin');

create table users (
    id            bigint generated always as identity primary key,
    email         text not null constraint users_email_format check (email = lower(email) and email like '_%@_%'),
    name          text not null constraint users_name_length check (length(name) between 1 and 200),
    password_hash text not null,
    role          user_role not null,
    created_at    timestamptz not null default now(),
    disabled_at   timestamptz,
    constraint users_email_key unique (email)
);

-- A session is found by the SHA-256 of the token in the cookie, so a stolen table is useless.
create table sessions (
    token_hash   bytea primary key,
    user_id      bigint not null constraint sessions_user references users on delete cascade,
    created_at   timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at   timestamptz not null,
    user_agent   text
);
create index sessions_user_id on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);

-- The one-time token that creates the first admin; its row is deleted when it is used.
create table setup_tokens (
    token_hash bytea primary key,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);

create table audit_log (
    id       bigint generated always as identity primary key,
    at       timestamptz not null default now(),
    user_id  bigint constraint audit_log_user references users on delete set null,
    action   text not null,
    subject  text not null,
    details  jsonb not null default '{}'
);
create index audit_log_at on audit_log (at desc);

-- ─── Projects and where their events come from (P1, P2) ──────────────────────────────────────────

create table projects (
    id               bigint generated always as identity primary key,
    slug             text not null constraint projects_slug_format check (slug ~ '^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$'),
    name             text not null constraint projects_name_length check (length(name) between 1 and 200),
    retention_days   integer not null default 30 constraint projects_retention check (retention_days between 1 and 3650),
    -- Counts the changes of the project's fingerprints. A worker with an older copy of the template
    -- tree reads the changes before it writes one.
    grouping_version bigint not null default 0,
    -- Events of days before this one have been dropped by retention.
    purged_before    date,
    created_at       timestamptz not null default now(),
    constraint projects_slug_key unique (slug)
);

create type key_scope as enum ('ingest', 'read', 'write');

-- Project keys. The secret is shown once and stored as SHA-256; 256 random bits need no slow hash.
create table api_keys (
    id           bigint generated always as identity primary key,
    project_id   bigint not null constraint api_keys_project references projects on delete cascade,
    name         text not null constraint api_keys_name_length check (length(name) between 1 and 200),
    secret_hash  bytea not null,
    secret_hint  text not null,
    scope        key_scope not null default 'ingest',
    created_by   bigint constraint api_keys_created_by references users on delete set null,
    created_at   timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at   timestamptz,
    constraint api_keys_secret_hash_key unique (secret_hash)
);
create index api_keys_project_id on api_keys (project_id);

create type source_kind as enum ('http', 'file', 'postgres', 'elasticsearch', 'sentry', 'otlp');

-- Each project has one source of kind `http`, for the events that are pushed to it.
create table sources (
    id              bigint generated always as identity primary key,
    project_id      bigint not null constraint sources_project references projects on delete cascade,
    kind            source_kind not null,
    name            text not null constraint sources_name_length check (length(name) between 1 and 200),
    -- What the kind needs: `{"glob": "/var/log/app/*.log"}` for a file source.
    settings        jsonb not null default '{}',
    -- Credentials, encrypted by the application.
    secret          bytea,
    enabled         boolean not null default true,
    -- How far each thing has been read, saved in the transaction that fills the inbox. For a file
    -- source: one entry per file (device, inode, offset, fingerprint of the first bytes).
    cursor          jsonb not null default '{}',
    created_at      timestamptz not null default now(),
    next_poll_at    timestamptz not null default now(),
    failures        integer not null default 0,
    last_error      text,
    last_error_at   timestamptz,
    last_success_at timestamptz,
    last_event_at   timestamptz,
    events          bigint not null default 0,
    constraint sources_project_name_key unique (project_id, name)
);
create index sources_due on sources (next_poll_at) where enabled;

create type poll_outcome as enum ('read', 'empty', 'failed');

-- The history of polls that read events or failed. Empty polls are not written.
create table polls (
    id          bigint generated always as identity primary key,
    source_id   bigint not null constraint polls_source references sources on delete cascade,
    started_at  timestamptz not null,
    duration_ms integer not null,
    outcome     poll_outcome not null,
    events      integer not null default 0,
    bytes       bigint not null default 0,
    message     text
);
create index polls_source_id on polls (source_id, id desc);

-- ─── The inbox: accepted, not yet digested ───────────────────────────────────────────────────────

-- One row is one batch of events of one source. The sender gets its answer when the insert commits.
create table inbox (
    id           bigint generated always as identity primary key,
    project_id   bigint not null constraint inbox_project references projects on delete cascade,
    source_id    bigint not null constraint inbox_source references sources on delete cascade,
    received_at  timestamptz not null default now(),
    events       integer not null,
    bytes        integer not null,
    -- Encoding of `body`: 1 = zstd of one JSON object per line.
    codec        smallint not null,
    body         bytea not null,
    attempts     integer not null default 0,
    last_error   text,
    -- A failed batch is retried alone, not before this time.
    retry_at     timestamptz,
    -- A batch that failed too often is set aside with its reason and does not delay the others.
    set_aside_at timestamptz
);
-- The body is compressed already; PostgreSQL must not compress it again.
alter table inbox alter column body set storage external;
create index inbox_ready on inbox (id) where set_aside_at is null;

-- Rejected events by day and reason, so that every event ends exactly once and is counted.
create table rejections (
    project_id bigint not null constraint rejections_project references projects on delete cascade,
    source_id  bigint not null constraint rejections_source references sources on delete cascade,
    day        date not null,
    reason     text not null,
    events     bigint not null,
    last_at    timestamptz not null,
    example    text,
    primary key (source_id, day, reason)
);

-- ─── Issues and their events (P3) ────────────────────────────────────────────────────────────────

create type issue_status as enum ('open', 'resolved', 'ignored');

create table issues (
    id           bigint generated always as identity primary key,
    project_id   bigint not null constraint issues_project references projects on delete cascade,
    -- The template, or the exception's type and message: the text shown in a list.
    title        text not null,
    -- The place it comes from: logger, or the innermost in-app frame.
    culprit      text,
    -- The highest level seen.
    level        severity not null,
    status       issue_status not null default 'open',
    status_at    timestamptz,
    first_seen   timestamptz not null,
    last_seen    timestamptz not null,
    events       bigint not null default 0,
    -- The sources that sent it, for filtering.
    source_ids   bigint[] not null default '{}',
    merged_into  bigint constraint issues_merged_into references issues on delete set null,
    search       tsvector generated always as (
        to_tsvector('simple', left(title, 2000) || ' ' || coalesce(culprit, ''))
    ) stored
);
create index issues_by_last_seen on issues (project_id, last_seen desc, id desc);
create index issues_by_events on issues (project_id, events desc, id desc);
create index issues_by_first_seen on issues (project_id, first_seen desc, id desc);
create index issues_search on issues using gin (search);

-- Every known fingerprint, and the issue it leads to. Read in order of `id`, the templates also
-- rebuild the template tree exactly. An issue is merged or split by pointing fingerprints to another
-- issue, so corrections survive.
create table fingerprints (
    id          bigint generated always as identity primary key,
    project_id  bigint not null constraint fingerprints_project references projects on delete cascade,
    issue_id    bigint not null constraint fingerprints_issue references issues on delete cascade,
    fingerprint bytea not null,
    -- The version of the grouping that created it.
    version     smallint not null,
    template    text not null,
    -- The project's grouping_version at the last change of this row.
    changed_at_version bigint not null,
    constraint fingerprints_project_fingerprint_key unique (project_id, version, fingerprint)
);
create index fingerprints_issue_id on fingerprints (issue_id);
create index fingerprints_changed on fingerprints (project_id, changed_at_version);

-- One row per event, partitioned by day of `occurred_at`, dropped by partition. There is no primary
-- key on purpose: an event is reached through its issue, and a second index would cost a third of
-- the ingestion.
create table events (
    id          bigint generated always as identity (cache 1000),
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    issue_id    bigint not null,
    project_id  bigint not null,
    source_id   bigint not null,
    level       severity not null,
    logger      text,
    message     text not null,
    -- Exception type, message and frames, innermost last; null when the event carries none.
    exception   jsonb,
    -- Everything else, with OpenTelemetry's names where there is one: `service.name`, `host.name`, …
    attributes  jsonb
) partition by range (occurred_at);
create index events_by_issue on events (issue_id, occurred_at desc, id desc);

-- ─── Counts: what trends, baselines and the overview read ────────────────────────────────────────

create table issue_minutes (
    issue_id bigint not null,
    minute   timestamptz not null,
    events   integer not null,
    primary key (issue_id, minute)
);
create index issue_minutes_minute on issue_minutes (minute);

create table source_minutes (
    project_id bigint not null,
    source_id  bigint not null,
    minute     timestamptz not null,
    level      severity not null,
    events     integer not null,
    primary key (source_id, minute, level)
);
create index source_minutes_project on source_minutes (project_id, minute);

-- ─── Tags, feedback, embeddings (P4, P5) ─────────────────────────────────────────────────────────

create table tags (
    issue_id   bigint not null constraint tags_issue references issues on delete cascade,
    tag        text not null,
    confidence real not null constraint tags_confidence check (confidence between 0 and 1),
    reason     text not null,
    -- 'rule', 'neighbour' or 'person'.
    made_by    text not null constraint tags_made_by check (made_by in ('rule', 'neighbour', 'person')),
    made_at    timestamptz not null default now(),
    primary key (issue_id, tag)
);
create index tags_tag on tags (tag);

create table feedback (
    id       bigint generated always as identity primary key,
    issue_id bigint not null constraint feedback_issue references issues on delete cascade,
    user_id  bigint constraint feedback_user references users on delete set null,
    at       timestamptz not null default now(),
    -- 'tag', 'merge', 'split' or 'spike', with the person's input.
    kind     text not null constraint feedback_kind check (kind in ('tag', 'merge', 'split', 'spike')),
    details  jsonb not null
);
create index feedback_issue_id on feedback (issue_id);

-- halfvec halves the index and loses nothing that matters at 384 dimensions.
create table embeddings (
    issue_id  bigint primary key constraint embeddings_issue references issues on delete cascade,
    model     text not null,
    embedding halfvec(384) not null,
    made_at   timestamptz not null default now()
);
create index embeddings_nearest on embeddings using hnsw (embedding halfvec_cosine_ops) with (m = 16, ef_construction = 64);

-- ─── Alerts (P6, P7) ─────────────────────────────────────────────────────────────────────────────

create type alert_condition as enum ('new_issue', 'regression', 'spike', 'silence', 'threshold');

create table alert_rules (
    id         bigint generated always as identity primary key,
    project_id bigint not null constraint alert_rules_project references projects on delete cascade,
    name       text not null,
    condition  alert_condition not null,
    -- Window, sensitivity, filters: what the condition needs.
    settings   jsonb not null default '{}',
    cooldown   interval not null default '10 minutes',
    enabled    boolean not null default true,
    muted_until timestamptz,
    created_at timestamptz not null default now(),
    constraint alert_rules_project_name_key unique (project_id, name)
);

create type channel_kind as enum ('webhook', 'slack', 'email');

create table channels (
    id         bigint generated always as identity primary key,
    project_id bigint not null constraint channels_project references projects on delete cascade,
    kind       channel_kind not null,
    name       text not null,
    settings   jsonb not null default '{}',
    secret     bytea,
    created_at timestamptz not null default now(),
    constraint channels_project_name_key unique (project_id, name)
);

create table alert_rule_channels (
    rule_id    bigint not null constraint alert_rule_channels_rule references alert_rules on delete cascade,
    channel_id bigint not null constraint alert_rule_channels_channel references channels on delete cascade,
    primary key (rule_id, channel_id)
);

create table alerts (
    id         bigint generated always as identity primary key,
    rule_id    bigint not null constraint alerts_rule references alert_rules on delete cascade,
    issue_id   bigint constraint alerts_issue references issues on delete cascade,
    source_id  bigint constraint alerts_source references sources on delete cascade,
    fired_at   timestamptz not null default now(),
    summary    text not null,
    details    jsonb not null default '{}',
    -- Equal keys are one alert: a repeated run of the stage cannot fire twice.
    dedup_key  text not null,
    constraint alerts_dedup_key unique (rule_id, dedup_key)
);
create index alerts_fired_at on alerts (fired_at desc);

create type delivery_state as enum ('waiting', 'delivered', 'failed');

create table deliveries (
    id              bigint generated always as identity primary key,
    alert_id        bigint not null constraint deliveries_alert references alerts on delete cascade,
    channel_id      bigint not null constraint deliveries_channel references channels on delete cascade,
    state           delivery_state not null default 'waiting',
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    -- Leased by a worker until then: the outside world is never called inside a transaction.
    leased_until    timestamptz,
    last_error      text,
    delivered_at    timestamptz,
    constraint deliveries_alert_channel_key unique (alert_id, channel_id)
);
create index deliveries_due on deliveries (next_attempt_at) where state = 'waiting';

-- ─── Drills: backups that were restored ──────────────────────────────────────────────────────────

-- A backup counts when it has been restored into a scratch database and compared.
-- `squall-backup drill` writes here.
create table backup_drills (
    id          bigint generated always as identity primary key,
    backup_id   text not null,
    -- The folder or the bucket, without credentials.
    location    text not null,
    made_at     timestamptz not null,
    proven_at   timestamptz not null default now(),
    ok          boolean not null,
    duration_ms bigint not null,
    bytes       bigint not null,
    rows        bigint not null,
    -- What was compared, and what differed.
    details     jsonb not null default '{}'
);
create index backup_drills_proven_at on backup_drills (proven_at desc);
