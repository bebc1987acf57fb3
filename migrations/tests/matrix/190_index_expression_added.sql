-- kind: indexes
-- what: an index over an expression is added
-- expect: generated
-- holds: lower(name)
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'Ann');
-- after
create table users (id bigint primary key, name text);
create index users_lower on users (lower(name));
