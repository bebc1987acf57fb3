import { queryOptions } from '@tanstack/react-query'
import { ApiError } from './client'
import type { Readiness } from './model'
import { POLL_MS } from './polling'

/** The checks of /readyz, which answers 503 with them as details when one fails. */
export const readinessQuery = queryOptions({
  queryKey: ['readiness'],
  queryFn: async ({ signal }): Promise<Readiness> => {
    const response = await fetch('/readyz', { signal, headers: { Accept: 'application/json' } }).catch(
      (cause) => {
        if (signal.aborted) throw cause
        throw new ApiError(
          0,
          'unreachable',
          'The Squall server cannot be reached. Start it, or check the network between here and it.',
        )
      },
    )
    const body: unknown = await response.json().catch(() => null)
    for (const found of [body, detailsOf(body)]) {
      if (isObject(found) && 'checks' in found) return found as Readiness
    }
    const id = response.headers.get('x-request-id')
    throw new ApiError(
      response.status,
      'unexpected',
      `/readyz answered ${response.status}, but not with its checks.`,
      id,
    )
  },
  refetchInterval: POLL_MS,
})

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
const detailsOf = (body: unknown) => (isObject(body) && 'details' in body ? body.details : null)

export const versionQuery = queryOptions({
  queryKey: ['version'],
  queryFn: async ({ signal }) => {
    const response = await fetch('/healthz', { signal })
    return ((await response.json()) as { version?: string }).version ?? null
  },
  staleTime: Number.POSITIVE_INFINITY,
})
