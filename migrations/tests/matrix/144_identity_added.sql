-- kind: identity
-- what: a column becomes an identity that goes on after the greatest value
-- expect: generated
-- holds: setval
-- before
create table users (id bigint primary key);
insert into users values (41);
-- after
create table users (id bigint generated always as identity primary key);
