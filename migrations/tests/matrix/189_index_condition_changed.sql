-- kind: indexes
-- what: the condition of a partial index changes
-- expect: generated
-- before
create table users (id bigint primary key, level integer not null default 0);
create index users_high on users (id) where level > 1;
insert into users values (1);
-- after
create table users (id bigint primary key, level integer not null default 0);
create index users_high on users (id) where level > 5;
