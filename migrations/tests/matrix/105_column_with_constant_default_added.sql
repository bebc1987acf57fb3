-- kind: columns
-- what: a column with a constant default is added, without a rewrite
-- expect: generated
-- holds: add column active boolean not null default true
-- before
create table users (id bigint primary key);
insert into users values (1), (2);
-- after
create table users (id bigint primary key, active boolean not null default true);
