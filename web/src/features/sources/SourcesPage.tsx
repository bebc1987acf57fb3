import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { atLeast, type Source } from '@/api/model'
import { projectsQuery } from '@/api/projects'
import { sessionQuery } from '@/api/session'
import { changeSource, sourcesQuery } from '@/api/sources'
import { Button } from '@/components/Button'
import { compact, counted, grouped } from '@/components/format'
import { Icon } from '@/components/Icon'
import { Loaded } from '@/components/Loaded'
import { HealthMark, Sparkline, sourceReads } from '@/components/marks'
import { Page } from '@/components/Page'
import { EmptyState, ErrorNotice } from '@/components/states'
import { Time } from '@/components/Time'
import { AddFileSource } from './AddFileSource'
import { adviceFor } from './advice'
import './sources.css'

/** All sources with their health. */
export function SourcesPage() {
  const { project } = useSearch({ from: '/app' })
  const { data: user } = useQuery(sessionQuery)
  const { data: projects } = useQuery(projectsQuery)
  const query = useQuery(sourcesQuery(project))
  const [isAdding, setIsAdding] = useState(false)
  const mayChange = atLeast(user, 'admin')
  const add = mayChange && !isAdding && (
    <Button look="primary" onClick={() => setIsAdding(true)}>
      <Icon name="plus" size={14} /> Add a file source
    </Button>
  )
  return (
    <Page title="Sources" side={add}>
      {isAdding && projects && (
        <AddFileSource projects={projects} project={project} onDone={() => setIsAdding(false)} />
      )}
      <section className="card" aria-label="Sources" aria-busy={query.isPlaceholderData}>
        <Loaded query={query} what="Sources">
          {(sources) =>
            sources.length > 0 ? (
              <ul className="sources" aria-label="Sources">
                {sources.map((source) => (
                  <SourceRow key={source.id} source={source} mayChange={mayChange} showProject={!project} />
                ))}
              </ul>
            ) : (
              <EmptyState icon="sources" title="No sources yet">
                <p>
                  {mayChange
                    ? 'Add a file source to watch a log file of this machine, or send events with a project key: the overview shows how.'
                    : 'An admin can add a file source here, or send events with a project key.'}
                </p>
              </EmptyState>
            )
          }
        </Loaded>
      </section>
    </Page>
  )
}

function SourceRow({
  source,
  mayChange,
  showProject,
}: {
  source: Source
  mayChange: boolean
  showProject: boolean
}) {
  const advice = adviceFor(source)
  return (
    <li className="source-row">
      <div className="source-row__name">
        <Link to="/sources/$id" params={{ id: source.id }} data-row>
          {source.name}
        </Link>
        <span className="source-row__reads">
          {showProject && `${source.project} · `}
          <span className={source.kind === 'file' ? 'mono' : undefined}>{sourceReads(source)}</span>
          {source.files && source.files.length > 0 && ` · ${counted(source.files.length, 'file')}`}
        </span>
      </div>
      <HealthMark health={source.health} />
      <Sparkline counts={source.trend} />
      <span
        className="source-row__events"
        title={`${grouped(source.events)} events, ${grouped(source.rejected)} rejected`}
      >
        <b>{compact(source.events)}</b> <span className="muted">events</span>
      </span>
      <span className="muted">
        <span className="hidden-visually">Last event </span>
        <Time at={source.last_event_at} fallback="no event yet" />
      </span>
      {mayChange && <EnableButton source={source} />}
      {advice && (
        <div
          className={
            source.health === 'failing'
              ? 'notice notice--error source-row__advice'
              : 'notice source-row__advice'
          }
        >
          {source.last_error && source.health === 'failing' && <b>{source.last_error}</b>}
          <span>{advice}</span>
        </div>
      )}
    </li>
  )
}

/** Pauses or resumes a source. It continues where it stopped reading. */
export function EnableButton({ source }: { source: Pick<Source, 'id' | 'name' | 'enabled'> }) {
  const queryClient = useQueryClient()
  const change = useMutation({
    mutationFn: () => changeSource(source.id, { enabled: !source.enabled }),
    onSuccess: () =>
      Promise.all([
        queryClient.invalidateQueries({ queryKey: ['sources'] }),
        queryClient.invalidateQueries({ queryKey: ['source', source.id] }),
      ]),
  })
  const word = source.enabled ? 'Disable' : 'Enable'
  return (
    <span className="source-row__action">
      <Button
        look="small"
        disabled={change.isPending}
        onClick={() => change.mutate()}
        aria-label={`${word} ${source.name}`}
      >
        {word}
      </Button>
      <ErrorNotice error={change.error} />
    </span>
  )
}
