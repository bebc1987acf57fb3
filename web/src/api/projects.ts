import { queryOptions } from '@tanstack/react-query'
import { type Body, request } from './client'

export const projectsQuery = queryOptions({
  queryKey: ['projects'],
  queryFn: ({ signal }) => request('get', '/api/v1/projects', { signal }),
  select: (page) => page.items,
  staleTime: 30_000,
})

export const keysQuery = (slug: string) =>
  queryOptions({
    queryKey: ['keys', slug],
    queryFn: ({ signal }) => request('get', '/api/v1/projects/{slug}/keys', { path: { slug }, signal }),
    select: (page) => page.items,
  })

export const addProject = (body: Body<'/api/v1/projects', 'post'>) =>
  request('post', '/api/v1/projects', { body })
export const addKey = (slug: string, name: string) =>
  request('post', '/api/v1/projects/{slug}/keys', { path: { slug }, body: { name } })
export const revokeKey = (slug: string, id: number) =>
  request('delete', '/api/v1/projects/{slug}/keys/{id}', { path: { slug, id } })
