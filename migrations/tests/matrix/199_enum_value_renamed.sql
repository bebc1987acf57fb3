-- kind: enums
-- what: a value of an enum is renamed
-- arguments: --rename mood.ok=fine
-- expect: generated
-- holds: rename value
-- before
create type mood as enum ('sad', 'ok');
create table users (id bigint primary key, feels mood);
insert into users values (1, 'ok');
-- after
create type mood as enum ('sad', 'fine');
create table users (id bigint primary key, feels mood);
