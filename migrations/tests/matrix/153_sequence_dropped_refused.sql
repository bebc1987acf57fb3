-- kind: sequences
-- what: a sequence goes, and nobody allowed it
-- expect: refused --allow-loss 'bills'
-- before
create sequence bills;
create table users (id bigint primary key);
select nextval('bills');
-- after
create table users (id bigint primary key);
