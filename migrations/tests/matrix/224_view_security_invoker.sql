-- kind: views
-- what: a view runs with the rights of who asks
-- expect: generated
-- holds: security_invoker
-- before
create table users (id bigint primary key);
create view people as select id from users;
insert into users values (1);
-- after
create table users (id bigint primary key);
create view people with (security_invoker = true) as select id from users;
