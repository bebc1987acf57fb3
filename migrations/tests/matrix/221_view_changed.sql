-- kind: views
-- what: a view loses a column
-- expect: generated
-- before
create table users (id bigint primary key, name text);
create view people as select id, name from users;
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
create view people as select id from users;
