-- kind: unique
-- what: a unique constraint goes
-- expect: generated
-- holds: drop constraint
-- before
create table users (id bigint primary key, mail text unique);
insert into users values (1, 'a@b');
-- after
create table users (id bigint primary key, mail text);
