-- kind: views
-- what: a view goes
-- expect: generated
-- holds: drop view
-- before
create table users (id bigint primary key);
create view people as select id from users;
insert into users values (1);
-- after
create table users (id bigint primary key);
