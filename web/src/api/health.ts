import { queryOptions } from '@tanstack/react-query'
import { ApiError, api, data } from './client'
import type { Readiness } from './model'
import { POLL_MS } from './polling'

/** The checks of /readyz. If one fails, the answer is a 503 with the checks in its details. */
export const readinessQuery = queryOptions({
  queryKey: ['readiness'],
  queryFn: async ({ signal }): Promise<Readiness> => {
    try {
      return await data(api.GET('/readyz', { signal }))
    } catch (error) {
      if (error instanceof ApiError && hasChecks(error.details)) return error.details
      throw error
    }
  },
  refetchInterval: POLL_MS,
})

const hasChecks = (details: unknown): details is Readiness =>
  typeof details === 'object' && details !== null && 'checks' in details

export const versionQuery = queryOptions({
  queryKey: ['version'],
  queryFn: async ({ signal }) => (await data(api.GET('/healthz', { signal }))).version,
  staleTime: Number.POSITIVE_INFINITY,
})
