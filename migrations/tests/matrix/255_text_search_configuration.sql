-- kind: refusals
-- what: a text search configuration is no known kind
-- expect: refused text search configuration
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create text search configuration plain (copy = simple);
