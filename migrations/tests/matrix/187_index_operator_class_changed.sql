-- kind: indexes
-- what: an index is made for patterns
-- expect: generated
-- holds: text_pattern_ops
-- before
create table users (id bigint primary key, name text);
create index users_name on users (name);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
create index users_name on users (name text_pattern_ops);
