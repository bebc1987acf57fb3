-- kind: renames
-- what: a table looks renamed, and nobody said so
-- expect: refused --rename 'users=people'
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table people (id bigint primary key, name text);
