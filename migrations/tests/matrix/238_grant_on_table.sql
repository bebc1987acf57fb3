-- kind: grants
-- what: a table may be read by all
-- expect: generated
-- holds: grant
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
grant select on users to public;
