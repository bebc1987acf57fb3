import { useQuery } from '@tanstack/react-query'
import { readinessQuery, versionQuery } from '@/api/health'
import type { Readiness } from '@/api/model'
import { duration, grouped } from '@/components/format'
import { Loaded } from '@/components/Loaded'
import { OkMark } from '@/components/marks'
import { Page } from '@/components/Page'
import { Card, SkeletonRows } from '@/components/states'
import { BackupsCard } from './BackupsCard'
import './status.css'

/** The state of Squall itself: the checks of /readyz. */
export function StatusPage() {
  const query = useQuery(readinessQuery)
  const { data: version } = useQuery(versionQuery)
  return (
    <Page title="Status" side={version && <span className="small faint">Squall {version}</span>}>
      <Loaded query={query} what="The status" skeleton={<SkeletonRows what="the status" rows={3} />}>
        {(readiness) => (
          <>
            <div className={NOTICES[stateOf(readiness)][0]} role="status">
              {NOTICES[stateOf(readiness)][1]}
            </div>
            <Card title="Checks" flush>
              <ul className="checks">
                {checksOf(readiness).map(({ name, ok, message, detail }) => (
                  <li key={name}>
                    <h3>{name}</h3>
                    <div>
                      <p>{message}</p>
                      {detail && <p className="small muted">{detail}</p>}
                    </div>
                    <OkMark ok={ok} />
                  </li>
                ))}
              </ul>
            </Card>
          </>
        )}
      </Loaded>
      <BackupsCard />
    </Page>
  )
}

const NOTICES = {
  good: ['notice notice--good', 'Everything works: events are taken in and grouped.'],
  impaired: [
    'notice',
    'Squall accepts events, but something is not working as expected. See the marked checks below.',
  ],
  failing: [
    'notice notice--error',
    'Squall is not ready. See the failed checks below. Events sent now may be refused; send them again later.',
  ],
} as const

function stateOf({ status, checks }: Readiness): keyof typeof NOTICES {
  if (status !== 'ready') return 'failing'
  return Object.values(checks).every(({ ok }) => ok) ? 'good' : 'impaired'
}

function checksOf({ checks: { database, schema, queue, redis, stream } }: Readiness) {
  return [
    { name: 'Database', ...database, detail: null },
    {
      name: 'Schema',
      ...schema,
      detail:
        schema.expected == null
          ? null
          : `Version ${schema.found ?? 'unknown'} found, ${schema.expected} expected.`,
    },
    { name: 'Queue', ...queue, detail: queueInWords(queue) },
    { name: 'Redis', ...redis, detail: null },
    { name: 'Live updates', ...stream, detail: null },
  ]
}

const batches = (n: number) => `${grouped(n)} ${n === 1 ? 'batch' : 'batches'}`

function queueInWords({ waiting, oldest_seconds, set_aside }: Readiness['checks']['queue']): string | null {
  if (waiting == null) return null
  const age = oldest_seconds == null ? '' : `, the oldest for ${duration(oldest_seconds * 1000)}`
  const aside = set_aside
    ? ` ${batches(set_aside)} set aside after failing too often: the log has the reason.`
    : ''
  return waiting === 0 ? `No batch waits.${aside}` : `${batches(waiting)} waiting${age}.${aside}`
}
