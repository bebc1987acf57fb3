//! Which issue an event belongs to.
//!
//! Each project has a template tree, held in memory and rebuilt from the table `fingerprints` whenever it
//! is not known or older than the project's `grouping_version`. Most events meet a template that is
//! known, and nothing is written. When a turn learns something, it locks the project's row, makes sure
//! that nobody learned in between, and writes the new templates and their issues in the same
//! transaction as the events: several workers thus never give one template two issues.

use super::decode::Event;
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use squall_boot::metrics;
use squall_grouping::{Change, Fingerprint, Grouper, StoredTemplate, Subject, VERSION};
use std::collections::{BTreeMap, HashMap};

/// An event and the issue it was given.
pub(super) struct GroupedEvent {
    pub(super) event: Event,
    pub(super) issue_id: i64,
}

/// What the digest must know of a project.
#[derive(Debug, Clone)]
pub(super) struct Project {
    pub(super) grouping_version: i64,
    pub(super) retention_days: i32,
}

pub(super) type Projects = BTreeMap<i64, Project>;

/// The trees of the projects met so far.
#[derive(Default)]
pub(super) struct Memory(HashMap<i64, ProjectMemory>);

struct ProjectMemory {
    version: i64,
    grouper: Grouper,
    issues: HashMap<Fingerprint, i64>,
}

impl Memory {
    /// Forgets everything: what a failed turn learned is in no database.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Gives each event its issue, and writes the templates and issues that are new; these by their identifiers.
    pub(super) async fn group(
        &mut self,
        connection: &mut PgConnection,
        projects: &Projects,
        events: Vec<Event>,
    ) -> Result<(Vec<GroupedEvent>, Vec<i64>)> {
        let mut by_project: BTreeMap<i64, Vec<Event>> = BTreeMap::new();
        for event in events {
            by_project.entry(event.project_id).or_default().push(event);
        }
        let mut grouped = Vec::new();
        let mut new_issues = Vec::new();
        // In order of project, so that two workers lock projects in the same order.
        for (project_id, events) in by_project {
            let Some(project) = projects.get(&project_id) else { continue };
            let current =
                self.0.remove(&project_id).filter(|known| known.version == project.grouping_version);
            let known = match current {
                Some(known) => known,
                None => ProjectMemory::load(connection, project_id, project.grouping_version).await?,
            };
            let (known, mut issued, mut new) = known.assign(connection, project_id, events).await?;
            self.0.insert(project_id, known);
            grouped.append(&mut issued);
            new_issues.append(&mut new);
        }
        Ok((grouped, new_issues))
    }
}

impl ProjectMemory {
    async fn assign(
        mut self,
        connection: &mut PgConnection,
        project_id: i64,
        events: Vec<Event>,
    ) -> Result<(Self, Vec<GroupedEvent>, Vec<i64>)> {
        let (mut fingerprints, mut learned) = self.recognise(&events);
        let mut new_issues = Vec::new();
        if !learned.is_empty() {
            let version = lock(connection, project_id).await?;
            if version != self.version {
                // Somebody else learned meanwhile: look again with what they know, under the lock.
                self = Self::load(connection, project_id, version).await?;
                (fingerprints, learned) = self.recognise(&events);
            }
            new_issues = self.write(connection, project_id, learned, &events).await?;
        }
        let issue_of = |fingerprint| self.issues.get(&fingerprint).copied();
        let grouped = events.into_iter().zip(fingerprints).map(|(event, fingerprint)| {
            let issue_id = issue_of(fingerprint).context("a fingerprint without an issue")?;
            Ok(GroupedEvent { event, issue_id })
        });
        let grouped = grouped.collect::<Result<Vec<_>>>()?;
        Ok((self, grouped, new_issues))
    }

