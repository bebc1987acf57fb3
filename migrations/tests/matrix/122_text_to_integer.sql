-- kind: types
-- what: text becomes a number through a cast
-- expect: generated
-- holds: using age::integer
-- before
create table users (id bigint primary key, age text);
insert into users values (1, '42'), (2, null);
-- after
create table users (id bigint primary key, age integer);
