// The network boundary of the component tests: handlers by method and path, typed by the API description.
import { vi } from 'vitest'
import type { Answer } from '@/api/client'
import type { paths } from '@/api/schema'

export type Asked = { url: URL; query: Record<string, string>; params: Record<string, string>; body: unknown }
type Handler<P extends keyof paths, M extends 'get' | 'post' | 'patch' | 'delete'> = (
  asked: Asked,
) => Answer<P, M> | Response | Promise<Answer<P, M> | Response>

export type Handlers = { [P in keyof paths as `GET ${P}`]?: Handler<P, 'get'> } & {
  [P in keyof paths as `POST ${P}`]?: Handler<P, 'post'>
} & { [P in keyof paths as `PATCH ${P}`]?: Handler<P, 'patch'> } & {
  [P in keyof paths as `DELETE ${P}`]?: Handler<P, 'delete'>
}

let unexpected: string[] = []
let received: (Asked & { what: string })[] = []

/** Answers requests with these handlers. */
export function serve(handlers: Handlers): void {
  const routes = Object.entries(handlers).map(([what, handler]) => {
    const [method, path] = what.split(' ') as [string, string]
    return { what, method, pattern: patternOf(path), handler: handler as (asked: Asked) => unknown }
  })
  vi.stubGlobal('fetch', async (request: Request) => {
    const { method } = request
    const url = new URL(request.url)
    const text = await request.text()
    for (const route of routes) {
      const match = route.method === method && route.pattern.exec(url.pathname)
      if (!match) continue
      const asked = {
        url,
        query: Object.fromEntries(url.searchParams),
        params: { ...match.groups },
        body: text ? JSON.parse(text) : undefined,
      }
      received.push({ ...asked, what: route.what })
      const answer = await route.handler(asked)
      if (answer instanceof Response) return answer
      return answer === undefined ? new Response(null, { status: 204 }) : Response.json(answer)
    }
    unexpected.push(`${method} ${url.pathname}`)
    return failure(404, 'not_found', 'This address does not exist.')
  })
}

/** The requests that a handler has answered, oldest first. */
export function requests(what: keyof Handlers): Asked[] {
  return received.filter((each) => each.what === what)
}

/** A response with the error body. */
export function failure(status: number, code: string, message: string, request_id = 'req-7'): Response {
  return Response.json({ code, message, request_id }, { status, headers: { 'X-Request-ID': request_id } })
}

/** A request that never completes. */
export const never = () => new Promise<never>(() => {})

/** Fails on requests without a handler, which are a mistake of the page or of its test. */
export function checkRequests(): void {
  const strangers = unexpected
  unexpected = []
  received = []
  vi.unstubAllGlobals()
  if (strangers.length > 0) throw new Error(`requests without a handler: ${strangers.join(', ')}`)
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`)
}
