-- kind: indexes
-- what: the fill factor of an index changes
-- expect: generated
-- holds: fillfactor
-- before
create table users (id bigint primary key, mail text);
create index users_mail on users (mail);
insert into users values (1, 'a@b');
-- after
create table users (id bigint primary key, mail text);
create index users_mail on users (mail) with (fillfactor = 70);
