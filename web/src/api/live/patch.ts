// What is told, put into what pages show: numbers change where they stand, and no row moves under a pointer.
import type { InfiniteData, Query, QueryClient } from '@tanstack/react-query'
import type { Issue, IssueDetail, IssuePage, LiveCounts, LiveIssue, Statistics } from '../model'
import { POLL_MS } from '../polling'

/** Whatever the stream keeps up to date, by the first word of its key. */
const LIVE_KEYS = ['statistics', 'issues', 'issue']

/** Counts arrive this long after they began to be added up, at most: what a page read since may hold them already. */
const COUNTED_MS = 1_500

/** What comes within so long is put in together: a hundred issues a second are a few renderings, not a hundred. */
const TOGETHER_MS = 50

/** How often the page of an issue reads its events and its trend anew while it happens. */
const WATCHED_MS = 2_000

/** Puts what is told into one cache of answers. */
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
      // As old as before: a change in place is no answer of the server's.
      queryClient.setQueryData(query.queryKey, update(data as T, query), { updatedAt: dataUpdatedAt })
    }
  }

  function issue(told: LiveIssue, isNew: boolean) {
    waiting.set(told.id, told)
    timer ??= setTimeout(flush, TOGETHER_MS)
    if (!isNew) return
    overview.soon()
    // Where there is no row, none can be pushed aside.
    emptyLists.soon()
  }

  function flush() {
    timer = undefined
    const told = new Map(waiting)
    waiting.clear()
    change<InfiniteData<IssuePage> | IssuePage>(['issues'], (data) =>
      'pages' in data
        ? { ...data, pages: data.pages.map((page) => ({ ...page, items: patched(page.items, told) })) }
        : { ...data, items: patched(data.items, told) },
    )
    change<Statistics>(['statistics'], (data) => ({ ...data, top_issues: patched(data.top_issues, told) }))
    for (const issue of told.values()) {
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

  function counts(told: LiveCounts) {
    let isBeyond = false
    change<Statistics>(['statistics'], (data, query) => {
      const [, project] = query.queryKey
      // Better a second too few than a second twice: the next answer never takes anything back.
      if ((project && project !== told.project) || now() - COUNTED_MS < query.state.dataUpdatedAt) return data
      const added = withCounts(data, told)
      isBeyond ||= added === null
      return added ?? data
    })
    // A new step begins, or the window moves on: only the server draws it.
    if (isBeyond) overview.soon()
  }

  return {
    issue,
    counts,
    /** Everything that is told may be out of date. */
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

/** The rows with those that were told changed in their places. */
function patched<T extends Issue>(rows: T[], told: Map<number, LiveIssue>): T[] {
  return rows.map((row) => {
    const issue = told.get(row.id)
    return issue ? inPlace(row, issue) : row
  })
}

/** One issue as it is now. What is told lacks the counts by hour: what was added happened in the last of them. */
function inPlace<T extends Issue & { events_in_window?: number }>(row: T, told: LiveIssue): T {
  const added = Math.max(0, told.events - row.events)
  return {
    ...row,
    ...told,
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

/** The statistics with the counts added; null when a minute lies behind the last step. */
export function withCounts(data: Statistics, told: LiveCounts): Statistics | null {
  const starts = data.volume.map(({ at }) => Date.parse(at))
  const step = data.step_seconds * 1000
  const volume = [...data.volume]
  const totals = { ...data.totals }
  for (const { at, levels } of told.minutes) {
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

/** Does something at once, and then no more often than this; what is asked for meanwhile is done once, later. */
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
