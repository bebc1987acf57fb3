-- kind: columns
-- what: the storage of a column changes
-- expect: generated
-- holds: set storage external
-- before
create table docs (id bigint primary key, body text);
insert into docs values (1, 'x');
-- after
create table docs (id bigint primary key, body text storage external);
