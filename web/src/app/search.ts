// The search parameters of each page. An unknown value is dropped instead of being an error: links are typed by hand, and
// older than the current version.
import { type IssueStatus, LEVELS, type Level, STATUSES } from '@/api/model'
import { HOURS, RANGES, type Range, SORTS, type Sort, SPANS, type Span } from '@/components/ranges'

type Raw = Record<string, unknown>
type IssuesSearch = {
  level?: Level
  status?: IssueStatus | 'all'
  source?: number
  q?: string
  since?: Span
  sort?: Sort
}

export const projectSearch = (raw: Raw): { project?: string } => {
  const project = text(raw.project)
  return project ? { project } : {}
}
export const overviewSearch = (raw: Raw): { range?: Range } => ({ range: oneOf(RANGES, raw.range) })
export const signInSearch = (raw: Raw): { next?: string } => ({ next: text(raw.next) })
export const issueSearch = (raw: Raw): { range?: Span; event?: string } => ({
  range: oneOf(SPANS, raw.range),
  event: text(raw.event),
})
export const issuesSearch = (raw: Raw): IssuesSearch => ({
  level: oneOf(LEVELS, raw.level),
  status: oneOf([...STATUSES, 'all'] as const, raw.status),
  source: Number(raw.source) || undefined,
  q: text(raw.q),
  since: oneOf(SPANS, raw.since),
  sort: oneOf(SORTS, raw.sort),
})

export const hoursOf = (range: Range | undefined) => HOURS[range ?? '24h']

/** Values stay plain text in the URL, so that `q=404` and the id of an event remain as typed. */
export const parseSearch = (search: string): Raw => Object.fromEntries(new URLSearchParams(search))

export function stringifySearch(search: Raw): string {
  const given = Object.entries(search).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  )
  return given.length > 0 ? `?${new URLSearchParams(given)}` : ''
}

function oneOf<const T extends string>(known: readonly T[], value: unknown): T | undefined {
  return known.find((each) => each === value)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
