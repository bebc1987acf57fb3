-- kind: functions
-- what: a function goes
-- expect: generated
-- holds: drop function
-- before
create function twice(n integer) returns integer language sql as $$ select n * 2 $$;
-- after
create table users (id bigint primary key);
