-- kind: refusals
-- what: an aggregate is no known kind
-- expect: refused aggregate
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create aggregate total(integer) (sfunc = int4pl, stype = integer);
