-- kind: functions
-- what: the body and the volatility of a function change
-- expect: generated
-- holds: create or replace function
-- before
create function twice(n integer) returns integer language sql as $$ select n * 2 $$;
-- after
create function twice(n integer) returns integer language sql immutable as $$ select n + n $$;
