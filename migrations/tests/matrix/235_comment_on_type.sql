-- kind: comments
-- what: a type is explained
-- expect: generated
-- holds: comment on type
-- before
create type mood as enum ('sad', 'ok');
-- after
create type mood as enum ('sad', 'ok');
comment on type mood is 'how one feels';
