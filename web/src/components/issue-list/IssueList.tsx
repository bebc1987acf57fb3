import { Link } from '@tanstack/react-router'
import { memo } from 'react'
import type { Issue } from '@/api/model'
import { absolute, compact, grouped } from '../format'
import { IssueTitle, LevelBadge, Sparkline, StatusMark } from '../marks'
import { Time } from '../Time'
import './issue-list.css'

type Row = Issue & { events_in_window?: number }

/** Issues as rows. Each row is a link that `j` and `k` move to. */
export function IssueList({
  issues,
  label,
  showProject,
}: {
  issues: Row[]
  label: string
  showProject: boolean
}) {
  return (
    <div className="issue-list">
      <div className="issue-head" aria-hidden="true">
        <span>Level</span>
        <span>Issue</span>
        <span>Last 24 h</span>
        <span className="number">Events</span>
        <span>Last seen</span>
        <span className="first-seen">First seen</span>
      </div>
      <ol aria-label={label}>
        {issues.map((issue) => (
          <IssueRow key={issue.id} issue={issue} showProject={showProject} />
        ))}
      </ol>
    </div>
  )
}

/** Not rendered again by a refresh with the same issue: the cache keeps equal objects. */
const IssueRow = memo(function IssueRow({ issue, showProject }: { issue: Row; showProject: boolean }) {
  const events = issue.events_in_window ?? issue.events
  return (
    <li className="issue-row">
      <span>
        <LevelBadge level={issue.level} />
      </span>
      <div className="issue-row__main">
        <Link to="/issues/$id" params={{ id: issue.id }} className="issue-row__title ellipsis" data-row>
          <IssueTitle title={issue.title} />
        </Link>
        <span className="issue-row__meta">
          {issue.status !== 'open' && <StatusMark status={issue.status} />}
          {showProject && <span>{issue.project}</span>}
          {issue.culprit && <span className="ellipsis mono">{issue.culprit}</span>}
        </span>
      </div>
      <span className="issue-row__trend">
        <Sparkline counts={issue.sparkline} level={issue.level} />
      </span>
      <span className="issue-row__events number" title={`${grouped(events)} events`}>
        <span className="hidden-visually">Events: </span>
        {compact(events)}
        <span className="issue-row__unit"> {events === 1 ? 'event' : 'events'}</span>
      </span>
      <span className="last-seen">
        <span className="hidden-visually">Last seen </span>
        <Time at={issue.last_seen} />
      </span>
      <span className="first-seen" title={absolute(issue.first_seen)}>
        <span className="hidden-visually">First seen </span>
        <Time at={issue.first_seen} />
      </span>
    </li>
  )
})
