-- kind: grants
-- what: a right on a table is taken back
-- expect: generated
-- holds: revoke
-- before
create table users (id bigint primary key);
grant select, insert on users to pg_read_all_data;
-- after
create table users (id bigint primary key);
grant select on users to pg_read_all_data;
