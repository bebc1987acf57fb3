-- kind: defaults
-- what: a column gets a default
-- expect: generated
-- holds: set default
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text default 'nobody');
