import { screen, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { open, signedIn } from '@/test/app'
import { issue, page, statistics } from '@/test/fixtures'
import { failure, never, requests } from '@/test/server'

const empty = { ...statistics().totals, events: 0, errors: 0, issues_open: 0, issues_new: 0 }
const noIssues = () => ({ ...page([]), total: { issues: 0, events: 0 } })

describe('the overview', () => {
  it('shows totals with their change, the volume and the top issues', async () => {
    open('/', { ...signedIn(), 'GET /api/v1/statistics': () => statistics() })
    expect(await screen.findByText('2,676')).toBeVisible()
    expect(screen.getByText('Events', { selector: 'dt' }).parentElement).toHaveTextContent('up 100%')
    expect(screen.getByText('Errors', { selector: 'dt' }).parentElement).toHaveTextContent('down 50%')
    expect(screen.getByText('New issues').parentElement).toHaveTextContent('none in the previous 24 hours')
    expect(screen.getByText('Sources failing').parentElement).toHaveTextContent('of 3, see Sources')
    expect(
      screen.getByRole('img', {
        name: /^Events by level in the last 24 hours\. 2,676 events; the most, 123, at/,
      }),
    ).toBeVisible()
    const top = within(screen.getByRole('list', { name: 'Top issues' }))
    expect(top.getByRole('link', { name: 'payment <n> declined: card expired' })).toHaveAttribute(
      'href',
      '/issues/7',
    )
    expect(document.title).toBe('Overview · Squall')
  })

  it('reads and writes range and project in the URL', async () => {
    const { person, address } = open('/?range=7d&project=web-shop', {
      ...signedIn(),
      'GET /api/v1/statistics': () => statistics(),
    })
    await screen.findByText('2,676')
    expect(requests('GET /api/v1/statistics').at(-1)?.query).toEqual({ hours: '168', project: 'web-shop' })
    expect(screen.getByRole('link', { name: 'Last 7 days' })).toHaveAttribute('aria-current', 'page')
    await person.click(screen.getByRole('link', { name: 'Last hour' }))
    expect(address()).toBe('/?range=1h&project=web-shop')
  })

  it('keeps the project from page to page until another is chosen', async () => {
    const { person, address } = open('/?project=web-shop', {
      ...signedIn(),
      'GET /api/v1/statistics': () => statistics(),
    })
    await screen.findByText('2,676')
    expect(screen.getByRole('link', { name: 'Issues' })).toHaveAttribute('href', '/issues?project=web-shop')
    await person.selectOptions(screen.getByRole('combobox', { name: 'Project' }), 'All projects')
    expect(address()).toBe('/')
  })

  it('shows shapes while it loads', async () => {
    open('/', { ...signedIn(), 'GET /api/v1/statistics': never })
    expect(await screen.findByRole('status', { name: 'Loading the volume' })).toBeVisible()
    expect(screen.getByRole('status', { name: 'Loading issues' })).toBeVisible()
  })

  it('shows an error with its request id, and retries', async () => {
    let isDown = true
    const { person } = open('/', {
      ...signedIn(),
      'GET /api/v1/statistics': () =>
        isDown ? failure(500, 'internal', 'Something went wrong on our side.', 'req-42') : statistics(),
    })
    expect(await screen.findByRole('alert')).toHaveTextContent('Something went wrong on our side.')
    expect(screen.getByText('req-42')).toBeVisible()
    isDown = false
    await person.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByText('2,676')).toBeVisible()
  })

  it('says that a quiet range is quiet', async () => {
    open('/', { ...signedIn(), 'GET /api/v1/statistics': () => statistics({ top_issues: [] }) })
    expect(await screen.findByRole('heading', { name: 'No issues in the last 24 hours' })).toBeVisible()
  })

  it('becomes the guide while nothing has ever arrived, and leads to the first issue when it does', async () => {
    let issues = noIssues()
    open('/', {
      ...signedIn(),
      'GET /api/v1/statistics': () => statistics({ totals: empty, top_issues: [] }),
      'GET /api/v1/issues': () => issues,
    })
    expect(await screen.findByText('Waiting for your first event…')).toBeVisible()
    expect(screen.getByRole('heading', { level: 1, name: 'Send Web shop its first event' })).toBeVisible()
    issues = { ...page([issue()]), total: { issues: 1, events: 1 } } as never
    expect(await screen.findByRole('link', { name: 'Open the issue' }, { timeout: 4_000 })).toHaveAttribute(
      'href',
      '/issues/7?project=web-shop',
    )
  })

  it('asks an admin for the first project, and refers others to an admin', async () => {
    open('/', {
      ...signedIn('viewer'),
      'GET /api/v1/projects': () => page([]),
      'GET /api/v1/statistics': () => statistics(),
    })
    expect(await screen.findByRole('heading', { name: 'No project yet' })).toBeVisible()
  })
})
