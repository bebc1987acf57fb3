-- One line of text per object of the schema `public`.
with relations as (
    select c.* from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relname not like '\_sqlx\_%'
)
-- Tables, partitioned tables, views and sequences that belong to no column.
select format('relation %s kind %s partition %s options %s', c.relname, c.relkind,
              coalesce(pg_get_partkeydef(c.oid), '-'), coalesce(c.reloptions::text, '-')) as line
from relations c where c.relkind in ('r', 'p', 'v', 'm', 'S')
union all
-- Columns, with type, nullability, default, identity, generation, storage and collation.
select format('column %s.%s %s%s default %s identity %s generated %s storage %s collation %s', c.relname, a.attname,
              format_type(a.atttypid, a.atttypmod), case when a.attnotnull then ' not null' else '' end,
              coalesce(pg_get_expr(d.adbin, d.adrelid), '-'), a.attidentity, a.attgenerated, a.attstorage, a.attcollation)
from relations c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind in ('r', 'p', 'v', 'm')
union all
select format('index %s', pg_get_indexdef(i.indexrelid)) from pg_index i join relations c on c.oid = i.indrelid
union all
select format('constraint %s on %s %s', n.conname, coalesce(c.relname, t.typname), pg_get_constraintdef(n.oid))
from pg_constraint n
left join relations c on c.oid = n.conrelid
left join pg_type t on t.oid = n.contypid
where n.connamespace = 'public'::regnamespace and (c.oid is not null or t.oid is not null)
union all
select format('sequence %s start %s increment %s min %s max %s cache %s cycle %s', c.relname,
              s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
from pg_sequence s join relations c on c.oid = s.seqrelid
union all
select format('enum %s (%s)', t.typname, string_agg(e.enumlabel, ', ' order by e.enumsortorder))
from pg_type t join pg_enum e on e.enumtypid = t.oid
where t.typnamespace = 'public'::regnamespace group by t.typname
union all
select format('domain %s %s%s default %s', t.typname, format_type(t.typbasetype, t.typtypmod),
              case when t.typnotnull then ' not null' else '' end, coalesce(t.typdefault, '-'))
from pg_type t where t.typtype = 'd' and t.typnamespace = 'public'::regnamespace
union all
-- Functions of our own; those of an extension are the extension's.
select format('function %s', pg_get_functiondef(p.oid)) from pg_proc p
where p.pronamespace = 'public'::regnamespace and p.prokind in ('f', 'p')
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
union all
select format('trigger %s', pg_get_triggerdef(g.oid)) from pg_trigger g
join relations c on c.oid = g.tgrelid where not g.tgisinternal
union all
select format('view %s %s', c.relname, pg_get_viewdef(c.oid)) from relations c where c.relkind in ('v', 'm')
union all
select format('extension %s', extname) from pg_extension where extname <> 'plpgsql'
order by line
