// The one door to the server: typed by the API description, with errors a person can act on.
import type { paths } from './schema'

type Method = 'get' | 'post' | 'patch' | 'delete'
/** The paths that answer to a method. */
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never
}[keyof paths]
type Operation<P extends keyof paths, M extends Method> = M extends keyof paths[P] ? paths[P][M] : never

type JsonOf<T> = T extends { content: { 'application/json': infer Body } } ? Body : undefined
/** What an operation answers when it succeeds. */
export type Answer<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { responses: infer R } ? JsonOf<R[keyof R & (200 | 201 | 202 | 204)]> : never
/** What an operation takes. */
export type Body<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { requestBody: { content: { 'application/json': infer B } } } ? B : undefined
type Path<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { parameters: { path: infer T } } ? T : undefined
export type Query<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { parameters: { query?: infer T } } ? T : undefined

type Field<Name extends string, T> = [T] extends [undefined]
  ? { [N in Name]?: undefined }
  : { [N in Name]: T }
type Options<P extends keyof paths, M extends Method> = Field<'path', Path<P, M>> &
  Field<'body', Body<P, M>> & { query?: Query<P, M>; signal?: AbortSignal }

/** A request that failed, in words a person can read. */
export class ApiError extends Error {
  override readonly name = 'ApiError'

  constructor(
    /** The HTTP status; 0 when there was no answer at all. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | null = null,
    readonly details: unknown = undefined,
  ) {
    super(message)
  }
}

/** Sends one request and returns the body of its answer; throws nothing but `ApiError` and the signal's abort. */
export async function request<M extends Method, P extends PathsWith<M>>(
  method: M,
  path: P,
  options: Options<P, M>,
): Promise<Answer<P, M>> {
  const response = await send(
    method,
    addressOf(path, options.path, options.query),
    options.body,
    options.signal,
  )
  if (!response.ok) throw await failureOf(response)
  if (response.status === 204) return undefined as Answer<P, M>
  return (await response.json()) as Answer<P, M>
}

async function send(method: string, address: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const json = body === undefined ? undefined : JSON.stringify(body)
  try {
    return await fetch(address, {
      method: method.toUpperCase(),
      headers: { Accept: 'application/json', ...(json && { 'Content-Type': 'application/json' }) },
      body: json,
      signal,
      credentials: 'same-origin',
    })
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new ApiError(
      0,
      'unreachable',
      'The Squall server cannot be reached. Check that it runs and that this device is online.',
    )
  }
}

/** Reads the error contract; an edge or proxy that does not know it still yields a usable sentence. */
async function failureOf(response: Response): Promise<ApiError> {
  const id = response.headers.get('x-request-id')
  const body: unknown = await response.json().catch(() => null)
  if (typeof body === 'object' && body !== null && 'code' in body && 'message' in body) {
    const { code, message, request_id, details } = body as Record<string, unknown>
    return new ApiError(
      response.status,
      String(code),
      String(message),
      request_id ? String(request_id) : id,
      details,
    )
  }
  return new ApiError(
    response.status,
    'unexpected',
    `The server answered ${response.status} without saying why. Try again in a moment.`,
    id,
  )
}

function addressOf(path: string, params: unknown, query: unknown): string {
  const values = (params ?? {}) as Record<string, string | number>
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])))
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries((query ?? {}) as Record<string, unknown>)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value))
  }
  const text = search.toString()
  return text ? `${filled}?${text}` : filled
}