    fn recognise(&mut self, events: &[Event]) -> (Vec<Fingerprint>, Learned) {
        let mut learned = Learned::default();
        let fingerprints = events.iter().enumerate().map(|(index, event)| {
            let subject = Subject { message: &event.message, exception: event.exception.as_ref() };
            let assignment = self.grouper.assign(&subject);
            match assignment.change {
                Change::Known => {}
                Change::New { template } => learned.new.push((assignment.fingerprint, template, index)),
                Change::Generalised { template } => {
                    learned.generalised.insert(assignment.fingerprint, template);
                }
            }
            assignment.fingerprint
        });
        let fingerprints = fingerprints.collect();
        (fingerprints, learned)
    }

    async fn load(connection: &mut PgConnection, project_id: i64, version: i64) -> Result<Self> {
        let rows = sqlx::query!(
            "select fingerprint, template, issue_id from fingerprints
             where project_id = $1 and version = $2 order by id",
            project_id,
            grouping_version(),
        )
        .fetch_all(connection)
        .await
        .context("reading the templates of a project")?;
        let mut issues = HashMap::with_capacity(rows.len());
        let mut templates = Vec::with_capacity(rows.len());
        for row in rows {
            let fingerprint = Fingerprint(
                row.fingerprint.as_slice().try_into().context("a fingerprint that is not 16 bytes")?,
            );
            issues.insert(fingerprint, row.issue_id);
            templates.push(StoredTemplate { fingerprint, template: row.template });
        }
        tracing::debug!(
            project_id,
            templates = templates.len(),
            version,
            "The templates of a project were read."
        );
        Ok(Self { version, grouper: Grouper::restore(templates), issues })
    }

    /// Writes what was learned, and remembers it; the issues that are new.
    async fn write(
        &mut self,
        connection: &mut PgConnection,
        project_id: i64,
        learned: Learned,
        events: &[Event],
    ) -> Result<Vec<i64>> {
        if learned.is_empty() {
            return Ok(Vec::new());
        }
        self.version += 1;
        let Learned { mut new, mut generalised } = learned;
        for (fingerprint, template, _) in &mut new {
            if let Some(later) = generalised.remove(fingerprint) {
                *template = later;
            }
        }
        let ids = insert_issues(connection, project_id, &new, events).await?;
        insert_fingerprints(connection, project_id, self.version, &new, &ids).await?;
        for ((fingerprint, _, _), id) in new.iter().zip(&ids) {
            self.issues.insert(*fingerprint, *id);
        }
        update_templates(connection, project_id, self.version, &generalised).await?;
        sqlx::query!("update projects set grouping_version = $2 where id = $1", project_id, self.version)
            .execute(connection)
            .await
            .context("counting the project's grouping version")?;
        Ok(ids)
    }
}

/// What a turn found that the database does not have yet: templates in order of appearance, with the
/// index of the event that brought them, and templates that became more general.
#[derive(Default)]
struct Learned {
    new: Vec<(Fingerprint, String, usize)>,
    generalised: BTreeMap<Fingerprint, String>,
}

impl Learned {
    fn is_empty(&self) -> bool {
        self.new.is_empty() && self.generalised.is_empty()
    }
}

fn grouping_version() -> i16 {
    i16::try_from(VERSION).unwrap_or(i16::MAX)
}

/// What the digest must know of these projects. Deleted ones are missing, and so will their events be.
pub(super) async fn read_projects(connection: &mut PgConnection, ids: &[i64]) -> Result<Projects> {
    let rows =
        sqlx::query!("select id, grouping_version, retention_days from projects where id = any($1)", ids)
            .fetch_all(connection)
            .await
            .context("reading the projects of a turn")?;
    let projects = rows.into_iter().map(|row| {
        (row.id, Project { grouping_version: row.grouping_version, retention_days: row.retention_days })
    });
    Ok(projects.collect())
}

/// Locks the project against other learners. `no key update` leaves the doors open: their inserts only
/// ask that the project's key stays.
async fn lock(connection: &mut PgConnection, project_id: i64) -> Result<i64> {
    sqlx::query_scalar!("select grouping_version from projects where id = $1 for no key update", project_id)
        .fetch_one(connection)
        .await
        .context("locking the project to learn templates")
}

