-- kind: defaults
-- what: a default goes
-- expect: generated
-- holds: drop default
-- before
create table users (id bigint primary key, name text default 'x');
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
