-- kind: refusals
-- what: a foreign data wrapper is no known kind
-- expect: refused foreign data wrapper
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create foreign data wrapper elsewhere;
