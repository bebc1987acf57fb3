import { queryOptions } from '@tanstack/react-query'
import { api, type Body, data } from './client'

/** The signed-in user; fails with 401 if there is no session. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => data(api.GET('/api/v1/session', { signal })),
  staleTime: 60_000,
})

/** Whether the first admin is missing. */
export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: ({ signal }) => data(api.GET('/api/v1/setup', { signal })),
})

export const setUp = (body: Body<'/api/v1/setup', 'post'>) => data(api.POST('/api/v1/setup', { body }))
export const signIn = (body: Body<'/api/v1/session', 'post'>) => data(api.POST('/api/v1/session', { body }))
export const signOut = () => data(api.DELETE('/api/v1/session'))
