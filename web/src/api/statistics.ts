import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { request } from './client'
import { pollUnlessLive } from './polling'

export const statisticsQuery = (project: string | undefined, hours: number) =>
  queryOptions({
    queryKey: ['statistics', project ?? null, hours],
    queryFn: ({ signal }) => request('get', '/api/v1/statistics', { query: { project, hours }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: pollUnlessLive,
  })
