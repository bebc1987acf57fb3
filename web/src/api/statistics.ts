import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, data } from './client'
import { pollUnlessLive } from './polling'

export const statisticsQuery = (project: string | undefined, hours: number) =>
  queryOptions({
    queryKey: ['statistics', project ?? null, hours],
    queryFn: ({ signal }) =>
      data(api.GET('/api/v1/statistics', { params: { query: { project, hours } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: pollUnlessLive,
  })
