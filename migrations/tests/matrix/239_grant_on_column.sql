-- kind: grants
-- what: one column may be changed by another role
-- expect: generated
-- holds: grant
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
grant update (name) on users to pg_read_all_data;
