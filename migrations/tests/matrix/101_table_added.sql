-- kind: tables
-- what: a table that points at a filled one is created
-- expect: generated
-- holds: create table
-- before
create table users (id bigint primary key, name text not null);
insert into users values (1, 'ann'), (2, 'bob');
-- after
create table users (id bigint primary key, name text not null);
create table notes (id bigint generated always as identity primary key, user_id bigint not null references users (id), body text not null default '');
create index notes_user on notes (user_id);
