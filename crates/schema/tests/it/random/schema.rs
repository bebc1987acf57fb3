//! Random schemas that a server takes, and random changes that make sense.

use std::fmt::Write;

/// A reproducible source of choices (xorshift64*).
pub struct Choice(u64);

impl Choice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }

    pub fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}

/// The flags that the change needs.
#[derive(Default)]
pub struct Flags {
    pub allow_loss: Vec<String>,
    pub backfills: Vec<String>,
}

#[derive(Clone)]
pub struct Schema {
    /// Values of the enum `mood`; rows hold the first one only.
    moods: Vec<String>,
    tables: Vec<Table>,
    /// Name, table and columns.
    views: Vec<(String, String, Vec<String>)>,
    /// Whether the trigger function says something else.
    other_body: bool,
}

#[derive(Clone)]
struct Table {
    name: String,
    columns: Vec<Column>,
    /// Columns with a check, a unique constraint, an index of each method.
    checks: Vec<String>,
    uniques: Vec<String>,
    indexes: Vec<(String, usize)>,
    /// Columns that hold the id of another table, and what happens on delete.
    parents: Vec<(String, bool)>,
    comment: Option<String>,
    trigger: bool,
    secured: bool,
    fill_factor: Option<usize>,
}

#[derive(Clone)]
struct Column {
    name: String,
    kind: usize,
    not_null: bool,
    default: bool,
    /// Twice the id, or thrice.
    generated: Option<usize>,
}

/// The types, with a value for the row `{}`, and the type each may grow into.
const KINDS: [(&str, &str, Option<usize>); 12] = [
    ("smallint", "{}", Some(1)),
    ("integer", "{}", Some(2)),
    ("bigint", "{}", Some(4)),
    ("varchar(20)", "'v{}'", Some(4)),
    ("text", "'t{}'", None),
    ("numeric(10,2)", "{}.25", Some(6)),
    ("numeric(14,4)", "{}.2500", None),
    ("uuid", "md5('{}')::uuid", Some(4)),
    ("jsonb", "'{\"n\": {}}'", Some(4)),
    ("timestamptz", "timestamptz '2026-01-01 00:00Z' + {} * interval '1 hour'", None),
    ("integer[]", "array[{}, 7]", None),
    ("mood", "'m0'", None),
];

impl Column {
    fn sql(&self) -> String {
        let (kind, value, _) = KINDS[self.kind];
        if let Some(times) = self.generated {
            return format!("{} bigint generated always as (id * {times}) stored", self.name);
        }
        let not_null = if self.not_null { " not null" } else { "" };
        let default =
            if self.default { format!(" default {}", value.replace("{}", "9")) } else { String::new() };
        format!("{} {kind}{not_null}{default}", self.name)
    }

    /// Whether values differ from row to row and can stand in an ordinary index.
    fn is_distinct(&self) -> bool {
        self.generated.is_none() && !matches!(self.kind, 8 | 10 | 11)
    }
}

impl Table {
    fn random(choice: &mut Choice, name: String) -> Self {
        let columns = (0..1 + choice.below(5)).map(|at| column(choice, format!("c{at}"))).collect();
        Self {
            name,
            columns,
            checks: Vec::new(),
            uniques: Vec::new(),
            indexes: Vec::new(),
            parents: Vec::new(),
            comment: None,
            trigger: false,
            secured: false,
            fill_factor: None,
        }
    }

    fn forget(&mut self, column: &str) {
        self.columns.retain(|known| known.name != column);
        self.checks.retain(|known| known != column);
        self.uniques.retain(|known| known != column);
        self.indexes.retain(|(known, _)| known != column);
    }
}

fn column(choice: &mut Choice, name: String) -> Column {
    let generated = choice.one_in(8).then(|| 2 + choice.below(2));
    Column {
        name,
        kind: choice.below(KINDS.len()),
        not_null: choice.one_in(3),
        default: choice.one_in(3),
        generated,
    }
}

impl Schema {
    pub fn random(choice: &mut Choice) -> Self {
        let moods = (0..2 + choice.below(3)).map(|at| format!("m{at}")).collect();
        let tables = (0..1 + choice.below(3)).map(|at| Table::random(choice, format!("t{at}"))).collect();
        let mut schema = Self { moods, tables, views: Vec::new(), other_body: false };
        for _ in 0..choice.below(8) {
            schema.change_once(choice);
        }
        schema
    }

    pub fn change(&mut self, choice: &mut Choice) -> Flags {
        let before = self.clone();
        for _ in 0..1 + choice.below(6) {
            self.change_once(choice);
        }
        self.say(&before)
    }

