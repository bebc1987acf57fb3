-- kind: types
-- what: a number gets more digits before and after the point
-- expect: generated
-- before
create table bills (id bigint primary key, amount numeric(10,2));
insert into bills values (1, 1.25);
-- after
create table bills (id bigint primary key, amount numeric(14,4));
