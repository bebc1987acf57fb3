-- kind: primary
-- what: a key that a foreign key points at moves to another column
-- expect: generated
-- before
create table users (id bigint primary key, code text not null, constraint users_code unique (code));
create table notes (id bigint primary key, user_code text references users (code));
insert into users values (1, 'a');
insert into notes values (1, 'a');
-- after
create table users (id bigint not null unique, code text not null, constraint users_pkey primary key (code));
create table notes (id bigint primary key, user_code text references users (code));
