import { useQuery } from '@tanstack/react-query'
import { Link, useLocation, useSearch } from '@tanstack/react-router'
import { type ComponentType, Suspense, useState } from 'react'
import { newestIssueQuery } from '@/api/issues'
import type { Project, Statistics } from '@/api/model'
import { EAGER_POLL_MS } from '@/api/polling'
import { projectsQuery } from '@/api/projects'
import { statisticsQuery } from '@/api/statistics'
import { IssueList } from '@/components/issue-list/IssueList'
import { Loaded } from '@/components/Loaded'
import { Page } from '@/components/Page'
import { HOURS, RANGE_WORDS, RANGES, type Range } from '@/components/ranges'
import { Card, EmptyState, ErrorState, SkeletonRows } from '@/components/states'
import './overview.css'
import { Totals, TotalsLoading } from './Totals'
import { VolumeChart } from './VolumeChart'

type Guides = { FirstEvent: ComponentType<{ project: Project }>; AddProject: ComponentType }

/** Recent activity, or how to send events if none have arrived yet. */
export function OverviewPage({ FirstEvent, AddProject }: Guides) {
  const { project, range = '24h' } = useSearch({ from: '/app/' })
  const projects = useQuery(projectsQuery)
  const statistics = useQuery(statisticsQuery(project, HOURS[range]))
  const isQuiet = statistics.data?.totals.events === 0 && statistics.data.totals.issues_open === 0
  // Asked only if the window is empty: is the project quiet, or has it never received an event?
  const newest = useQuery({ ...newestIssueQuery(project, EAGER_POLL_MS), enabled: isQuiet })
  const isUnheardOf = isQuiet && newest.data === null
  // The guide stays when the first event arrives, to lead to it; it ends when the user navigates.
  const visit = useLocation({ select: ({ state }) => state.__TSR_key })
  const [guided, setGuided] = useState<string>()
  if (isUnheardOf && guided !== visit) setGuided(visit)
  const first = projects.data?.find(({ slug }) => slug === project) ?? projects.data?.[0]

  if (projects.data?.length === 0) return <AddFirstProject AddProject={AddProject} />
  if ((isUnheardOf || (guided !== undefined && guided === visit)) && first) {
    return (
      <Page title={`Send ${first.name} its first event`}>
        <Suspense fallback={<SkeletonRows what="the guide" />}>
          <FirstEvent project={first} />
        </Suspense>
      </Page>
    )
  }
  return (
    <Page title="Overview" side={<RangeLinks />}>
      {statistics.error && !statistics.data ? (
        <div className="card">
          <ErrorState error={statistics.error} what="The overview" retry={() => statistics.refetch()} />
        </div>
      ) : (
        <Loaded query={statistics} what="The overview" skeleton={<OverviewLoading range={range} />}>
          {(data) => (
            <OverviewParts
              statistics={data}
              range={range}
              showProject={!project && (projects.data?.length ?? 0) > 1}
            />
          )}
        </Loaded>
      )}
    </Page>
  )
}

function OverviewParts({
  statistics,
  range,
  showProject,
}: {
  statistics: Statistics
  range: Range
  showProject: boolean
}) {
  const { top_issues } = statistics
  return (
    <>
      <Totals statistics={statistics} range={range} />
      <Card title="Volume by level">
        <VolumeChart statistics={statistics} range={range} />
      </Card>
      <Card
        title="Top issues"
        side={
          <Link to="/issues" className="small">
            All issues
          </Link>
        }
        flush
      >
        {top_issues.length > 0 ? (
          <IssueList issues={top_issues} label="Top issues" showProject={showProject} />
        ) : (
          <EmptyState icon="check" title={`No issues in the last ${RANGE_WORDS[range]}`}>
            <p>Choose a longer range above, or enjoy the quiet.</p>
          </EmptyState>
        )}
      </Card>
    </>
  )
}

function RangeLinks() {
  return (
    <nav className="segments" aria-label="Range">
      {RANGES.map((each) => (
        <Link
          key={each}
          to="/"
          search={(before) => ({ ...before, range: each === '24h' ? undefined : each })}
          replace
          activeOptions={{ exact: true }}
          aria-label={`Last ${RANGE_WORDS[each]}`}
        >
          {each}
        </Link>
      ))}
    </nav>
  )
}

function OverviewLoading({ range }: { range: Range }) {
  return (
    <>
      <TotalsLoading range={range} />
      <Card title="Volume by level">
        <span className="skeleton overview__chart" role="status" aria-label="Loading the volume" />
      </Card>
      <Card title="Top issues" flush>
        <SkeletonRows what="issues" rows={10} />
      </Card>
    </>
  )
}

function AddFirstProject({ AddProject }: Pick<Guides, 'AddProject'>) {
  return (
    <Page title="Add a project">
      <Card>
        <Suspense fallback={<SkeletonRows what="the form" rows={2} />}>
          <AddProject />
        </Suspense>
      </Card>
    </Page>
  )
}
