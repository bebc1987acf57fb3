-- kind: comments
-- what: a function is explained
-- expect: generated
-- holds: comment on function
-- before
create function one() returns integer language sql as $$ select 1 $$;
-- after
create function one() returns integer language sql as $$ select 1 $$;
comment on function one() is 'always one';
