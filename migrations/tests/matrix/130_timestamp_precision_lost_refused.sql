-- kind: types
-- what: a time loses its fractions of a second
-- expect: refused --allow-loss users.seen
-- before
create table users (id bigint primary key, seen timestamptz);
insert into users values (1, '2026-01-02 03:04:05.678+00');
-- after
create table users (id bigint primary key, seen timestamptz(0));
