-- kind: columns
-- what: the compression of a column changes
-- expect: generated
-- holds: set compression
-- before
create table docs (id bigint primary key, body text);
insert into docs values (1, 'x');
-- after
create table docs (id bigint primary key, body text compression pglz);
