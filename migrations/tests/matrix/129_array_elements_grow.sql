-- kind: types
-- what: the elements of an array grow
-- expect: generated
-- before
create table bills (id bigint primary key, parts integer[]);
insert into bills values (1, '{1,2}');
-- after
create table bills (id bigint primary key, parts bigint[]);
