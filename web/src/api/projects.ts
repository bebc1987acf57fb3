import { queryOptions } from '@tanstack/react-query'
import { api, type Body, data } from './client'

export const projectsQuery = queryOptions({
  queryKey: ['projects'],
  queryFn: ({ signal }) => data(api.GET('/api/v1/projects', { signal })),
  select: (page) => page.items,
  staleTime: 30_000,
})

export const keysQuery = (slug: string) =>
  queryOptions({
    queryKey: ['keys', slug],
    queryFn: ({ signal }) =>
      data(api.GET('/api/v1/projects/{slug}/keys', { params: { path: { slug } }, signal })),
    select: (page) => page.items,
  })

export const addProject = (body: Body<'/api/v1/projects', 'post'>) =>
  data(api.POST('/api/v1/projects', { body }))
export const addKey = (slug: string, name: string) =>
  data(api.POST('/api/v1/projects/{slug}/keys', { params: { path: { slug } }, body: { name } }))
export const revokeKey = (slug: string, id: number) =>
  data(api.DELETE('/api/v1/projects/{slug}/keys/{id}', { params: { path: { slug, id } } }))
