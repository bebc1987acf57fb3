-- kind: unique
-- what: a unique constraint carries another column
-- expect: generated
-- holds: include
-- before
create table users (id bigint primary key, mail text, name text, constraint users_mail unique (mail));
insert into users values (1, 'a@b', 'ann');
-- after
create table users (id bigint primary key, mail text, name text, constraint users_mail unique (mail) include (name));