    /// The flags for generating the change from `before` to `self`.
    fn say(&self, before: &Self) -> Flags {
        let mut flags = Flags::default();
        for old in &before.tables {
            let Some(new) = self.tables.iter().find(|table| table.name == old.name) else {
                flags.allow_loss.push(old.name.clone());
                continue;
            };
            for was in &old.columns {
                let is = new.columns.iter().find(|column| column.name == was.name);
                let plain = was.generated.is_none();
                if plain && is.is_none_or(|is| is.generated.is_some()) {
                    flags.allow_loss.push(format!("{}.{}", old.name, was.name));
                }
            }
            for column in new.columns.iter().filter(|column| column.not_null && column.generated.is_none()) {
                let was = old.columns.iter().find(|was| was.name == column.name);
                if was.is_none() && !column.default
                    || was.is_some_and(|was| !was.not_null && was.generated.is_none())
                {
                    let value = KINDS[column.kind].1.replace("{}", "id + 50");
                    let value = if matches!(column.kind, 3 | 4) { "'b' || id".to_owned() } else { value };
                    let value = if column.kind == 7 { "gen_random_uuid()".to_owned() } else { value };
                    let value = if matches!(column.kind, 5 | 6) { "id + 50".to_owned() } else { value };
                    let value =
                        if column.kind == 8 { "jsonb_build_object('n', id)".to_owned() } else { value };
                    let value = if column.kind == 9 {
                        "timestamptz '2027-01-01 00:00Z' + id * interval '1 day'".to_owned()
                    } else {
                        value
                    };
                    flags.backfills.push(format!("{}.{}={value}", old.name, column.name));
                }
            }
        }
        flags
    }

    fn change_once(&mut self, choice: &mut Choice) {
        let at = choice.below(self.tables.len());
        let kind = choice.below(19);
        if kind == 0 {
            let name = format!("t{}", 10 + choice.below(20));
            if self.tables.iter().all(|table| table.name != name) {
                self.tables.push(Table::random(choice, name));
            }
            return;
        }
        if kind == 1 && self.tables.len() > 1 {
            let gone = self.tables.remove(at).name;
            self.views.retain(|(_, table, _)| *table != gone);
            for table in &mut self.tables {
                table.parents.retain(|(parent, _)| *parent != gone);
            }
            return;
        }
        if kind == 2 {
            let value = format!("m{}", 10 + choice.below(50));
            if !self.moods.contains(&value) {
                let place = choice.below(self.moods.len() + 1);
                self.moods.insert(place, value);
            }
            return;
        }
        if kind == 3 {
            if let Some(place) = self.moods.iter().rposition(|value| value != "m0") {
                self.moods.remove(place);
            }
            return;
        }
        if kind == 4 {
            self.other_body = !self.other_body;
            return;
        }
        let names: Vec<String> = self.tables.iter().map(|table| table.name.clone()).collect();
        let table = &mut self.tables[at];
        let picked = choice.below(table.columns.len());
        let name = table.columns[picked].name.clone();
        let is_seen = self.views.iter().any(|(_, of, columns)| *of == table.name && columns.contains(&name));
        match kind {
            5 | 6 => {
                let name = format!("c{}", 10 + choice.below(40));
                if table.columns.iter().all(|column| column.name != name) {
                    let place = choice.below(table.columns.len() + 1);
                    table.columns.insert(place, column(choice, name));
                }
            }
            7 if table.columns.len() > 1 && !is_seen => table.forget(&name),
            8 | 9 => {
                let column = &mut table.columns[picked];
                if let (Some(next), None) = (KINDS[column.kind].2, column.generated) {
                    column.kind = next;
                    // A check compares with the type it was written for.
                    table.checks.retain(|known| *known != name);
                }
            }
            10 => {
                table.columns[picked].not_null =
                    !table.columns[picked].not_null && table.columns[picked].generated.is_none()
            }
            11 => {
                table.columns[picked].default =
                    !table.columns[picked].default && table.columns[picked].generated.is_none()
            }
            12 => toggle(&mut table.checks, name),
            13 if table.columns[picked].is_distinct() && !table.columns[picked].default => {
                toggle(&mut table.uniques, name)
            }
            14 if table.columns[picked].is_distinct() => {
                let method = choice.below(3);
                match table.indexes.iter().position(|(known, _)| *known == name) {
                    Some(place) if choice.one_in(2) => drop(table.indexes.remove(place)),
                    Some(place) => table.indexes[place].1 = method,
                    None => table.indexes.push((name, method)),
                }
            }
            15 => {
                // A table that is new has no rows to point at.
                let parents: Vec<&String> = names.iter().filter(|name| name.len() == 2).collect();
                let Some(parent) = parents.get(choice.below(parents.len())).map(|name| (*name).clone())
                else {
                    return;
                };
                match table.parents.iter().position(|(known, _)| *known == parent) {
                    Some(place) if choice.one_in(2) => drop(table.parents.remove(place)),
                    Some(place) => table.parents[place].1 = !table.parents[place].1,
                    None => table.parents.push((parent, choice.one_in(2))),
                }
            }
            16 => {
                table.comment = choice.one_in(2).then(|| format!("it's number {}", choice.below(9)));
                table.trigger = choice.one_in(2);
            }
            17 => {
                table.secured = !table.secured;
                table.fill_factor = choice.one_in(2).then(|| 50 + choice.below(40));
            }
            _ => {
                let view = format!("v{}", choice.below(4));
                let table = table.clone();
                self.views.retain(|(known, ..)| *known != view);
                if !choice.one_in(3) {
                    let columns = table
                        .columns
                        .iter()
                        .map(|column| column.name.clone())
                        .filter(|_| !choice.one_in(3))
                        .collect();
                    self.views.push((view, table.name, columns));
                }
            }
        }
    }

