-- kind: enums
-- what: a value is added at the end of an enum
-- expect: generated
-- holds: add value
-- before
create type mood as enum ('sad', 'ok');
create table users (id bigint primary key, feels mood);
insert into users values (1, 'ok');
-- after
create type mood as enum ('sad', 'ok', 'happy');
create table users (id bigint primary key, feels mood);
