import { queryOptions } from '@tanstack/react-query'
import { api, type Body, data } from './client'

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: ({ signal }) => data(api.GET('/api/v1/users', { signal })),
  select: (page) => page.items,
})

export const addUser = (body: Body<'/api/v1/users', 'post'>) => data(api.POST('/api/v1/users', { body }))
export const changeUser = (id: number, body: Body<'/api/v1/users/{id}', 'patch'>) =>
  data(api.PATCH('/api/v1/users/{id}', { params: { path: { id } }, body }))
