-- kind: indexes
-- what: an index turns round and puts nulls last
-- expect: generated
-- holds: desc nulls last
-- before
create table users (id bigint primary key, seen timestamptz);
create index users_seen on users (seen);
insert into users values (1, null);
-- after
create table users (id bigint primary key, seen timestamptz);
create index users_seen on users (seen desc nulls last);
