-- kind: types
-- what: a key and the foreign key at it grow to bigint
-- expect: generated
-- before
create table users (id integer primary key);
create table notes (id integer primary key, user_id integer not null references users (id));
create index notes_user on notes (user_id);
insert into users values (1);
insert into notes values (1, 1);
-- after
create table users (id bigint primary key);
create table notes (id integer primary key, user_id bigint not null references users (id));
create index notes_user on notes (user_id);
