-- kind: indexes
-- what: a brin index with its page range is added
-- expect: generated
-- holds: pages_per_range
-- before
create table events (id bigint, at timestamptz);
insert into events values (1, now());
-- after
create table events (id bigint, at timestamptz);
create index events_at on events using brin (at) with (pages_per_range = 32);
