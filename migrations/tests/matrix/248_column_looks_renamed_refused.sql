-- kind: renames
-- what: a column looks renamed, and nobody said so
-- expect: refused --rename 'users.name=users.full_name'
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, full_name text);
