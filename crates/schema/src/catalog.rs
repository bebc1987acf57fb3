//! The schema of a database as comparable objects, read from its catalogs.
//!
//! PostgreSQL itself prints each definition (`pg_get_indexdef`, `pg_get_constraintdef`, `pg_get_expr`, …), so both
//! sides of a comparison are normalized by the server. Each kind of object has a query of its own
//! under `catalog/`; it yields a kind, a name and **facets**, named texts that are equal when the objects are.
//! Column order is left out on purpose: a column added later is last in one database and in its declared position in
//! the other. Owners and tablespaces are left out too: they belong to the server, not to the schema.

use sqlx::{PgConnection, Row, postgres::PgRow};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

/// The kinds of objects, in their usual order in a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A namespace.
    Schema,
    /// An extension.
    Extension,
    /// A collation.
    Collation,
    /// A type with a list of values.
    Enum,
    /// A type over another one, with checks.
    Domain,
    /// A check of a domain.
    DomainCheck,
    /// A type with attributes.
    Composite,
    /// A sequence that no identity column owns.
    Sequence,
    /// A function, window functions included.
    Function,
    /// A procedure.
    Procedure,
    /// A table, partitioned table or partition.
    Table,
    /// A column of a table.
    Column,
    /// The default of a column.
    Default,
    /// A check constraint of a table.
    Check,
    /// A primary key.
    PrimaryKey,
    /// A unique constraint.
    Unique,
    /// An exclusion constraint.
    Exclude,
    /// A foreign key.
    ForeignKey,
    /// An index that no constraint owns.
    Index,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A trigger.
    Trigger,
    /// A policy of row security.
    Policy,
}

impl Kind {
    const ALL: [(Self, &'static str, &'static str); 23] = [
        (Self::Schema, "schema", include_str!("catalog/schemas.sql")),
        (Self::Extension, "extension", include_str!("catalog/extensions.sql")),
        (Self::Collation, "collation", include_str!("catalog/collations.sql")),
        (Self::Enum, "enum", include_str!("catalog/types.sql")),
        (Self::Domain, "domain", ""),
        (Self::DomainCheck, "domain check", include_str!("catalog/domain_checks.sql")),
        (Self::Composite, "composite", ""),
        (Self::Sequence, "sequence", include_str!("catalog/sequences.sql")),
        (Self::Function, "function", include_str!("catalog/functions.sql")),
        (Self::Procedure, "procedure", ""),
        (Self::Table, "table", include_str!("catalog/tables.sql")),
        (Self::Column, "column", include_str!("catalog/columns.sql")),
        (Self::Default, "default", include_str!("catalog/defaults.sql")),
        (Self::Check, "check", include_str!("catalog/constraints.sql")),
        (Self::PrimaryKey, "primary key", ""),
        (Self::Unique, "unique", ""),
        (Self::Exclude, "exclude", ""),
        (Self::ForeignKey, "foreign key", ""),
        (Self::Index, "index", include_str!("catalog/indexes.sql")),
        (Self::View, "view", include_str!("catalog/views.sql")),
        (Self::MaterializedView, "materialized view", ""),
        (Self::Trigger, "trigger", include_str!("catalog/triggers.sql")),
        (Self::Policy, "policy", include_str!("catalog/policies.sql")),
    ];

    /// Its name in messages and in `comment on`.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, word, _)| word)
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == word).map(|(kind, ..)| *kind)
    }

    /// Whether it is a constraint of a table.
    pub fn is_constraint(self) -> bool {
        matches!(self, Self::Check | Self::PrimaryKey | Self::Unique | Self::Exclude | Self::ForeignKey)
    }
}

/// What an object is and how SQL names it: quoted where it must be, with its schema when that is not `public`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Its kind.
    pub kind: Kind,
    /// `issues`, `issues.title`, `touch(integer)`.
    pub name: String,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.name)
    }
}

/// One object of the schema.
#[derive(Debug, Clone)]
pub struct Object {
    /// What it is.
    pub id: Id,
    /// The table of a column, the domain of a check; in SQL's spelling.
    pub parent: Option<String>,
    /// Grows with creation; comparable only within one database.
    pub creation_order: i64,
    /// The position of a column in its table; 0 for other kinds.
    pub position: i32,
    /// What is compared.
    pub facets: BTreeMap<String, String>,
}

impl Object {
    /// A facet that may be missing.
    pub fn facet(&self, name: &str) -> Option<&str> {
        self.facets.get(name).map(String::as_str)
    }

    /// A facet that its query always gives.
    pub fn text(&self, name: &str) -> &str {
        self.facet(name).unwrap_or_default()
    }

    /// The table or type it belongs to.
    pub fn parent(&self) -> &str {
        self.parent.as_deref().unwrap_or_default()
    }

    /// Its name within its parent, quoted where it must be.
    pub fn own_name(&self) -> &str {
        self.facet("own name").unwrap_or(&self.id.name)
    }
}

/// The schema of one database.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// All objects by what they are.
    pub objects: BTreeMap<Id, Object>,
    /// What each object needs, directly.
    pub needs: HashMap<Id, BTreeSet<Id>>,
    /// Objects of kinds that the generator does not support: kind and name.
    pub unsupported: BTreeSet<(String, String)>,
}

