-- kind: functions
-- what: a function takes another type
-- expect: generated
-- before
create function twice(n integer) returns bigint language sql immutable as $$ select n::bigint * 2 $$;
-- after
create function twice(n bigint) returns bigint language sql immutable as $$ select n * 2 $$;
