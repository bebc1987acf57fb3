-- kind: indexes
-- what: an index carries another column
-- expect: generated
-- holds: include
-- before
create table users (id bigint primary key, mail text, name text);
create index users_mail on users (mail);
insert into users values (1, 'a@b', 'ann');
-- after
create table users (id bigint primary key, mail text, name text);
create index users_mail on users (mail) include (name);
