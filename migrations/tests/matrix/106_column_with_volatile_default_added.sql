-- kind: columns
-- what: a column whose default differs for every row is added
-- expect: generated
-- before
create table users (id bigint primary key);
insert into users values (1), (2);
-- after
create table users (id bigint primary key, token uuid not null default gen_random_uuid());
