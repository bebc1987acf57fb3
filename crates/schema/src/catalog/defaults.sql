-- Defaults of columns, apart from the columns: they depend on functions and sequences that may come later.
select 'default' as kind, c.oid::regclass::text || '.' || quote_ident(a.attname) as name,
       c.oid::regclass::text || '.' || quote_ident(a.attname) as parent,
       'pg_attrdef'::regclass::oid::int8 as class, d.oid::int8 as id, 0 as sub, d.oid::int8 as born,
       jsonb_build_object('table', c.oid::regclass::text, 'column', quote_ident(a.attname),
                          'expression', pg_get_expr(d.adbin, d.adrelid),
                          'volatile', case when pg_temp.is_volatile(d.adbin::text) then 'true' end) as facets
from pg_attrdef d
join pg_class c on c.oid = d.adrelid
join pg_attribute a on a.attrelid = c.oid and a.attnum = d.adnum
where a.attgenerated = '' and c.relkind in ('r', 'p') and not c.relispartition and pg_temp.ours(c.relnamespace)
  and not pg_temp.of_extension('pg_class', c.oid) and c.relname <> '_sqlx_migrations'
