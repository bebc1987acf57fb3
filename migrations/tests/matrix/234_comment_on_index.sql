-- kind: comments
-- what: an index is explained
-- expect: generated
-- holds: comment on index
-- before
create table users (id bigint primary key, name text);
create index users_name on users (name);
-- after
create table users (id bigint primary key, name text);
create index users_name on users (name);
comment on index users_name is 'for the list of people';
