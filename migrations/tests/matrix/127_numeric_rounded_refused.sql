-- kind: types
-- what: a number loses digits after the point: PostgreSQL would round without a word
-- expect: refused --allow-loss bills.amount
-- before
create table bills (id bigint primary key, amount numeric(10,4));
insert into bills values (1, 1.2345);
-- after
create table bills (id bigint primary key, amount numeric(10,2));
