import { screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { open, signedIn } from '@/test/app'
import { page, poll, source } from '@/test/fixtures'
import { failure, type Handlers, never, requests } from '@/test/server'

const shown = (with_: Handlers = {}): Handlers => ({
  ...signedIn('admin'),
  'GET /api/v1/sources/{id}': () => source(),
  'GET /api/v1/sources/{id}/polls': () =>
    page([poll(), poll({ id: 2, outcome: 'failed', events: 0, message: 'Permission denied' })]),
  ...with_,
})

describe('the page of a source', () => {
  it('shows its facts, its files and its polls', async () => {
    open('/sources/1', shown())
    expect(await screen.findByRole('heading', { level: 1, name: 'checkout log' })).toBeVisible()
    expect(screen.getByRole('row', { name: '/var/log/checkout/a.log 20 kB' })).toBeVisible()
    expect(await screen.findByRole('row', { name: /read events 40 8.0 kB 12 ms/ })).toBeVisible()
    expect(screen.getByRole('row', { name: /failed 0 .* Permission denied/ })).toBeVisible()
    expect(document.title).toBe('checkout log · Squall')
  })

  it('deletes only when asked twice', async () => {
    const { person, address } = open(
      '/sources/1',
      shown({ 'DELETE /api/v1/sources/{id}': () => undefined as never }),
    )
    await person.click(await screen.findByRole('button', { name: 'Delete' }))
    expect(requests('DELETE /api/v1/sources/{id}')).toHaveLength(0)
    await person.click(screen.getByRole('button', { name: 'Really delete?' }))
    expect(await screen.findByRole('heading', { level: 1, name: 'Sources' })).toBeVisible()
    expect(address()).toBe('/sources')
  })

  it('says what to do when nothing was read yet', async () => {
    open(
      '/sources/1',
      shown({
        'GET /api/v1/sources/{id}': () => source({ files: [], health: 'waiting' }),
        'GET /api/v1/sources/{id}/polls': () => page([]),
      }),
    )
    expect(await screen.findByRole('heading', { name: 'No file matches the pattern yet' })).toBeVisible()
    expect(await screen.findByRole('heading', { name: 'No polls to show' })).toBeVisible()
  })

  it('shows shapes while it loads', async () => {
    open('/sources/1', shown({ 'GET /api/v1/sources/{id}': never }))
    expect(await screen.findByRole('status', { name: 'Loading this source' })).toBeVisible()
  })

  it('says what went wrong, with the request id', async () => {
    open(
      '/sources/1',
      shown({
        'GET /api/v1/sources/{id}': () => failure(404, 'not_found', 'There is no such source.', 'req-4'),
      }),
    )
    expect(await screen.findByRole('alert')).toHaveTextContent('There is no such source.')
    expect(screen.getByText('req-4')).toBeVisible()
  })
})
