import { screen, waitFor, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { open, signedIn } from '@/test/app'
import { ago, issue, issueDetail, liveIssue, page, statistics, topIssue } from '@/test/fixtures'
import { requests } from '@/test/server'
import { stubStream } from '@/test/stream'

const list = (issues = [issue(), issue({ id: 8, title: 'disk is full' })]) => ({
  ...page(issues),
  total: { issues: issues.length, events: 1_300 },
})

const titles = () => screen.getAllByRole('listitem').map((row) => within(row).getByRole('link').textContent)

describe('live updates', () => {
  it('show whether updates arrive, do not arrive, or are being restored', async () => {
    const stream = stubStream()
    open('/sources', signedIn())
    expect(await screen.findByText('Every 5 s')).toBeVisible()
    stream.open()
    expect(screen.getByText('Live')).toBeVisible()
    stream.interrupt()
    expect(screen.getByText('Reconnecting')).toBeVisible()
    stream.refuse()
    expect(screen.getByText('Every 5 s')).toBeVisible()
  })

  it('end with the session', async () => {
    const stream = stubStream()
    const { person } = open('/sources', { ...signedIn(), 'DELETE /api/v1/session': () => undefined as never })
    await person.click(await screen.findByRole('button', { name: 'Sign out' }))
    await screen.findByRole('heading', { name: 'Sign in' })
    await waitFor(() => expect(stream.held()).toBe(0))
  })

  it('change a row in place, without a request', async () => {
    const stream = stubStream()
    open('/issues', { ...signedIn(), 'GET /api/v1/issues': () => list() })
    await screen.findByText('disk is full')
    stream.open()
    await waitFor(() => expect(requests('GET /api/v1/issues')).toHaveLength(2))
    stream.send(
      'issue.changed',
      liveIssue({ id: 8, title: 'disk is full', events: 1_300, last_seen: ago(0) }),
    )
    stream.send('issue.changed', liveIssue({ id: 999, title: 'not in this list' }))
    const row = (await screen.findByText('1,300')).closest('li') as HTMLElement
    expect(row).toHaveTextContent('disk is full')
    expect(row).toHaveTextContent('Last seen just now')
    expect(within(row).getByRole('img')).toHaveAccessibleName(/^112 events/)
    expect(titles()).toEqual([expect.stringMatching(/^payment/), 'disk is full'])
    stream.send('issue.changed', liveIssue({ id: 8, title: 'disk is full', status: 'resolved' }))
    expect(await within(row).findByText('resolved')).toBeVisible()
    expect(requests('GET /api/v1/issues')).toHaveLength(2)
  })

  it('offer new issues above the list, and show them when asked', async () => {
    const stream = stubStream()
    let issues = [issue()]
    const { person } = open('/issues?level=error', {
      ...signedIn(),
      'GET /api/v1/issues': () => list(issues),
    })
    await screen.findByRole('link', { name: /^payment/ })
    stream.open()
    const fresh = [20, 21].map((id) => issue({ id, title: `new trouble ${id}` }))
    // A repeated message counts once.
    for (const each of [...fresh, ...fresh]) stream.send('issue.new', liveIssue({ ...each }))
    stream.send('issue.new', liveIssue({ id: 22, level: 'info', title: 'not among the errors' }))
    const show = await screen.findByRole('button', { name: 'Show 2 new issues' })
    expect(titles()).toHaveLength(1)
    issues = [...fresh, issue()]
    await person.click(show)
    expect(await screen.findByText('new trouble 20')).toBeVisible()
    expect(screen.queryByRole('button', { name: /new issue/ })).toBeNull()
  })

  it('show a new issue at once where there was none', async () => {
    const stream = stubStream()
    let issues: ReturnType<typeof issue>[] = []
    open('/issues', { ...signedIn(), 'GET /api/v1/issues': () => list(issues) })
    await screen.findByRole('heading', { name: 'No open issues' })
    stream.open()
    issues = [issue({ id: 20, title: 'the first trouble' })]
    stream.send('issue.new', liveIssue({ id: 20, title: 'the first trouble' }))
    expect(await screen.findByText('the first trouble')).toBeVisible()
  })

  it('add counts to the overview, and new events to its issues', async () => {
    const stream = stubStream()
    const { queryClient } = open('/', {
      ...signedIn(),
      'GET /api/v1/statistics': () =>
        statistics({ top_issues: [topIssue({ id: 7, events: 1_000, events_in_window: 321 })] }),
    })
    await screen.findByText('2,676')
    // Counts that come right behind an answer may be in it already: this one is older.
    const old = { updatedAt: Date.now() - 60_000 }
    queryClient.setQueriesData({ queryKey: ['statistics'] }, (data: unknown) => data, old)
    const minutes = [{ at: ago(3), levels: { error: 4, info: 20 } }]
    stream.send('counts', { project: 'web-shop', minutes })
    expect(await screen.findByText('2,700')).toBeVisible()
    expect(screen.getByText('Errors', { selector: 'dt' }).parentElement).toHaveTextContent('280')
    expect(screen.getByRole('img', { name: /^Events by level .* 2,700 events/ })).toBeVisible()
    stream.send('issue.changed', liveIssue({ id: 7, events: 1_005 }))
    expect(await screen.findByText('326')).toBeVisible()
    expect(requests('GET /api/v1/statistics')).toHaveLength(1)
  })

  it('keep the page of an issue up to date', async () => {
    const stream = stubStream()
    let status: 'open' | 'resolved' = 'open'
    open('/issues/7', {
      ...signedIn(),
      'GET /api/v1/issues/{id}': () => issueDetail({ status }),
      'GET /api/v1/issues/{id}/trend': () => ({ step_seconds: 900, points: [{ at: ago(20), events: 3 }] }),
      'GET /api/v1/issues/{id}/events': () => page([]),
    })
    await screen.findByRole('heading', { level: 1 })
    await waitFor(() => expect(requests('GET /api/v1/issues/{id}/events')).toHaveLength(1))
    status = 'resolved'
    stream.send('issue.changed', liveIssue({ id: 7, status }))
    expect(await screen.findByText('resolved')).toBeVisible()
    await waitFor(() => expect(requests('GET /api/v1/issues/{id}/events')).toHaveLength(2))
    expect(requests('GET /api/v1/issues/{id}/trend')).toHaveLength(2)
  })

  it('reload everything when messages may have been missed', async () => {
    const stream = stubStream()
    open('/issues', { ...signedIn(), 'GET /api/v1/issues': () => list() })
    await screen.findByText('disk is full')
    stream.open()
    await waitFor(() => expect(requests('GET /api/v1/issues')).toHaveLength(2))
    stream.send('resync', { reason: 'overflow' })
    await waitFor(() => expect(requests('GET /api/v1/issues')).toHaveLength(3))
  })
})
