-- kind: collations
-- what: a collation of the builtin provider is added
-- expect: generated
-- holds: create collation
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create collation plain (provider = builtin, locale = 'C.UTF-8');
