// Applies messages of the stream to cached answers: numbers change in place, and no row moves under a pointer.
import type { InfiniteData, Query, QueryClient } from '@tanstack/react-query'
import type { Issue, IssueDetail, IssuePage, LiveCounts, LiveIssue, Statistics } from '../model'
import { POLL_MS } from '../polling'

/** What the stream keeps up to date, by the first word of its query key. */
const LIVE_KEYS = ['statistics', 'issues', 'issue']

/** Counts arrive at most this long after the events were stored: an answer that is newer may already include them. */
const COUNTED_MS = 1_500

/** Messages of this period are applied together: a hundred issues a second cost a few renderings, not a hundred. */
const BATCH_MS = 50

/** How often the page of an issue reloads its events and trend while new events arrive. */
const WATCHED_MS = 2_000

/** Applies messages to one query cache. */
export function patcher(queryClient: QueryClient, now: () => number = Date.now) {
  const overview = paced(POLL_MS, () => void queryClient.invalidateQueries({ queryKey: ['statistics'] }))
  const emptyLists = paced(WATCHED_MS, () => void queryClient.invalidateQueries({ predicate: isEmptyList }))
  const watched = new Map<number, ReturnType<typeof paced>>()
  const waiting = new Map<number, LiveIssue>()
  let timer: ReturnType<typeof setTimeout> | undefined

  function change<T>(queryKey: readonly unknown[], update: (data: T, query: Query) => T) {
    for (const query of queryClient.getQueryCache().findAll({ queryKey })) {
      const { data, dataUpdatedAt } = query.state
      if (data === undefined) continue
      // The data keeps its age: a change in place is not an answer of the server.
      queryClient.setQueryData(query.queryKey, update(data as T, query), { updatedAt: dataUpdatedAt })
    }
  }

  function issue(changed: LiveIssue, isNew: boolean) {
    waiting.set(changed.id, changed)
    timer ??= setTimeout(flush, BATCH_MS)
    if (!isNew) return
    overview.soon()
    // An empty list has no rows to move.
    emptyLists.soon()
  }

  function flush() {
    timer = undefined
    const changed = new Map(waiting)
    waiting.clear()
    change<InfiniteData<IssuePage> | IssuePage>(['issues'], (data) =>
      'pages' in data
        ? { ...data, pages: data.pages.map((page) => ({ ...page, items: patched(page.items, changed) })) }
        : { ...data, items: patched(data.items, changed) },
    )
    change<Statistics>(['statistics'], (data) => ({ ...data, top_issues: patched(data.top_issues, changed) }))
    for (const issue of changed.values()) {
      change<unknown>(['issue', issue.id], (data) => (isDetail(data) ? inPlace(data, issue) : data))
      watch(issue.id)
    }
  }

  function watch(id: number) {
    const isOpen = queryClient
      .getQueryCache()
      .find({ queryKey: ['issue', id] })
      ?.isActive()
    if (!isOpen) return watched.delete(id)
    const soon =
      watched.get(id) ?? paced(WATCHED_MS, () => queryClient.invalidateQueries({ queryKey: ['issue', id] }))
    watched.set(id, soon)
    soon.soon()
  }

  function counts(message: LiveCounts) {
    let isBeyond = false
    change<Statistics>(['statistics'], (data, query) => {
      const [, project] = query.queryKey
      // Rather miss a second than count it twice: then the next answer never lowers a number.
      if ((project && project !== message.project) || now() - COUNTED_MS < query.state.dataUpdatedAt)
        return data
      const added = withCounts(data, message)
      isBeyond ||= added === null
      return added ?? data
    })
    // A new step has begun, which only the server can provide.
    if (isBeyond) overview.soon()
  }

  return {
    issue,
    counts,
    /** Reload everything that the stream keeps up to date. */
    stale: () =>
      void queryClient.invalidateQueries({
        predicate: ({ queryKey: [word] }) => LIVE_KEYS.includes(String(word)),
      }),
    stop() {
      clearTimeout(timer)
      overview.stop()
      emptyLists.stop()
      for (const each of watched.values()) each.stop()
    },
  }
}

/** The rows, with the changed issues in their places. */
function patched<T extends Issue>(rows: T[], changed: Map<number, LiveIssue>): T[] {
  return rows.map((row) => {
    const issue = changed.get(row.id)
    return issue ? inPlace(row, issue) : row
  })
}

/** The current state of one issue. Messages have no hourly counts: new events belong to the last hour. */
function inPlace<T extends Issue & { events_in_window?: number }>(row: T, issue: LiveIssue): T {
  const added = Math.max(0, issue.events - row.events)
  return {
    ...row,
    ...issue,
    sparkline: row.sparkline.map((count, hour) =>
      hour === row.sparkline.length - 1 ? count + added : count,
    ),
    ...(row.events_in_window !== undefined && { events_in_window: row.events_in_window + added }),
  }
}

function isEmptyList({ queryKey: [word], state: { data } }: Query): boolean {
  const pages = (data as Partial<InfiniteData<IssuePage>> | undefined)?.pages
  return word === 'issues' && pages !== undefined && pages.every(({ items }) => items.length === 0)
}

function isDetail(data: unknown): data is IssueDetail {
  return typeof data === 'object' && data !== null && 'sparkline' in data
}

/** The statistics with the counts added; null if a minute is after the last step. */
function withCounts(data: Statistics, counts: LiveCounts): Statistics | null {
  const starts = data.volume.map(({ at }) => Date.parse(at))
  const step = data.step_seconds * 1000
  const volume = [...data.volume]
  const totals = { ...data.totals }
  for (const { at, levels } of counts.minutes) {
    const index = Math.floor((Date.parse(at) - (starts[0] ?? 0)) / step)
    const before = volume[index]
    if (index >= volume.length) return null
    if (!before) continue
    const sums = { ...before.levels }
    for (const [level, events] of Object.entries(levels)) {
      sums[level] = (sums[level] ?? 0) + events
      totals.events += events
      if (level === 'error' || level === 'fatal') totals.errors += events
    }
    volume[index] = { ...before, levels: sums }
  }
  return { ...data, volume, totals }
}

/** Runs the action at once, and then at most once per period. */
function paced(ms: number, action: () => unknown) {
  let timer: ReturnType<typeof setTimeout> | undefined
  let isAsked = false
  function rest() {
    timer = setTimeout(() => {
      timer = undefined
      if (!isAsked) return
      isAsked = false
      action()
      rest()
    }, ms)
  }
  return {
    soon() {
      if (timer) {
        isAsked = true
        return
      }
      action()
      rest()
    },
    stop: () => clearTimeout(timer),
  }
}
