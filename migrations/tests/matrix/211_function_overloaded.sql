-- kind: functions
-- what: a function gets a namesake with more arguments
-- expect: generated
-- before
create function twice(n integer) returns integer language sql immutable as $$ select n * 2 $$;
-- after
create function twice(n integer) returns integer language sql immutable as $$ select n * 2 $$;
create function twice(n integer, m integer) returns integer language sql immutable as $$ select n * 2 + m $$;
