-- kind: collations
-- what: a collation of libc is added and a column takes it
-- expect: generated
-- holds: create collation
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create collation plain (provider = libc, locale = 'C');
create table users (id bigint primary key, name text collate plain);
