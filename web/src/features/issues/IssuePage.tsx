import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { issueQuery } from '@/api/issues'
import type { IssueDetail } from '@/api/model'
import { Icon } from '@/components/Icon'
import { Loaded } from '@/components/Loaded'
import { IssueTitle, LevelBadge, StatusMark } from '@/components/marks'
import { useTitle } from '@/components/Page'
import { IssueEvents } from './IssueEvents'
import { IssueFacts } from './IssueFacts'
import { IssueTrend } from './IssueTrend'
import { StatusActions } from './StatusActions'
import './issue.css'

/** One issue: its trend, events and facts. */
export function IssuePage() {
  const { id } = useParams({ from: '/app/issues/$id' })
  const query = useQuery(issueQuery(id))
  useTitle(query.data?.title ?? `Issue ${id}`)
  return (
    <div className="page" key={id}>
      <nav aria-label="Back">
        <Link to="/issues" className="issue__back">
          <Icon name="left" size={14} /> Issues
        </Link>
      </nav>
      <Loaded query={query} what="This issue" skeleton={<IssueSkeleton />}>
        {(issue) => <IssueParts issue={issue} />}
      </Loaded>
    </div>
  )
}

function IssueParts({ issue }: { issue: IssueDetail }) {
  return (
    <>
      <div className="issue__head">
        <div className="row">
          <LevelBadge level={issue.level} />
          <StatusMark status={issue.status} />
          <span className="small faint">
            #{issue.id} · {issue.project}
          </span>
        </div>
        <h1>
          <IssueTitle title={issue.title} />
        </h1>
        <div className="row spread">
          <span className="muted mono small issue__culprit">{issue.culprit}</span>
          <StatusActions issue={issue} />
        </div>
      </div>
      <div className="issue__columns">
        <div className="stack">
          <IssueTrend id={issue.id} level={issue.level} />
          <IssueEvents issue={issue} />
        </div>
        <IssueFacts issue={issue} />
      </div>
    </>
  )
}

function IssueSkeleton() {
  return (
    <div className="stack" role="status" aria-label="Loading the issue">
      <span className="skeleton skeleton--title" />
      <span className="skeleton skeleton--short" />
      <span className="skeleton skeleton--block" />
      <span className="skeleton skeleton--block" />
    </div>
  )
}
