-- kind: renames
-- what: a column under an index and a view is renamed
-- arguments: --rename users.name=full_name
-- expect: generated
-- holds: rename column
-- before
create table users (id bigint primary key, name text not null);
create index users_name on users (name);
create view people as select id, name from users;
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, full_name text not null);
create index users_name on users (full_name);
create view people as select id, full_name as name from users;
