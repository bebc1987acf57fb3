-- kind: sequences
-- what: a serial column is added
-- expect: generated
-- before
create table users (name text);
insert into users values ('ann'), ('bob');
-- after
create table users (name text, id serial);
