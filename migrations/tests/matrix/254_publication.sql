-- kind: refusals
-- what: a publication is no known kind
-- expect: refused publication
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create publication news for table users;
