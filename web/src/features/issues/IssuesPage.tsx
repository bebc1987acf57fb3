import { type InfiniteData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { type IssueFilter, issuesQuery } from '@/api/issues'
import type { IssuePage } from '@/api/model'
import { projectsQuery } from '@/api/projects'
import { Button, buttonClass } from '@/components/Button'
import { counted } from '@/components/format'
import { IssueList } from '@/components/issue-list/IssueList'
import { Loaded } from '@/components/Loaded'
import { Page } from '@/components/Page'
import { HOURS } from '@/components/ranges'
import { EmptyState, SkeletonRows } from '@/components/states'
import { type Filters, IssueFilters } from './IssueFilters'
import './issues.css'
import { NewIssues } from './NewIssues'

/** The issues of a project, with the filter from the URL. */
export function IssuesPage() {
  const { project, ...filters } = useSearch({ from: '/app/issues' })
  const navigate = useNavigate()
  const filter = asked(project, filters)
  const query = useInfiniteQuery(issuesQuery(filter))
  const queryClient = useQueryClient()
  const { data: projects } = useQuery(projectsQuery)
  const issues = useMemo(() => query.data?.pages.flatMap(({ items }) => items), [query.data])
  const total = query.data?.pages.at(-1)?.total
  const narrowed = Object.values(filters).some((value) => value !== undefined)

  /** Each change is a new history entry, except for typing. */
  function change(filters: Filters, replace = false) {
    void navigate({ to: '/issues', search: (before) => ({ ...before, ...filters }), replace })
  }

  /** Reload the list from its start. */
  function showNew() {
    queryClient.setQueryData<InfiniteData<IssuePage>>(
      issuesQuery(filter).queryKey,
      (data) => data && firstPage(data),
    )
    void query.refetch()
    window.scrollTo({ top: 0 })
  }

  return (
    <Page title="Issues">
      <IssueFilters filters={filters} project={project} onChange={change} />
      <NewIssues filter={filter} readAt={query.dataUpdatedAt} shown={issues ?? []} onShow={showNew} />
      <section className="card" aria-label="Issues found" aria-busy={query.isPlaceholderData}>
        <div className="card__head">
          <p className="small muted" aria-live="polite">
            {total ? `${counted(total.issues, 'issue')}, ${counted(total.events, 'event')}` : '…'}
          </p>
          <span className="small faint issues__hint">
            <kbd className="kbd">j</kbd> <kbd className="kbd">k</kbd> to move
          </span>
        </div>
        <Loaded
          query={{ ...query, data: issues }}
          what="Issues"
          skeleton={<SkeletonRows rows={10} what="issues" />}
        >
          {(issues) =>
            issues.length > 0 ? (
              <IssueList
                issues={issues}
                label="Issues"
                showProject={!project && (projects?.length ?? 0) > 1}
              />
            ) : (
              <NoIssues narrowed={narrowed} />
            )
          }
        </Loaded>
      </section>
      {query.hasNextPage && (
        <div className="issues__more">
          <Button onClick={() => query.fetchNextPage()} disabled={query.isFetchingNextPage}>
            {query.isFetchingNextPage ? 'Loading…' : 'Load more'}
          </Button>
        </div>
      )}
    </Page>
  )
}

function firstPage({ pages, pageParams }: InfiniteData<IssuePage>): InfiniteData<IssuePage> {
  return { pages: pages.slice(0, 1), pageParams: pageParams.slice(0, 1) }
}

/** Without a status in the URL, open issues are shown. */
function asked(project: string | undefined, { since, status, ...rest }: Filters): IssueFilter {
  return {
    ...rest,
    project,
    status: status === 'all' ? undefined : (status ?? 'open'),
    sinceHours: since && HOURS[since],
  }
}

function NoIssues({ narrowed }: { narrowed: boolean }) {
  if (narrowed) {
    return (
      <EmptyState icon="search" title="No issue matches">
        <p>Widen the time, lower the level, or take a word out of the search.</p>
        <Link to="/issues" search={({ project }) => ({ project })} className={buttonClass()}>
          Clear all filters
        </Link>
      </EmptyState>
    )
  }
  return (
    <EmptyState icon="check" title="No open issues">
      <p>
        Issues appear here within a second of their first event. Nothing sent yet? The overview shows how.
      </p>
      <Link to="/" className={buttonClass()}>
        Go to the overview
      </Link>
    </EmptyState>
  )
}
