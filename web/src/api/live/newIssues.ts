// New issues from the stream, for pages that offer to show them instead of moving their rows.
import { useSyncExternalStore } from 'react'
import type { IssueFilter } from '../issues'
import { LEVELS, type LiveIssue } from '../model'

/** No one counts more than this; a list that is reloaded starts from zero. */
const MAX_ISSUES = 200

/** A message may overtake a list that was read before it, so that slightly older messages are compared with its rows. */
const READ_MS = 2_000

type Arrived = { issue: LiveIssue; at: number }

let arrived: Arrived[] = []
const listeners = new Set<() => void>()

export function noteNewIssue(issue: LiveIssue): void {
  arrived = [...arrived.slice(1 - MAX_ISSUES), { issue, at: Date.now() }]
  for (const each of listeners) each()
}

/** How many new issues are missing at the top of a list that was loaded at this time with these rows. */
export function useNewIssues(filter: IssueFilter, readAt: number, shown: { id: number }[]): number {
  const all = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => arrived,
  )
  // In another order, a new issue would rarely be at the top.
  const isByTime = filter.sort === undefined || filter.sort === 'last_seen' || filter.sort === 'first_seen'
  if (!isByTime) return 0
  const isMissing = ({ issue, at }: Arrived) =>
    at > readAt - READ_MS && isAmong(filter, issue) && !shown.some(({ id }) => id === issue.id)
  return new Set(all.filter(isMissing).map(({ issue }) => issue.id)).size
}

/** Whether a list with this filter would show the issue, as far as the page can know. */
function isAmong(filter: IssueFilter, issue: LiveIssue): boolean {
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
