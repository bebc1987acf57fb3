-- kind: indexes
-- what: an index on a filled table is built without a lock
-- expect: generated
-- holds: create index concurrently
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
create index users_name on users (name);
