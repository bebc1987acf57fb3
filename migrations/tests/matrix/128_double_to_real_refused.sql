-- kind: types
-- what: a floating number loses half its digits without a word
-- expect: refused --allow-loss bills.amount
-- before
create table bills (id bigint primary key, amount double precision);
insert into bills values (1, 0.1234567890123);
-- after
create table bills (id bigint primary key, amount real);
