-- kind: collations
-- what: a collation goes and its column takes the usual one
-- expect: generated
-- holds: drop collation
-- before
create collation plain (provider = libc, locale = 'C');
create table users (id bigint primary key, name text collate plain);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
