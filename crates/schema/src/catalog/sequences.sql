-- Sequences that stand alone or belong to a serial column; those of identity columns are the column's.
select 'sequence' as kind, c.oid::regclass::text as name, null::text as parent,
       'pg_class'::regclass::oid::int8 as class, c.oid::int8 as id, 0 as sub, c.oid::int8 as born,
       jsonb_build_object(
           'options', pg_temp.sequence_options(c.oid),
           'unlogged', case c.relpersistence when 'u' then 'true' end,
           'owned by', (select d.refobjid::regclass::text || '.' || quote_ident(a.attname)
                        from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
                          and d.deptype = 'a' and d.refobjsubid > 0),
           'grants', pg_temp.grants(c.relacl, 's', c.relowner),
           'comment', obj_description(c.oid, 'pg_class')) as facets
from pg_class c
where c.oid >= 16384 and c.relkind = 'S' and pg_temp.ours(c.relnamespace) and not pg_temp.of_extension('pg_class', c.oid)
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                  and d.refclassid = 'pg_class'::regclass and d.deptype = 'i')
