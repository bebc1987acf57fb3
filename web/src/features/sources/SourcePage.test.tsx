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
  it('shows why input was rejected, by the name of the reason and in a sentence', async () => {
    open('/sources/1', shown())
    const row = await screen.findByRole('row', {
      name: /^not_json Not JSON, or neither an object nor a string\./,
    })
    expect(row).toHaveTextContent('3')
    expect(row).toHaveTextContent('line 4: not a JSON event')
  })

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

  it('explains what to do if nothing was read yet', async () => {
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

  it('shows an error with its request id', async () => {
    open(
      '/sources/1',
      shown({
        'GET /api/v1/sources/{id}': () => failure(404, 'not_found', 'This source does not exist.', 'req-4'),
      }),
    )
    expect(await screen.findByRole('alert')).toHaveTextContent('This source does not exist.')
    expect(screen.getByText('req-4')).toBeVisible()
  })
})