    /// The declaration.
    pub fn sql(&self) -> String {
        let mut sql = format!(
            "create type mood as enum ({});\n",
            self.moods.iter().map(|mood| format!("'{mood}'")).collect::<Vec<_>>().join(", ")
        );
        let body =
            if self.other_body { "begin new.id := new.id; return new; end" } else { "begin return new; end" };
        writeln!(sql, "create function touch() returns trigger language plpgsql as $$ {body} $$;").unwrap();
        for table in &self.tables {
            let columns: Vec<_> = table.columns.iter().map(Column::sql).collect();
            let with =
                table.fill_factor.map(|factor| format!(" with (fillfactor = {factor})")).unwrap_or_default();
            writeln!(
                sql,
                "create table {} (id integer primary key, {}){with};",
                table.name,
                columns.join(", ")
            )
            .unwrap();
        }
        for table in &self.tables {
            let name = &table.name;
            for column in &table.checks {
                writeln!(sql, "alter table {name} add constraint {name}_{column}_ok check ({column} is null or {column}::text <> 'bad');").unwrap();
            }
            for column in &table.uniques {
                writeln!(sql, "alter table {name} add constraint {name}_{column}_one unique ({column});")
                    .unwrap();
            }
            for (column, method) in &table.indexes {
                let using = [
                    format!("({column})"),
                    format!("({column} desc nulls last) where {column} is not null"),
                    format!("using hash ({column})"),
                ];
                writeln!(sql, "create index {name}_{column}_at on {name} {};", using[*method]).unwrap();
            }
            for (parent, cascade) in &table.parents {
                let action = if *cascade { " on delete cascade" } else { "" };
                writeln!(sql, "alter table {name} add constraint {name}_{parent}_fk foreign key (id) references {parent}{action};").unwrap();
            }
            if let Some(comment) = &table.comment {
                writeln!(sql, "comment on table {name} is '{}';", comment.replace('\'', "''")).unwrap();
            }
            if table.trigger {
                writeln!(sql, "create trigger {name}_touch before update on {name} for each row execute function touch();").unwrap();
            }
            if table.secured {
                writeln!(
                    sql,
                    "alter table {name} enable row level security; create policy p on {name} using (id > 0);"
                )
                .unwrap();
            }
        }
        for (view, table, columns) in &self.views {
            let list: String = columns.iter().map(|column| format!(", {column}")).collect();
            writeln!(sql, "create view {view} as select id{list} from {table};").unwrap();
        }
        sql
    }

    /// Three rows for each table. The first has nulls where it may.
    pub fn rows(&self) -> String {
        let mut sql = String::from("set session_replication_role = replica;\n");
        for table in &self.tables {
            for row in 1..=3 {
                let columns: Vec<_> =
                    table.columns.iter().filter(|column| column.generated.is_none()).collect();
                let names: String = columns.iter().map(|column| format!(", {}", column.name)).collect();
                let values: String = columns
                    .iter()
                    .map(|column| {
                        let null = row == 1 && !column.not_null;
                        if null {
                            ", null".into()
                        } else {
                            format!(", {}", KINDS[column.kind].1.replace("{}", &row.to_string()))
                        }
                    })
                    .collect();
                writeln!(sql, "insert into {} (id{names}) values ({row}{values});", table.name).unwrap();
            }
        }
        sql + "set session_replication_role = default;\n"
    }

    /// Ordinary columns of tables that are on both sides, with their ids.
    pub fn surviving_columns(&self, after: &Self) -> Vec<(String, String)> {
        let mut kept = Vec::new();
        for old in &self.tables {
            let Some(new) = after.tables.iter().find(|table| table.name == old.name) else { continue };
            kept.push((old.name.clone(), "id".into()));
            let both = old.columns.iter().filter(|was| {
                let is = new.columns.iter().find(|is| is.name == was.name);
                was.generated.is_none() && is.is_some_and(|is| is.generated.is_none())
            });
            // Decimals are written with as many places as their type has.
            kept.extend(
                both.filter(|column| column.kind != 5).map(|column| (old.name.clone(), column.name.clone())),
            );
        }
        kept
    }
}

fn toggle(list: &mut Vec<String>, name: String) {
    match list.iter().position(|known| *known == name) {
        Some(place) => drop(list.remove(place)),
        None => list.push(name),
    }
}
