-- kind: indexes
-- what: an index goes
-- expect: generated
-- holds: drop index concurrently
-- before
create table users (id bigint primary key, mail text);
create index users_mail on users (mail);
insert into users values (1, 'a@b');
-- after
create table users (id bigint primary key, mail text);