impl Catalog {
    /// The object of this kind and name.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Object> {
        self.objects.get(&Id { kind, name: name.to_owned() })
    }

    /// The objects of `kind` that belong to `parent`, columns in their order.
    pub fn children(&self, kind: Kind, parent: &str) -> Vec<&Object> {
        let of_parent = |object: &&Object| object.id.kind == kind && object.parent() == parent;
        let mut children: Vec<&Object> = self.objects.values().filter(of_parent).collect();
        children.sort_by_key(|object| (object.position, object.creation_order));
        children
    }

    /// What `id` needs directly.
    pub fn needs(&self, id: &Id) -> impl Iterator<Item = &Id> {
        self.needs.get(id).into_iter().flatten()
    }

    /// What needs `id` directly.
    pub fn dependents(&self, id: &Id) -> Vec<&Id> {
        self.needs.iter().filter(|(_, needs)| needs.contains(id)).map(|(dependent, _)| dependent).collect()
    }

    /// One line per facet, for reading and for comparing.
    fn lines(&self) -> BTreeSet<String> {
        let own = self.objects.values().flat_map(|object| {
            let facets = object.facets.iter().map(|(name, text)| format!("{}: {name}: {text}", object.id));
            std::iter::once(object.id.to_string()).chain(facets)
        });
        own.chain(self.unsupported.iter().map(|(kind, name)| format!("{kind} {name}"))).collect()
    }
}

/// Reads the catalogs, without sqlx's own table and the objects of extensions.
///
/// # Errors
/// When a query fails.
pub async fn read(connection: &mut PgConnection) -> Result<Catalog, sqlx::Error> {
    sqlx::raw_sql(include_str!("catalog/prelude.sql")).execute(&mut *connection).await?;
    let mut catalog = Catalog::default();
    let mut by_address = HashMap::new();
    for (_, _, query) in Kind::ALL.iter().filter(|(.., query)| !query.is_empty()) {
        for row in sqlx::query(*query).fetch_all(&mut *connection).await? {
            let object = object(&row)?;
            by_address.insert(address(&row, "class", "id", "sub")?, object.id.clone());
            catalog.objects.insert(object.id.clone(), object);
        }
    }
    let mut aliases = HashMap::new();
    for row in sqlx::query(include_str!("catalog/aliases.sql")).fetch_all(&mut *connection).await? {
        let of = address(&row, "of_class", "of_id", "of_sub")?;
        aliases.insert((row.try_get::<i64, _>("class")?, row.try_get::<i64, _>("id")?), of);
    }
    let owner = |found: Address| {
        let alias = aliases.get(&(found.0, found.1)).copied();
        // A column of a view is the view; an attribute of a composite type is the type.
        let candidates = [Some(found), alias, Some((found.0, found.1, 0))];
        candidates.into_iter().flatten().find_map(|address| by_address.get(&address).cloned())
    };
    for row in sqlx::query(include_str!("catalog/needs.sql")).fetch_all(&mut *connection).await? {
        let dependent = owner(address(&row, "classid", "objid", "objsubid")?);
        let needed = owner(address(&row, "refclassid", "refobjid", "refobjsubid")?);
        if let (Some(dependent), Some(needed)) = (dependent, needed)
            && dependent != needed
        {
            catalog.needs.entry(dependent).or_default().insert(needed);
        }
    }
    for row in sqlx::query(include_str!("catalog/unsupported.sql")).fetch_all(&mut *connection).await? {
        catalog.unsupported.insert((row.try_get("kind")?, row.try_get("name")?));
    }
    Ok(catalog)
}

/// The lines in one catalog only: `- ` for the declared side, `+ ` for the migrated one.
pub fn differences(declared: &Catalog, migrated: &Catalog) -> Vec<String> {
    let (declared, migrated) = (declared.lines(), migrated.lines());
    let missing = declared.difference(&migrated).map(|line| format!("- {line}"));
    let surplus = migrated.difference(&declared).map(|line| format!("+ {line}"));
    missing.chain(surplus).collect()
}

/// As in `pg_depend`: the catalog, the row, the column or 0.
type Address = (i64, i64, i32);

fn address(row: &PgRow, class: &str, id: &str, sub: &str) -> Result<Address, sqlx::Error> {
    Ok((row.try_get(class)?, row.try_get(id)?, row.try_get(sub)?))
}

fn object(row: &PgRow) -> Result<Object, sqlx::Error> {
    let word: String = row.try_get("kind")?;
    let kind = Kind::of(&word).ok_or_else(|| sqlx::Error::Decode(format!("unknown kind {word}").into()))?;
    let facets: sqlx::types::Json<BTreeMap<String, Option<String>>> = row.try_get("facets")?;
    Ok(Object {
        id: Id { kind, name: row.try_get("name")? },
        parent: row.try_get("parent")?,
        creation_order: row.try_get("born")?,
        position: row.try_get("sub")?,
        facets: facets.0.into_iter().filter_map(|(name, text)| Some((name, text?))).collect(),
    })
}
