-- kind: indexes
-- what: a gist index is added
-- expect: generated
-- holds: using gist
-- before
create table bookings (id bigint primary key, during tstzrange);
insert into bookings values (1, '[2026-01-01,2026-01-02)');
-- after
create table bookings (id bigint primary key, during tstzrange);
create index bookings_during on bookings using gist (during);
