-- kind: columns
-- what: a column is dropped, and nobody allowed it
-- expect: refused --allow-loss 'users.name'
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key);