async fn insert_issues(
    connection: &mut PgConnection,
    project_id: i64,
    new: &[(Fingerprint, String, usize)],
    events: &[Event],
) -> Result<Vec<i64>> {
    let mut titles = Vec::with_capacity(new.len());
    let mut culprits = Vec::with_capacity(new.len());
    let mut levels = Vec::with_capacity(new.len());
    let mut times: Vec<DateTime<Utc>> = Vec::with_capacity(new.len());
    for (_, template, index) in new {
        let event = &events[*index];
        titles.push(event.title(template));
        culprits.push(event.culprit());
        levels.push(event.level.severity());
        times.push(DateTime::from_timestamp_micros(event.occurred_at).unwrap_or_default());
    }
    // Identifiers are drawn first, in order: the order in which an insert returns rows is not promised.
    let ids = sqlx::query_scalar!(
        "select nextval(pg_get_serial_sequence('issues', 'id')) as \"id!\" from generate_series(1, $1)",
        i32::try_from(new.len())?,
    )
    .fetch_all(&mut *connection)
    .await
    .context("drawing identifiers for new issues")?;
    sqlx::query!(
        "insert into issues (id, project_id, title, culprit, level, first_seen, last_seen) overriding system value
         select i, $2, t, c, l, s, s
         from unnest($1::bigint[], $3::text[], $4::text[], $5::smallint[], $6::timestamptz[]) as n(i, t, c, l, s)",
        &ids,
        project_id,
        &titles,
        &culprits as &[Option<String>],
        &levels,
        &times,
    )
    .execute(connection)
    .await
    .context("writing new issues")?;
    metrics::ISSUES_CREATED.add(&[], new.len() as u64);
    Ok(ids)
}

async fn insert_fingerprints(
    connection: &mut PgConnection,
    project_id: i64,
    version: i64,
    new: &[(Fingerprint, String, usize)],
    issue_ids: &[i64],
) -> Result<()> {
    let fingerprints: Vec<Vec<u8>> = new.iter().map(|(fingerprint, _, _)| fingerprint.0.to_vec()).collect();
    let templates: Vec<String> = new.iter().map(|(_, template, _)| template.clone()).collect();
    // The order of `id` is the order in which the tree learned, which is how it is rebuilt.
    sqlx::query!(
        "insert into fingerprints (project_id, issue_id, fingerprint, version, template, changed_at_version)
         select $1, i, f, $2, t, $3
         from unnest($4::bigint[], $5::bytea[], $6::text[]) with ordinality as n(i, f, t, nth) order by nth",
        project_id,
        grouping_version(),
        version,
        issue_ids,
        &fingerprints,
        &templates,
    )
    .execute(connection)
    .await
    .context("writing new fingerprints")?;
    Ok(())
}

async fn update_templates(
    connection: &mut PgConnection,
    project_id: i64,
    version: i64,
    generalised: &BTreeMap<Fingerprint, String>,
) -> Result<()> {
    if generalised.is_empty() {
        return Ok(());
    }
    let fingerprints: Vec<Vec<u8>> = generalised.keys().map(|fingerprint| fingerprint.0.to_vec()).collect();
    let templates: Vec<String> = generalised.values().cloned().collect();
    // The title follows the template as long as it is the template's: a merged or renamed issue keeps its own.
    sqlx::query!(
        "with changed as (
             select f.id, f.issue_id, f.template as old_template, n.t as template
             from unnest($3::bytea[], $4::text[]) as n(f, t)
             join fingerprints f on f.project_id = $1 and f.version = $5 and f.fingerprint = n.f
         ), titled as (
             update issues i set title = left(c.template, 2000)
             from changed c where i.id = c.issue_id and i.title = left(c.old_template, 2000)
         )
         update fingerprints f set template = c.template, changed_at_version = $2 from changed c where f.id = c.id",
        project_id,
        version,
        &fingerprints,
        &templates,
        grouping_version(),
    )
    .execute(connection)
    .await
    .context("writing templates that became more general")?;
    Ok(())
}
