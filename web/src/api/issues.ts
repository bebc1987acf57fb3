import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, data } from './client'
import type { IssueQuery, IssueStatus } from './model'
import { pollListUnlessLive, pollUnlessLive } from './polling'

/** The filter of a list; `sinceHours` counts back from the time of each request. */
export type IssueFilter = Pick<IssueQuery, 'project' | 'level' | 'status' | 'source' | 'q' | 'sort'> & {
  sinceHours?: number
}

/** A list with more loaded pages is not polled, only reloaded when the user returns to it. */
const POLLED_PAGES = 3

export const issuesQuery = (filter: IssueFilter) =>
  infiniteQueryOptions({
    queryKey: ['issues', filter],
    queryFn: ({ pageParam, signal }) => {
      const { sinceHours, ...query } = filter
      const since = sinceHours && new Date(Date.now() - sinceHours * 3_600_000).toISOString()
      return data(
        api.GET('/api/v1/issues', {
          params: { query: { ...query, since: since || undefined, cursor: pageParam ?? undefined } },
          signal,
        }),
      )
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (query.state.data?.pages.length ?? 0) <= POLLED_PAGES && pollListUnlessLive(),
  })

/** The newest issue of a project, for the page that waits for the first event. */
export const newestIssueQuery = (project: string | undefined, every: number) =>
  queryOptions({
    queryKey: ['issues', 'newest', project ?? null],
    queryFn: ({ signal }) =>
      data(
        api.GET('/api/v1/issues', { params: { query: { project, sort: 'last_seen', limit: 1 } }, signal }),
      ),
    select: (page) => page.items[0] ?? null,
    refetchInterval: every,
  })

export const issueQuery = (id: number) =>
  queryOptions({
    queryKey: ['issue', id],
    queryFn: ({ signal }) => data(api.GET('/api/v1/issues/{id}', { params: { path: { id } }, signal })),
    refetchInterval: pollUnlessLive,
  })

export const trendQuery = (id: number, hours: number) =>
  queryOptions({
    queryKey: ['issue', id, 'trend', hours],
    queryFn: ({ signal }) =>
      data(api.GET('/api/v1/issues/{id}/trend', { params: { path: { id }, query: { hours } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: pollUnlessLive,
  })

export const eventsQuery = (id: number) =>
  infiniteQueryOptions({
    queryKey: ['issue', id, 'events'],
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET('/api/v1/issues/{id}/events', {
          params: { path: { id }, query: { limit: 25, cursor: pageParam ?? undefined } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: (query) => (query.state.data?.pages.length ?? 0) <= POLLED_PAGES && pollUnlessLive(),
  })

export const changeIssue = (id: number, status: IssueStatus) =>
  data(api.PATCH('/api/v1/issues/{id}', { params: { path: { id } }, body: { status } }))
