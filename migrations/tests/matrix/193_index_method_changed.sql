-- kind: indexes
-- what: an index changes its method
-- expect: generated
-- holds: using hash
-- before
create table users (id bigint primary key, mail text);
create index users_mail on users (mail);
insert into users values (1, 'a@b');
-- after
create table users (id bigint primary key, mail text);
create index users_mail on users using hash (mail);
