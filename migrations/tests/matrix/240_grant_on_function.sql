-- kind: grants
-- what: a function may be called by one role only
-- expect: generated
-- holds: revoke
-- before
create function one() returns integer language sql as $$ select 1 $$;
-- after
create function one() returns integer language sql as $$ select 1 $$;
revoke execute on function one() from public;
grant execute on function one() to pg_read_all_data;
