import { screen, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { open, signedIn } from '@/test/app'
import { page, source } from '@/test/fixtures'
import { failure, never, requests } from '@/test/server'

describe('the list of sources', () => {
  it('says in words how each source is, and what to do', async () => {
    const sources = [
      source(),
      source({ id: 2, name: 'mail log', health: 'failing', failures: 4, last_error: 'Permission denied' }),
      source({
        id: 3,
        name: 'HTTP',
        kind: 'http',
        settings: {},
        health: 'waiting',
        files: [],
        last_event_at: null,
      }),
    ]
    open('/sources', { ...signedIn(), 'GET /api/v1/sources': () => page(sources) })
    const [healthy, failing, waiting] = await within(
      await screen.findByRole('list', { name: 'Sources' }),
    ).findAllByRole('listitem')
    expect(healthy).toHaveTextContent('healthy')
    expect(healthy).toHaveTextContent('/var/log/checkout/*.log')
    expect(healthy).toHaveTextContent('1 file')
    expect(failing).toHaveTextContent('Permission denied')
    expect(failing).toHaveTextContent('4 attempts failed in a row. Check that the path exists')
    expect(waiting).toHaveTextContent('no event yet')
    expect(waiting).toHaveTextContent('Nothing has arrived yet.')
  })

  it('adds a file source', async () => {
    const { person } = open('/sources', {
      ...signedIn('admin'),
      'POST /api/v1/sources': () => source({ id: 9, name: 'new' }),
    })
    await person.click(await screen.findByRole('button', { name: 'Add a file source' }))
    await person.type(screen.getByRole('textbox', { name: 'Name' }), 'app log')
    await person.type(screen.getByRole('textbox', { name: 'Files' }), '/var/log/app/*.log')
    await person.click(screen.getByRole('button', { name: 'Add source' }))
    expect(await screen.findByRole('button', { name: 'Add a file source' })).toBeVisible()
    expect(requests('POST /api/v1/sources')[0]?.body).toEqual({
      project: 'web-shop',
      kind: 'file',
      name: 'app log',
      settings: { glob: '/var/log/app/*.log' },
    })
  })

  it('keeps the form if the source is refused, and shows the reason', async () => {
    const { person } = open('/sources', {
      ...signedIn('admin'),
      'POST /api/v1/sources': () =>
        failure(409, 'conflict', 'The project has a source with this name already.', 'req-5'),
    })
    await person.click(await screen.findByRole('button', { name: 'Add a file source' }))
    await person.type(screen.getByRole('textbox', { name: 'Name' }), 'app log')
    await person.type(screen.getByRole('textbox', { name: 'Files' }), '/a')
    await person.click(screen.getByRole('button', { name: 'Add source' }))
    expect(await screen.findByRole('alert')).toHaveTextContent(
      'The project has a source with this name already. Request id req-5',
    )
    expect(screen.getByRole('textbox', { name: 'Name' })).toHaveValue('app log')
  })

  it('disables a source', async () => {
    let enabled = true
    const { person } = open('/sources', {
      ...signedIn('admin'),
      'GET /api/v1/sources': () => page([source({ enabled, health: enabled ? 'healthy' : 'disabled' })]),
      'PATCH /api/v1/sources/{id}': ({ body }) => {
        enabled = (body as { enabled: boolean }).enabled
        return source({ enabled })
      },
    })
    await person.click(await screen.findByRole('button', { name: 'Disable checkout log' }))
    expect(await screen.findByRole('button', { name: 'Enable checkout log' })).toBeVisible()
    expect(screen.getByText('disabled')).toBeVisible()
  })

  it('gives viewers nothing to change', async () => {
    open('/sources', signedIn('viewer'))
    expect(await screen.findByRole('link', { name: 'checkout log' })).toBeVisible()
    expect(screen.queryByRole('button', { name: /Add|Disable/ })).toBeNull()
  })

  it('shows shapes while it loads', async () => {
    open('/sources', { ...signedIn(), 'GET /api/v1/sources': never })
    expect(await screen.findByRole('status', { name: 'Loading sources' })).toBeVisible()
  })

  it('explains what to do without a source', async () => {
    open('/sources', { ...signedIn(), 'GET /api/v1/sources': () => page([]) })
    expect(await screen.findByRole('heading', { name: 'No sources yet' })).toBeVisible()
  })

  it('shows an error with its request id', async () => {
    open('/sources', {
      ...signedIn(),
      'GET /api/v1/sources': () => failure(500, 'internal', 'The log has the cause.', 'req-3'),
    })
    expect(await screen.findByRole('alert')).toHaveTextContent('Sources could not be loaded')
    expect(screen.getByText('req-3')).toBeVisible()
  })
})
