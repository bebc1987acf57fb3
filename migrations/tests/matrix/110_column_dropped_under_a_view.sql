-- kind: columns
-- what: a column is dropped together with the place of a view that showed it
-- arguments: --allow-loss users.name
-- expect: generated
-- before
create table users (id bigint primary key, name text, born date);
create view people as select id, name, born from users;
insert into users values (1, 'ann', '2001-02-03');
-- after
create table users (id bigint primary key, born date);
create view people as select id, born from users;
