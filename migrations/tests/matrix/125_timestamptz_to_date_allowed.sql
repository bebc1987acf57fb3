-- kind: types
-- what: a time becomes a date, and that was allowed
-- arguments: --allow-loss users.seen
-- expect: generated
-- before
create table users (id bigint primary key, seen timestamptz);
insert into users values (1, '2026-01-02 03:04:05+00');
-- after
create table users (id bigint primary key, seen date);
