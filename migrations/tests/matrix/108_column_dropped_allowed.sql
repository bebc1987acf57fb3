-- kind: columns
-- what: a column is dropped, and that was allowed
-- arguments: --allow-loss users.name
-- expect: generated
-- holds: drop column name
-- before
create table users (id bigint primary key, name text, born date);
insert into users values (1, 'ann', '2001-02-03');
-- after
create table users (id bigint primary key, born date);
