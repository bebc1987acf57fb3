-- kind: tables
-- what: a filled table is dropped, and that was allowed
-- arguments: --allow-loss notes
-- expect: generated
-- holds: drop table
-- before
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint references users (id));
insert into users values (1);
insert into notes values (1, 1);
-- after
create table users (id bigint primary key);
