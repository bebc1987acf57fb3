-- kind: primary
-- what: a primary key is added
-- expect: generated
-- holds: concurrently
-- before
create table users (id bigint, name text);
insert into users values (1, 'ann'), (2, 'bob');
-- after
create table users (id bigint primary key, name text);
