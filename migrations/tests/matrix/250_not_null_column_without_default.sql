-- kind: refusals
-- what: a column that must not be null is added, and nobody says what rows get
-- expect: refused --backfill 'users.name=
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key, name text not null);
