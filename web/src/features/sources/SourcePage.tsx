import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { atLeast, type Source } from '@/api/model'
import { sessionQuery } from '@/api/session'
import { pollsQuery, removeSource, sourceQuery } from '@/api/sources'
import { Button } from '@/components/Button'
import { bytes, duration, grouped } from '@/components/format'
import { Icon } from '@/components/Icon'
import { Loaded } from '@/components/Loaded'
import { HealthMark, OkMark, Sparkline, sourceReads } from '@/components/marks'
import { useTitle } from '@/components/Page'
import { Card, EmptyState, ErrorNotice, SkeletonRows } from '@/components/states'
import { Time } from '@/components/Time'
import '@/components/table.css'
import { adviceFor } from './advice'
import { EnableButton } from './SourcesPage'
import './sources.css'

/** One source: its health, what it rejected, what it reads, and its latest polls. */
export function SourcePage() {
  const { id } = useParams({ from: '/app/sources/$id' })
  const query = useQuery(sourceQuery(id))
  useTitle(query.data?.name ?? `Source ${id}`)
  return (
    <div className="page">
      <nav aria-label="Back">
        <Link to="/sources" className="source__back">
          <Icon name="left" size={14} /> Sources
        </Link>
      </nav>
      <Loaded query={query} what="This source">
        {(source) => (
          <>
            <SourceHead source={source} />
            {source.rejections.length > 0 && <Rejections rejections={source.rejections} />}
            {source.files && <FilesRead files={source.files} />}
          </>
        )}
      </Loaded>
      {query.data && <Polls id={id} />}
    </div>
  )
}

function SourceHead({ source }: { source: Source }) {
  const { data: user } = useQuery(sessionQuery)
  const advice = adviceFor(source)
  return (
    <>
      <div className="page__head">
        <div>
          <h1>{source.name}</h1>
          <p className={source.kind === 'file' ? 'small muted mono' : 'small muted'}>{sourceReads(source)}</p>
        </div>
        <div className="row">
          <HealthMark health={source.health} />
          {atLeast(user, 'admin') && (
            <>
              <EnableButton source={source} />
              <RemoveButton source={source} />
            </>
          )}
        </div>
      </div>
      {advice && (
        <div className={source.health === 'failing' ? 'notice notice--error' : 'notice'}>
          {source.last_error && (
            <b>
              {source.last_error} (<Time at={source.last_error_at} />)
            </b>
          )}
          <span>{advice}</span>
        </div>
      )}
      <section className="card" aria-label="Facts">
        <dl className="source__facts">
          <Fact name="Events" value={grouped(source.events)} />
          <Fact name="Rejected" value={grouped(source.rejected)} />
          <Fact name="Last event" value={<Time at={source.last_event_at} fallback="none yet" />} />
          <Fact name="Last success" value={<Time at={source.last_success_at} fallback="none yet" />} />
          <Fact name="Last 24 hours" value={<Sparkline counts={source.trend} />} />
        </dl>
      </section>
    </>
  )
}

function Fact({ name, value }: { name: string; value: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function RemoveButton({ source }: { source: Source }) {
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const [isSure, setIsSure] = useState(false)
  const remove = useMutation({
    mutationFn: () => removeSource(source.id),
    onSuccess: async () => {
      await navigate({ to: '/sources' })
      await queryClient.invalidateQueries({ queryKey: ['sources'] })
    },
  })
  return (
    <>
      <Button
        look={['small', 'danger']}
        disabled={remove.isPending}
        onClick={() => (isSure ? remove.mutate() : setIsSure(true))}
        onBlur={() => setIsSure(false)}
      >
        {isSure ? 'Really delete?' : 'Delete'}
      </Button>
      <ErrorNotice error={remove.error} />
    </>
  )
}

/** Why input was rejected. The names are those of the API, the metrics and the table `rejections`. */
const REASONS: Record<string, string> = {
  not_json: 'Not JSON, or neither an object nor a string.',
  no_message: 'Neither a message nor an exception.',
}

function Rejections({ rejections }: { rejections: Source['rejections'] }) {
  return (
    <Card title="Rejected input" flush>
      <div className="table-wrap">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Reason</th>
              <th scope="col" className="number">
                Rejected
              </th>
              <th scope="col">Last</th>
              <th scope="col">Latest example</th>
            </tr>
          </thead>
          <tbody>
            {rejections.map(({ reason, pieces, last_at, example }) => (
              <tr key={reason}>
                <td className="wide">
                  <code>{reason}</code> {REASONS[reason]}
                </td>
                <td className="number">{grouped(pieces)}</td>
                <td className="muted">
                  <Time at={last_at} />
                </td>
                <td className="wide">{example}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  )
}

function FilesRead({ files }: { files: NonNullable<Source['files']> }) {
  return (
    <Card title="Files read" flush>
      {files.length > 0 ? (
        <div className="table-wrap">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">File</th>
                <th scope="col" className="number">
                  Read
                </th>
              </tr>
            </thead>
            <tbody>
              {files.map(({ path, read_bytes }) => (
                <tr key={path}>
                  <td className="wide mono">{path}</td>
                  <td className="number">{bytes(read_bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <EmptyState icon="sources" title="No file matches the pattern yet">
          <p>A file that matches is read from its beginning as soon as it appears.</p>
        </EmptyState>
      )}
    </Card>
  )
}

const OUTCOMES = { read: 'read events', empty: 'nothing new', failed: 'failed' } as const

function Polls({ id }: { id: number }) {
  const query = useQuery(pollsQuery(id))
  return (
    <Card title="Polls" flush>
      <Loaded query={query} what="Polls" skeleton={<SkeletonRows what="polls" rows={4} />}>
        {(polls) =>
          polls.length > 0 ? (
            <div className="table-wrap">
              <table className="table">
                <thead>
                  <tr>
                    <th scope="col">Started</th>
                    <th scope="col">Outcome</th>
                    <th scope="col" className="number">
                      Events
                    </th>
                    <th scope="col" className="number">
                      Bytes
                    </th>
                    <th scope="col" className="number">
                      Took
                    </th>
                    <th scope="col">Message</th>
                  </tr>
                </thead>
                <tbody>
                  {polls.map((poll) => (
                    <tr key={poll.id}>
                      <td className="muted">
                        <Time at={poll.started_at} />
                      </td>
                      <td>
                        <OkMark
                          ok={poll.outcome !== 'failed'}
                          good={OUTCOMES[poll.outcome as keyof typeof OUTCOMES] ?? poll.outcome}
                          bad="failed"
                        />
                      </td>
                      <td className="number">{grouped(poll.events)}</td>
                      <td className="number">{bytes(poll.bytes)}</td>
                      <td className="number">{duration(poll.duration_ms)}</td>
                      <td className="wide">{poll.message}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <EmptyState icon="clock" title="No polls to show">
              <p>Polls that read something or failed are kept here. What is pushed with a key needs none.</p>
            </EmptyState>
          )
        }
      </Loaded>
    </Card>
  )
}
