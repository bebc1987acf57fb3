-- kind: enums
-- what: a value is added in the middle of an enum
-- expect: generated
-- holds: add value
-- before
create type mood as enum ('sad', 'happy');
create table users (id bigint primary key, feels mood);
insert into users values (1, 'happy');
-- after
create type mood as enum ('sad', 'ok', 'happy');
create table users (id bigint primary key, feels mood);
