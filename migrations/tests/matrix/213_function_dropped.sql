-- kind: functions
-- what: a function goes
-- expect: generated
-- holds: drop function
-- before
create table users (id bigint primary key);
create function twice(n integer) returns integer language sql as $$ select n * 2 $$;
insert into users values (1);
-- after
create table users (id bigint primary key);
