-- kind: comments
-- what: the comment on a table goes
-- expect: generated
-- holds: is null
-- before
create table users (id bigint primary key);
comment on table users is 'old';
-- after
create table users (id bigint primary key);
