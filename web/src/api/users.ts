import { queryOptions } from '@tanstack/react-query'
import { type Body, request } from './client'

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: ({ signal }) => request('get', '/api/v1/users', { signal }),
  select: (page) => page.items,
})

export const addUser = (body: Body<'/api/v1/users', 'post'>) => request('post', '/api/v1/users', { body })
export const changeUser = (id: number, body: Body<'/api/v1/users/{id}', 'patch'>) =>
  request('patch', '/api/v1/users/{id}', { path: { id }, body })
