-- kind: foreign
-- what: a table points at itself
-- expect: generated
-- before
create table nodes (id bigint primary key, parent bigint);
insert into nodes values (1, null), (2, 1);
-- after
create table nodes (id bigint primary key, parent bigint references nodes (id));
