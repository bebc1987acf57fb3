-- kind: refusals
-- what: a statistics object is no known kind
-- expect: refused statistics object
-- before
create table users (id bigint primary key, town text, code text);
-- after
create table users (id bigint primary key, town text, code text);
create statistics users_town_code on town, code from users;
