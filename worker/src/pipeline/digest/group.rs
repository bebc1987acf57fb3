//! Which issue an event belongs to.
//!
//! Each project has a template tree, kept in memory and rebuilt from the table `fingerprints` when
//! it is missing or older than the project's `grouping_version`. Most events match a known
//! template, and nothing is written. A turn that learns something locks the project's row, checks
//! that no other worker learned in between, and writes the new templates and their issues in the
//! transaction that stores the events. Several workers thus never create two issues for one
//! template.

use super::{event::DecodedEvent, project::Projects};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use squall_boot::metrics;
use squall_grouping::{Change, Fingerprint, Grouper, StoredTemplate, Subject, VERSION};
use std::collections::{BTreeMap, HashMap};

/// An event and its issue.
pub(super) struct GroupedEvent {
    pub(super) event: DecodedEvent,
    pub(super) issue_id: i64,
}

/// The template trees of the projects seen so far.
#[derive(Default)]
pub(super) struct Memory(HashMap<i64, ProjectMemory>);

struct ProjectMemory {
    version: i64,
    grouper: Grouper,
    issues: HashMap<Fingerprint, i64>,
}

impl Memory {
    /// Forgets everything: what a failed turn learned was not committed.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Assigns each event to an issue and writes new templates and issues. Returns the events and
    /// the new issues.
    pub(super) async fn group(
        &mut self,
        connection: &mut PgConnection,
        projects: &Projects,
        events: Vec<DecodedEvent>,
    ) -> Result<(Vec<GroupedEvent>, Vec<i64>)> {
        let mut by_project: BTreeMap<i64, Vec<DecodedEvent>> = BTreeMap::new();
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
        events: Vec<DecodedEvent>,
    ) -> Result<(Self, Vec<GroupedEvent>, Vec<i64>)> {
        let (mut fingerprints, mut learned) = self.match_templates(&events);
        let mut new_issues = Vec::new();
        if !learned.is_empty() {
            let version = lock(connection, project_id).await?;
            if version != self.version {
                // Another worker learned in between: match again with its templates, under the
                // lock.
                self = Self::load(connection, project_id, version).await?;
                (fingerprints, learned) = self.match_templates(&events);
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

    fn match_templates(&mut self, events: &[DecodedEvent]) -> (Vec<Fingerprint>, Learned) {
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
            "Loaded the templates of a project."
        );
        Ok(Self { version, grouper: Grouper::restore(templates), issues })
    }

    /// Writes what was learned and adds it to the memory. Returns the new issues.
    async fn write(
        &mut self,
        connection: &mut PgConnection,
        project_id: i64,
        learned: Learned,
        events: &[DecodedEvent],
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

/// Templates that are not in the database yet: new ones in order of appearance with the index of
/// their first event, and known ones that became more general.
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

/// Locks the project against other workers that learn. `no key update` does not block intake: its
/// inserts only need the project's key to stay.
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
    events: &[DecodedEvent],
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
    // Ids are drawn first, in order: an insert returns its rows in no guaranteed order.
    let ids = sqlx::query_scalar!(
        "select nextval(pg_get_serial_sequence('issues', 'id')) as \"id!\" from generate_series(1, $1)",
        i32::try_from(new.len())?,
    )
    .fetch_all(&mut *connection)
    .await
    .context("drawing ids for new issues")?;
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
    // The title follows the template as long as it is the template's: a merged or renamed issue
    // keeps its own.
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
