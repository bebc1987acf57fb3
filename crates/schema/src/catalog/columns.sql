-- Columns of tables. A partition's columns are its parent's.
select 'column' as kind, c.oid::regclass::text || '.' || quote_ident(a.attname) as name, c.oid::regclass::text as parent,
       'pg_class'::regclass::oid::int8 as class, c.oid::int8 as id, a.attnum::int4 as sub, c.oid::int8 as born,
       jsonb_build_object(
           'own name', quote_ident(a.attname),
           'type', format_type(a.atttypid, a.atttypmod),
           'collation', nullif(pg_temp.collation_of(a.attcollation, a.atttypid), ''),
           'not null', case when a.attnotnull then coalesce((select quote_ident(n.conname) from pg_constraint n
                            where n.conrelid = c.oid and n.contype = 'n' and n.conkey = array[a.attnum]), 'unnamed') end,
           'generated', case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end,
           'generation', case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end,
           'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
           'identity sequence', case when a.attidentity <> '' then pg_get_serial_sequence(c.oid::regclass::text, a.attname)::regclass::text end,
           'identity options', case when a.attidentity <> ''
               then pg_temp.sequence_options(pg_get_serial_sequence(c.oid::regclass::text, a.attname)::regclass) end,
           'storage', case when a.attstorage <> t.typstorage then
               case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end end,
           'compression', case a.attcompression when 'p' then 'pglz' when 'l' then 'lz4' end,
           'statistics', nullif(a.attstattarget, -1)::text,
           'options', a.attoptions::text,
           'grants', nullif(pg_temp.grants(a.attacl, 'c', c.relowner), '[]'),
           'comment', col_description(c.oid, a.attnum)) as facets
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.oid >= 16384 and c.relkind in ('r', 'p') and not c.relispartition and pg_temp.ours(c.relnamespace)
  and not pg_temp.of_extension('pg_class', c.oid) and c.relname <> '_sqlx_migrations'
