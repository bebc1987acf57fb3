-- kind: identity
-- what: an identity goes
-- expect: generated
-- holds: drop identity
-- before
create table users (id bigint generated always as identity primary key);
insert into users default values;
-- after
create table users (id bigint primary key);
