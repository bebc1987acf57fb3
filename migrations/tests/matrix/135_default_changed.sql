-- kind: defaults
-- what: a default changes
-- expect: generated
-- holds: set default
-- before
create table users (id bigint primary key, seen timestamptz default now());
insert into users values (1, '2026-01-02 03:04:05+00');
-- after
create table users (id bigint primary key, seen timestamptz default clock_timestamp());
