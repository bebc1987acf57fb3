-- kind: partitions
-- what: an index of a partitioned table is added
-- expect: generated
-- holds: on only
-- before
create table events (day date not null, what text) partition by range (day);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
insert into events values ('2026-02-03', 'x');
-- after
create table events (day date not null, what text) partition by range (day);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
create index events_what on events (what);
