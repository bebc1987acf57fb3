-- kind: unique
-- what: a unique constraint is added over an index built without a lock
-- expect: generated
-- holds: create unique index concurrently
-- holds: using index
-- before
create table users (id bigint primary key, mail text);
insert into users values (1, 'a@b'), (2, 'c@d');
-- after
create table users (id bigint primary key, mail text unique);
