-- kind: unique
-- what: nulls count as equal in a unique constraint
-- expect: generated
-- holds: nulls not distinct
-- before
create table users (id bigint primary key, mail text, constraint users_mail unique (mail));
insert into users values (1, 'a@b'), (2, null);
-- after
create table users (id bigint primary key, mail text, constraint users_mail unique nulls not distinct (mail));
