-- kind: functions
-- what: a function under a view returns another type
-- expect: generated
-- before
create function twice(n integer) returns integer language sql immutable as $$ select n * 2 $$;
create view four as select twice(2) as n;
-- after
create function twice(n integer) returns bigint language sql immutable as $$ select n::bigint * 2 $$;
create view four as select twice(2) as n;
