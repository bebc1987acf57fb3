-- kind: views
-- what: the type of a column under a view changes
-- expect: generated
-- before
create table users (id bigint primary key, level integer);
create view people as select id, level from users;
insert into users values (1, 4);
-- after
create table users (id bigint primary key, level bigint);
create view people as select id, level from users;
