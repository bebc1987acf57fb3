-- kind: enums
-- what: a new enum is the type of a new column and gives its default
-- expect: generated
-- holds: create type
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create type mood as enum ('sad', 'ok');
create table users (id bigint primary key, feels mood not null default 'ok');
