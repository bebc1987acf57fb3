-- kind: renames
-- what: a table is renamed with its key, its index and its sequence
-- arguments: --rename users=people
-- expect: generated
-- holds: rename to people
-- before
create table users (id bigint generated always as identity primary key, name text not null unique);
create index users_id_name on users (id, name);
create table notes (id bigint primary key, user_id bigint references users (id));
insert into users (name) values ('ann');
insert into notes values (1, 1);
-- after
create table people (id bigint generated always as identity primary key, name text not null unique);
create index people_id_name on people (id, name);
create table notes (id bigint primary key, user_id bigint references people (id));
