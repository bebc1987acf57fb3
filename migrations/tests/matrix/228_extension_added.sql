-- kind: extensions
-- what: an extension is added and a column uses its type
-- expect: generated
-- holds: create extension
-- before
create table docs (id bigint primary key);
insert into docs values (1);
-- after
create extension vector;
create table docs (id bigint primary key, embedding vector(3));
