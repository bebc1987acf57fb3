import { describe, expect, it, vi } from 'vitest'
import { ApiError, api, data } from './client'

const answer = (response: Response | Error) =>
  vi.stubGlobal('fetch', async () => {
    if (response instanceof Error) throw response
    return response
  })
const failed = () => data(api.GET('/api/v1/projects')).catch((error: unknown) => error)

describe('a failed request', () => {
  it('carries the sentence, the code and the request id of the server', async () => {
    answer(
      Response.json(
        { code: 'conflict', message: 'There is one already.', request_id: 'r1' },
        { status: 409 },
      ),
    )
    expect(await failed()).toMatchObject({
      status: 409,
      code: 'conflict',
      message: 'There is one already.',
      requestId: 'r1',
    })
  })

  it('takes the request id from the header if the body is not an error body', async () => {
    answer(new Response('<html>', { status: 502, headers: { 'X-Request-ID': 'edge-1' } }))
    expect(await failed()).toMatchObject({ status: 502, code: 'unexpected', requestId: 'edge-1' })
  })

  it('is reported as unreachable if no response arrives', async () => {
    answer(new TypeError('Failed to fetch'))
    const error = await failed()
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({ status: 0, message: expect.stringContaining('cannot be reached') })
  })
})
