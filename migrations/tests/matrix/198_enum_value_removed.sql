-- kind: enums
-- what: a value that no row holds is removed from an enum
-- expect: generated
-- before
create type mood as enum ('sad', 'ok', 'happy');
create table users (id bigint primary key, feels mood not null default 'ok');
create index users_happy on users (id) where feels = 'happy';
insert into users values (1, 'happy');
-- after
create type mood as enum ('ok', 'happy');
create table users (id bigint primary key, feels mood not null default 'ok');
create index users_happy on users (id) where feels = 'happy';
