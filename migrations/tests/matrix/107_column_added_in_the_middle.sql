-- kind: columns
-- what: a column is declared between two others
-- expect: generated
-- before
create table users (id bigint primary key, born date);
insert into users values (1, '2001-02-03');
-- after
create table users (id bigint primary key, name text, born date);
