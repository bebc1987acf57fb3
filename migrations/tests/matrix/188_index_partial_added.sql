-- kind: indexes
-- what: an index over some of the rows is added
-- expect: generated
-- holds: where
-- before
create table users (id bigint primary key, gone boolean not null default false);
insert into users values (1);
-- after
create table users (id bigint primary key, gone boolean not null default false);
create index users_here on users (id) where not gone;
