-- kind: defaults
-- what: a constant default changes; rows that exist keep what they have
-- expect: generated
-- holds: set default
-- before
create table users (id bigint primary key, level integer not null default 1);
insert into users values (1);
-- after
create table users (id bigint primary key, level integer not null default 2);
