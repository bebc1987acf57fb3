-- Add backup drills. Written by `cargo xtask migrate generate`, replayed and compared; read it before you commit it.
set local lock_timeout = '3s';

create table backup_drills (
    id bigint generated always as identity,
    backup_id text not null,
    location text not null,
    made_at timestamp with time zone not null,
    proven_at timestamp with time zone not null default now(),
    ok boolean not null,
    duration_ms bigint not null,
    bytes bigint not null,
    rows bigint not null,
    details jsonb not null default '{}'::jsonb,
    constraint backup_drills_pkey PRIMARY KEY (id)
);

create index backup_drills_proven_at on backup_drills USING btree (proven_at DESC);
