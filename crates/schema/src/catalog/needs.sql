-- Which object needs which: `pg_depend`, read as pairs of addresses.
select distinct classid::int8, objid::int8, objsubid, refclassid::int8, refobjid::int8, refobjsubid
from pg_depend
where deptype in ('n', 'a', 'i', 'P', 'S', 'x') and refobjid >= 16384
