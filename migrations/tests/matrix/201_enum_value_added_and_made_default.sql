-- kind: enums
-- what: a value is added and becomes the default in the same change
-- expect: generated
-- holds: add value
-- before
create type mood as enum ('sad', 'ok');
create table users (id bigint primary key, feels mood not null default 'ok');
insert into users values (1, 'ok');
-- after
create type mood as enum ('sad', 'ok', 'happy');
create table users (id bigint primary key, feels mood not null default 'happy');
