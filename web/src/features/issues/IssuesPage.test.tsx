import { screen, waitFor, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { open, signedIn } from '@/test/app'
import { issue, page } from '@/test/fixtures'
import { failure, never, requests } from '@/test/server'

const found = (
  issues = [issue(), issue({ id: 8, title: 'disk is full', level: 'fatal' })],
  next: string | null = null,
) => ({
  ...page(issues, next),
  total: { issues: issues.length, events: 1_300 },
})

describe('the list of issues', () => {
  it('shows each issue with level, counts, trend and times', async () => {
    open('/issues', { ...signedIn(), 'GET /api/v1/issues': () => found() })
    const [row] = await within(await screen.findByRole('list', { name: 'Issues' })).findAllByRole('listitem')
    expect(row).toHaveTextContent('error')
    expect(row).toHaveTextContent('checkout.payments')
    expect(row).toHaveTextContent('1,234')
    expect(row).toHaveTextContent('Last seen 5 min ago')
    expect(row).toHaveTextContent('First seen 2 d ago')
    expect(
      within(row as HTMLElement).getByRole('img', {
        name: '46 events in the last 24 hours, at most 4 in one bar',
      }),
    ).toBeVisible()
    expect(screen.getByText('2 issues, 1,300 events')).toBeVisible()
  })

  it('requests open issues, latest first, unless the URL differs', async () => {
    open('/issues', { ...signedIn(), 'GET /api/v1/issues': () => found() })
    await screen.findByText('disk is full')
    expect(requests('GET /api/v1/issues')[0]?.query).toEqual({ status: 'open' })
  })

  it('reads every filter from the URL', async () => {
    open('/issues?level=error&status=all&source=1&q=404&sort=events&since=1h&project=web-shop', {
      ...signedIn(),
      'GET /api/v1/issues': () => found(),
    })
    await screen.findByText('disk is full')
    const { since, ...query } = requests('GET /api/v1/issues')[0]?.query ?? {}
    expect(query).toEqual({ level: 'error', source: '1', q: '404', sort: 'events', project: 'web-shop' })
    expect(Date.now() - Date.parse(since ?? '')).toBeGreaterThan(3_590_000)
    expect(screen.getByRole('combobox', { name: 'Level' })).toHaveValue('error')
    expect(screen.getByRole('searchbox', { name: 'Search issues' })).toHaveValue('404')
  })

  it('drops unknown values from the URL', async () => {
    open('/issues?level=dreadful&sort=colour', { ...signedIn(), 'GET /api/v1/issues': () => found() })
    await screen.findByText('disk is full')
    expect(requests('GET /api/v1/issues')[0]?.query).toEqual({ status: 'open' })
  })

  it('writes filters and search to the URL', async () => {
    const { person, address } = open('/issues', { ...signedIn(), 'GET /api/v1/issues': () => found() })
    await screen.findByText('disk is full')
    await person.selectOptions(screen.getByRole('combobox', { name: 'Level' }), 'warning')
    await person.type(screen.getByRole('searchbox'), 'disk')
    await waitFor(() => expect(address()).toBe('/issues?level=warning&q=disk'))
    await person.click(screen.getByRole('link', { name: 'Errors and worse' }))
    expect(address()).toBe('/issues?level=error')
    expect(screen.getByRole('searchbox')).toHaveValue('')
    expect(screen.getByRole('link', { name: 'Errors and worse' })).toHaveAttribute('aria-current', 'page')
    expect(screen.getByRole('link', { name: 'Last hour' })).not.toHaveAttribute('aria-current')
  })

  it('loads more by cursor', async () => {
    const { person } = open('/issues', {
      ...signedIn(),
      'GET /api/v1/issues': ({ query }) =>
        query.cursor ? found([issue({ id: 9, title: 'an old one' })]) : found(undefined, 'next'),
    })
    await person.click(await screen.findByRole('button', { name: 'Load more' }))
    expect(await screen.findByText('an old one')).toBeVisible()
    expect(screen.getByText('disk is full')).toBeVisible()
    expect(screen.queryByRole('button', { name: 'Load more' })).toBeNull()
  })

  it('moves with j and k, and / leads to the search', async () => {
    const { person } = open('/issues', {
      ...signedIn(),
      'GET /api/v1/issues': () => found(),
      // A row that keeps the focus for a moment has its page fetched.
      'GET /api/v1/issues/{id}': never,
    })
    const first = await screen.findByRole('link', { name: /^payment/ })
    await person.keyboard('j')
    expect(first).toHaveFocus()
    await person.keyboard('j')
    expect(screen.getByRole('link', { name: 'disk is full' })).toHaveFocus()
    await person.keyboard('k')
    expect(first).toHaveFocus()
    await person.keyboard('/')
    expect(screen.getByRole('searchbox')).toHaveFocus()
    await person.keyboard('{Escape}')
    expect(screen.getByRole('searchbox')).not.toHaveFocus()
  })

  it('shows shapes while it loads', async () => {
    open('/issues', { ...signedIn(), 'GET /api/v1/issues': never })
    expect(await screen.findByRole('status', { name: 'Loading issues' })).toBeVisible()
  })

  it('explains what to do if nothing matches, and if nothing exists', async () => {
    const { person } = open('/issues?q=nothing', { ...signedIn(), 'GET /api/v1/issues': () => found([]) })
    expect(await screen.findByRole('heading', { name: 'No issue matches' })).toBeVisible()
    await person.click(screen.getByRole('link', { name: 'Clear all filters' }))
    expect(await screen.findByRole('heading', { name: 'No open issues' })).toBeVisible()
  })

  it('shows an error with its request id', async () => {
    open('/issues', {
      ...signedIn(),
      'GET /api/v1/issues': () => failure(500, 'internal', 'The log has the cause.', 'req-13'),
    })
    expect(await screen.findByRole('alert')).toHaveTextContent('Issues could not be loaded')
    expect(screen.getByText('req-13')).toBeVisible()
  })
})
