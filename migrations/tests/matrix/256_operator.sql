-- kind: refusals
-- what: an operator is no known kind
-- expect: refused operator
-- before
create function same(a integer, b integer) returns boolean language sql immutable as $$ select a = b $$;
-- after
create function same(a integer, b integer) returns boolean language sql immutable as $$ select a = b $$;
create operator === (leftarg = integer, rightarg = integer, function = same);
