-- kind: refusals
-- what: a cast is no known kind
-- expect: refused cast
-- before
create type mood as enum ('sad');
-- after
create type mood as enum ('sad');
create cast (text as mood) with inout;
