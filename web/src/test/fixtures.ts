// Things as the API answers them, with what a test does not care about filled in.
import type {
  Backups,
  Event,
  Issue,
  IssueDetail,
  Key,
  LiveIssue,
  Poll,
  Project,
  Readiness,
  Source,
  Statistics,
  TopIssue,
  User,
} from '@/api/model'

export const NOW = Date.now()
export const ago = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString()

export const user = (with_: Partial<User> = {}): User => ({
  id: 1,
  email: 'ada@example.org',
  name: 'Ada',
  role: 'admin',
  created_at: ago(9_000),
  disabled_at: null,
  ...with_,
})

export const project = (with_: Partial<Project> = {}): Project => ({
  id: 1,
  slug: 'web-shop',
  name: 'Web shop',
  retention_days: 30,
  created_at: ago(9_000),
  ...with_,
})

export const issue = (with_: Partial<Issue> = {}): Issue => ({
  id: 7,
  project: 'web-shop',
  title: 'payment <n> declined: card expired',
  culprit: 'checkout.payments',
  level: 'error',
  status: 'open',
  first_seen: ago(2_880),
  last_seen: ago(5),
  events: 1_234,
  source_ids: [1],
  sparkline: Array.from({ length: 24 }, (_, hour) => hour % 5),
  ...with_,
})

export const event = (with_: Partial<Event> = {}): Event => ({
  id: '1.1',
  occurred_at: ago(5),
  received_at: ago(5),
  level: 'error',
  logger: 'checkout.payments',
  message: 'payment 4711 declined: card expired',
  exception: null,
  attributes: { service: { name: 'checkout' }, 'http.status_code': 402 },
  source_id: 1,
  ...with_,
})

export const issueDetail = (with_: Partial<IssueDetail> = {}): IssueDetail => ({
  ...issue(),
  fingerprints: [{ fingerprint: 'a1b2c3', template: 'payment <n> declined: card expired', version: 1 }],
  sources: [{ id: 1, name: 'HTTP', kind: 'http' }],
  latest_event: event(),
  ...with_,
})

export const source = (with_: Partial<Source> = {}): Source => ({
  id: 1,
  project: 'web-shop',
  kind: 'file',
  name: 'checkout log',
  settings: { glob: '/var/log/checkout/*.log' },
  enabled: true,
  health: 'healthy',
  failures: 0,
  last_error: null,
  last_error_at: null,
  last_success_at: ago(1),
  last_event_at: ago(2),
  events: 5_120,
  rejected: 3,
  rejections: [{ reason: 'not_json', pieces: 3, last_at: ago(9), example: 'line 4: not a JSON event' }],
  trend: Array.from({ length: 24 }, () => 10),
  files: [{ path: '/var/log/checkout/a.log', read_bytes: 20_480 }],
  ...with_,
})

export const poll = (with_: Partial<Poll> = {}): Poll => ({
  id: 1,
  started_at: ago(1),
  duration_ms: 12,
  outcome: 'read',
  events: 40,
  bytes: 8_000,
  message: null,
  ...with_,
})

export const key = (with_: Partial<Key> = {}): Key => ({
  id: 1,
  name: 'checkout',
  secret_hint: 'sq_abc…',
  scope: 'ingest',
  created_at: ago(100),
  last_used_at: null,
  revoked_at: null,
  ...with_,
})

export const topIssue = (with_: Partial<TopIssue> = {}): TopIssue => ({
  ...issue(),
  events_in_window: 321,
  ...with_,
})

export const statistics = (with_: Partial<Statistics> = {}): Statistics => ({
  step_seconds: 3_600,
  volume: Array.from({ length: 24 }, (_, hour) => ({
    at: ago((24 - hour) * 60),
    levels: { info: 100, error: hour },
  })),
  totals: {
    events: 2_676,
    errors: 276,
    issues_open: 4,
    issues_new: 2,
    sources: 3,
    sources_failing: 1,
    inbox_waiting: 0,
    set_aside: 0,
    rejected: 0,
  },
  previous: { events: 1_338, errors: 552, issues_new: 0 },
  top_issues: [topIssue()],
  ...with_,
})

export const readiness = (with_: Partial<Readiness['checks']> = {}, status = 'ready'): Readiness => ({
  status,
  checks: {
    database: { ok: true, message: 'The database answers.' },
    schema: { ok: true, message: 'The schema fits.', expected: 1, found: 1 },
    queue: {
      ok: true,
      message: 'Batches are digested as they come.',
      waiting: 0,
      oldest_seconds: 0,
      set_aside: 0,
    },
    redis: { ok: true, message: 'Not configured.', configured: false },
    stream: { ok: true, message: 'One page or program receives live updates.', subscribers: 1 },
    ...with_,
  },
})

export const liveIssue = (with_: Partial<LiveIssue> = {}): LiveIssue => {
  const { sparkline: _, ...rest } = issue()
  return { ...rest, ...with_ }
}

export const backups = (with_: Partial<Backups> = {}): Backups => ({
  ok: true,
  message: 'A backup from the last 26 hours has been restored and compared.',
  newest_proven_age_seconds: 3600,
  drills: [
    {
      backup_id: '20261121T010000Z-9f3a',
      location: '/var/backups/squall',
      made_at: '2026-11-21T01:00:00Z',
      proven_at: '2026-11-21T01:02:00Z',
      ok: true,
      duration_ms: 42_000,
      bytes: 73_400_320,
      rows: 1_234_567,
    },
  ],
  ...with_,
})

export const page = <T>(items: T[], next_cursor: string | null = null) => ({ items, next_cursor })
