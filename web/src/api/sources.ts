import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { type Body, request } from './client'
import { POLL_MS } from './polling'

export const sourcesQuery = (project?: string) =>
  queryOptions({
    queryKey: ['sources', project ?? null],
    queryFn: ({ signal }) => request('get', '/api/v1/sources', { query: { project }, signal }),
    select: (page) => page.items,
    placeholderData: keepPreviousData,
    refetchInterval: POLL_MS,
  })

export const sourceQuery = (id: number) =>
  queryOptions({
    queryKey: ['source', id],
    queryFn: ({ signal }) => request('get', '/api/v1/sources/{id}', { path: { id }, signal }),
    refetchInterval: POLL_MS,
  })

/** The latest polls; the server keeps no more of them than fit on a page. */
export const pollsQuery = (id: number) =>
  queryOptions({
    queryKey: ['source', id, 'polls'],
    queryFn: ({ signal }) => request('get', '/api/v1/sources/{id}/polls', { path: { id }, signal }),
    select: (page) => page.items,
    refetchInterval: POLL_MS,
  })

export const addFileSource = (project: string, name: string, glob: string) =>
  request('post', '/api/v1/sources', { body: { project, kind: 'file', name, settings: { glob } } })
export const changeSource = (id: number, body: Body<'/api/v1/sources/{id}', 'patch'>) =>
  request('patch', '/api/v1/sources/{id}', { path: { id }, body })
export const removeSource = (id: number) => request('delete', '/api/v1/sources/{id}', { path: { id } })
