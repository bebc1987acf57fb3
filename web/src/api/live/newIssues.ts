// Issues that were told as new, for pages that offer to show them rather than push their rows aside.
import { useSyncExternalStore } from 'react'
import type { IssueFilter } from '../issues'
import { LEVELS, type LiveIssue } from '../model'

/** More than these nobody counts; a page that is read anew begins from none. */
const REMEMBERED = 200

/** An issue may be told before the answer comes that was read before it: what a list lacks shows by its rows. */
const READ_MS = 2_000

type Arrived = { issue: LiveIssue; at: number }

let arrived: Arrived[] = []
const listeners = new Set<() => void>()

export function noteNewIssue(issue: LiveIssue): void {
  arrived = [...arrived.slice(1 - REMEMBERED), { issue, at: Date.now() }]
  for (const each of listeners) each()
}

/** How many issues a list lacks at its top that was read at this moment and holds these. */
export function useNewIssues(filter: IssueFilter, readAt: number, shown: { id: number }[]): number {
  const all = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => arrived,
  )
  // In another order, a new issue would hardly stand where the person is led.
  const isByTime = filter.sort === undefined || filter.sort === 'last_seen' || filter.sort === 'first_seen'
  if (!isByTime) return 0
  const isMissing = ({ issue, at }: Arrived) =>
    at > readAt - READ_MS && isAmong(filter, issue) && !shown.some(({ id }) => id === issue.id)
  return new Set(all.filter(isMissing).map(({ issue }) => issue.id)).size
}

/** Whether a list narrowed like this would show the issue, as far as the page can tell. */
export function isAmong(filter: IssueFilter, issue: LiveIssue): boolean {
  const { project, level, status, source, q } = filter
  const text = `${issue.title} ${issue.culprit ?? ''}`.toLowerCase()
  return (
    (!project || issue.project === project) &&
    (!level || LEVELS.indexOf(issue.level) <= LEVELS.indexOf(level)) &&
    (!status || issue.status === status) &&
    (!source || issue.source_ids.includes(source)) &&
    (q ?? '')
      .toLowerCase()
      .split(/\s+/)
      .every((word) => text.includes(word))
  )
}
