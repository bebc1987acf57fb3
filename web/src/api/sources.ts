import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, type Body, data } from './client'
import { POLL_MS } from './polling'

export const sourcesQuery = (project?: string) =>
  queryOptions({
    queryKey: ['sources', project ?? null],
    queryFn: ({ signal }) => data(api.GET('/api/v1/sources', { params: { query: { project } }, signal })),
    select: (page) => page.items,
    placeholderData: keepPreviousData,
    refetchInterval: POLL_MS,
  })

export const sourceQuery = (id: number) =>
  queryOptions({
    queryKey: ['source', id],
    queryFn: ({ signal }) => data(api.GET('/api/v1/sources/{id}', { params: { path: { id } }, signal })),
    refetchInterval: POLL_MS,
  })

/** The latest polls. The server keeps one page of them. */
export const pollsQuery = (id: number) =>
  queryOptions({
    queryKey: ['source', id, 'polls'],
    queryFn: ({ signal }) =>
      data(api.GET('/api/v1/sources/{id}/polls', { params: { path: { id } }, signal })),
    select: (page) => page.items,
    refetchInterval: POLL_MS,
  })

export const addFileSource = (project: string, name: string, glob: string) =>
  data(api.POST('/api/v1/sources', { body: { project, kind: 'file', name, settings: { glob } } }))
export const changeSource = (id: number, body: Body<'/api/v1/sources/{id}', 'patch'>) =>
  data(api.PATCH('/api/v1/sources/{id}', { params: { path: { id } }, body }))
export const removeSource = (id: number) =>
  data(api.DELETE('/api/v1/sources/{id}', { params: { path: { id } } }))
