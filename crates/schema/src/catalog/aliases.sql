-- Addresses in pg_depend that stand for one of the objects: row types, array types, rewrite rules, the index
-- of a constraint, the expression of a generated column, and all that an extension brought along.
select 'pg_type'::regclass::oid::int8 as class, t.oid::int8 as id, 'pg_class'::regclass::oid::int8 as of_class, t.typrelid::int8 as of_id, 0 as of_sub
from pg_type t join pg_class c on c.oid = t.typrelid where c.relkind <> 'c' and t.oid >= 16384
union all
select 'pg_class'::regclass::oid::int8, t.typrelid::int8, 'pg_type'::regclass::oid::int8, t.oid::int8, 0
from pg_type t join pg_class c on c.oid = t.typrelid where c.relkind = 'c'
union all
select 'pg_type'::regclass::oid::int8, t.typarray::int8, 'pg_type'::regclass::oid::int8, t.oid::int8, 0
from pg_type t where t.typarray >= 16384
union all
select 'pg_rewrite'::regclass::oid::int8, r.oid::int8, 'pg_class'::regclass::oid::int8, r.ev_class::int8, 0
from pg_rewrite r where r.rulename = '_RETURN' and r.oid >= 16384
union all
select 'pg_class'::regclass::oid::int8, n.conindid::int8, 'pg_constraint'::regclass::oid::int8, n.oid::int8, 0
from pg_constraint n where n.contype in ('u', 'p', 'x') and n.conindid >= 16384
union all
select 'pg_attrdef'::regclass::oid::int8, d.oid::int8, 'pg_class'::regclass::oid::int8, d.adrelid::int8, d.adnum::int4
from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum where a.attgenerated <> ''
union all
select d.classid::int8, d.objid::int8, 'pg_extension'::regclass::oid::int8, d.refobjid::int8, 0
from pg_depend d where d.deptype = 'e' and d.refclassid = 'pg_extension'::regclass
