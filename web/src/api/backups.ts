import { queryOptions } from '@tanstack/react-query'
import { api, data } from './client'

/** Drills run a few times a day: once a minute is enough. */
const BACKUPS_POLL_MS = 60_000

export const backupsQuery = queryOptions({
  queryKey: ['backups'],
  queryFn: ({ signal }) => data(api.GET('/api/v1/backups', { signal })),
  refetchInterval: BACKUPS_POLL_MS,
})
