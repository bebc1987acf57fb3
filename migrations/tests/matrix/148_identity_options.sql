-- kind: identity
-- what: the step and the cache of an identity change
-- expect: generated
-- before
create table users (id bigint generated always as identity primary key);
insert into users default values;
-- after
create table users (id bigint generated always as identity (increment by 10 cache 20) primary key);
