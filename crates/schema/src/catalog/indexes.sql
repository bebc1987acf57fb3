-- Indexes that no constraint owns. The definition leaves out the name, so that a renamed index is known again.
select 'index' as kind, x.oid::regclass::text as name, c.oid::regclass::text as parent,
       'pg_class'::regclass::oid::int8 as class, x.oid::int8 as id, 0 as sub, x.oid::int8 as born,
       jsonb_build_object('own name', quote_ident(x.relname),
                          'definition', replace(pg_get_indexdef(x.oid, 0, true), ' INDEX ' || quote_ident(x.relname) || ' ON ', ' INDEX ON '),
                          'statistics', (select jsonb_object_agg(a.attnum, a.attstattarget) from pg_attribute a
                                         where a.attrelid = x.oid and a.attstattarget >= 0)::text,
                          'comment', obj_description(x.oid, 'pg_class')) as facets
from pg_index i
join pg_class x on x.oid = i.indexrelid
join pg_class c on c.oid = i.indrelid
where c.oid >= 16384 and c.relkind in ('r', 'p', 'm') and not x.relispartition and pg_temp.ours(c.relnamespace)
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = x.oid
                  and d.refclassid = 'pg_constraint'::regclass and d.deptype = 'i')
  and not pg_temp.of_extension('pg_class', c.oid) and c.relname <> '_sqlx_migrations'
