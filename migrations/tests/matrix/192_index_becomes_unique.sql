-- kind: indexes
-- what: an index becomes unique
-- expect: generated
-- holds: create unique index concurrently
-- before
create table users (id bigint primary key, mail text);
create index users_mail on users (mail);
insert into users values (1, 'a@b');
-- after
create table users (id bigint primary key, mail text);
create unique index users_mail on users (mail);
