-- kind: views
-- what: a view under another changes the type of its column
-- expect: generated
-- before
create table users (id bigint primary key, level integer);
create view people as select id, level from users;
create view leaders as select id, level from people where level > 3;
insert into users values (1, 4);
-- after
create table users (id bigint primary key, level integer);
create view people as select id, level::bigint as level from users;
create view leaders as select id, level from people where level > 3;
