// The only way to the server: typed by the API description, with errors that help a user.
import createClient, { type Middleware } from 'openapi-fetch'
import type { OperationRequestBodyContent, SuccessResponseJSON } from 'openapi-typescript-helpers'
import type { paths } from './schema'

type Operation<P extends keyof paths, M extends keyof paths[P]> = NonNullable<paths[P][M]>
/** What an operation answers when it succeeds. */
export type Answer<P extends keyof paths, M extends keyof paths[P]> = SuccessResponseJSON<Operation<P, M>>
/** What an operation accepts. */
export type Body<P extends keyof paths, M extends keyof paths[P]> = OperationRequestBodyContent<
  Operation<P, M>
>
export type Query<P extends keyof paths, M extends keyof paths[P]> =
  Operation<P, M> extends { parameters: { query?: infer T } } ? T : undefined

/** A failed request, with a sentence for the user. */
export class ApiError extends Error {
  override readonly name = 'ApiError'

  constructor(
    /** The HTTP status; 0 if no response arrived. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | null = null,
    readonly details: unknown = undefined,
  ) {
    super(message)
  }
}

/** Turns every failure into an `ApiError`, except for a request that its caller has cancelled. */
const errors: Middleware = {
  async onResponse({ response }) {
    if (response.ok && (response.status === 204 || isJson(response))) return
    throw await errorOf(response)
  },
  onError({ request }) {
    if (request.signal.aborted) return
    return new ApiError(
      0,
      'unreachable',
      'The Squall server cannot be reached. Check that it is running and that this device is online.',
    )
  },
}

export const api = createClient<paths>({
  headers: { Accept: 'application/json' },
  credentials: 'same-origin',
  // Looked up for each request, so that tests can replace it.
  fetch: (request) => globalThis.fetch(request),
})
api.use(errors)

/** The body of a successful response; any other has thrown an `ApiError`. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T
}

/** Reads the error body. The answer of a proxy has none, but still becomes a helpful sentence. */
async function errorOf(response: Response): Promise<ApiError> {
  const id = response.headers.get('x-request-id')
  const body: unknown = isJson(response) ? await response.json().catch(() => null) : null
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
    `The server sent an unexpected answer (status ${response.status}). Try again in a moment.`,
    id,
  )
}

function isJson(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('application/json') ?? false
}
