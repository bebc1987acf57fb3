import { screen, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import type { IssueStatus } from '@/api/model'
import { open, signedIn } from '@/test/app'
import { ago, event, issue, issueDetail, page } from '@/test/fixtures'
import { failure, type Handlers, never, requests } from '@/test/server'
import { flattened } from './EventView'
import { inRuns } from './StackTrace'

const own = {
  function: 'charge',
  module: 'checkout.payments',
  file: 'checkout/payments.py',
  line: 41,
  in_app: true,
}
const library = (name: string) => ({
  function: name,
  module: 'urllib3',
  file: 'urllib3/pool.py',
  line: 7,
  in_app: false,
})
const thrown = event({
  exception: {
    type: 'CardExpired',
    message: 'card expired',
    frames: [own, library('urlopen'), library('_request')],
    stacktrace: 'Traceback (most recent call last): …',
  },
})
const older = event({ id: '1.0', occurred_at: ago(90), message: 'payment 4710 declined: card expired' })

const shown = (with_: Handlers = {}): Handlers => ({
  ...signedIn('member'),
  'GET /api/v1/issues/{id}': () => issueDetail({ latest_event: thrown }),
  'GET /api/v1/issues/{id}/events': () => page([thrown, older]),
  'GET /api/v1/issues/{id}/trend': () => ({ step_seconds: 3_600, points: [{ at: ago(60), events: 3 }] }),
  ...with_,
})

describe('the page of an issue', () => {
  it('shows its facts, trend, stack trace, attributes and events', async () => {
    open('/issues/7', shown())
    expect(await screen.findByRole('heading', { level: 1, name: /^payment/ })).toBeVisible()
    const facts = within(screen.getByRole('complementary', { name: 'About this issue' }))
    expect(facts.getByText('1,234')).toBeVisible()
    expect(facts.getByRole('link', { name: 'HTTP' })).toHaveAttribute('href', '/sources/1')
    expect(facts.getByText('payment <n> declined: card expired')).toBeVisible()
    expect(facts.getByText(/a1b2c3/)).toBeVisible()
    expect(
      await screen.findByRole('img', { name: /^Events of this issue in the last 24 hours\. 3 events/ }),
    ).toBeVisible()
    expect(screen.getByRole('row', { name: 'service.name checkout' })).toBeVisible()
    expect(screen.getByRole('row', { name: 'http.status_code 402' })).toBeVisible()
    expect(document.title).toBe('payment <n> declined: card expired · Squall')
  })

  it('puts the innermost frame first, marks own frames and folds library frames', async () => {
    const { person } = open('/issues/7', shown())
    const trace = within(await screen.findByRole('region', { name: 'Stack trace' }))
    expect(trace.getByText('2 library frames')).toBeVisible()
    expect(trace.getByText('checkout.payments.charge').closest('li')).toHaveTextContent('in-app')
    await person.click(trace.getByRole('button', { name: 'Text' }))
    expect(trace.getByText(/^Traceback/)).toBeVisible()
  })

  it('leads to the older event and back, by the address', async () => {
    const { person, address } = open('/issues/7', shown())
    await person.click(await screen.findByRole('button', { name: 'Older' }))
    expect(
      await within(screen.getByRole('region', { name: 'Event' })).findByText(older.message),
    ).toBeVisible()
    expect(address()).toBe('/issues/7?event=1.0')
    expect(screen.getByRole('button', { name: 'Older' })).toBeDisabled()
    await person.click(screen.getByRole('button', { name: 'Newer' }))
    expect(address()).toBe('/issues/7')
  })

  it('keeps the event one reads while newer ones arrive', async () => {
    let events = [older]
    const { queryClient, person } = open(
      '/issues/7',
      shown({
        'GET /api/v1/issues/{id}': () => issueDetail({ latest_event: events[0] }),
        'GET /api/v1/issues/{id}/events': () => page(events),
      }),
    )
    expect(await screen.findByRole('region', { name: 'Latest event' })).toHaveTextContent(older.message)
    events = [thrown, older]
    await queryClient.invalidateQueries()
    expect(await screen.findByRole('region', { name: 'Event' })).toHaveTextContent(older.message)
    await person.click(screen.getByRole('button', { name: 'Newer' }))
    expect(await screen.findByRole('region', { name: 'Latest event' })).toHaveTextContent('CardExpired')
  })

  it('shows the first line of a logged trace as the message, and the rest with its frames', async () => {
    const logged = event({
      message: 'item 7 has no price\nTraceback (most recent call last):\n  …',
      exception: { type: 'KeyError', message: "'PLN'", frames: [own], stacktrace: null },
    })
    const { person } = open('/issues/7', shown({ 'GET /api/v1/issues/{id}/events': () => page([logged]) }))
    const message = await screen.findByText('item 7 has no price', { selector: 'pre' })
    expect(message).toBeVisible()
    await person.click(screen.getByRole('button', { name: 'Text' }))
    expect(screen.getByRole('region', { name: 'Stack trace as text' })).toHaveTextContent('Traceback')
  })

  it('requests the trend of another range', async () => {
    const { person, address } = open('/issues/7', shown())
    await person.click(await screen.findByRole('link', { name: 'Last 30 days' }))
    expect(await screen.findByRole('img', { name: /in the last 30 days/ })).toBeVisible()
    expect(requests('GET /api/v1/issues/{id}/trend').at(-1)?.query).toEqual({ hours: '720' })
    expect(address()).toBe('/issues/7?range=30d')
  })

  it('lets members resolve, ignore and reopen', async () => {
    let status: IssueStatus = 'open'
    const { person } = open(
      '/issues/7',
      shown({
        'GET /api/v1/issues/{id}': () => issueDetail({ status }),
        'PATCH /api/v1/issues/{id}': ({ body }) => {
          status = (body as { status: IssueStatus }).status
          return issue({ status })
        },
      }),
    )
    expect(await screen.findByRole('button', { name: 'Ignore' })).toBeVisible()
    await person.click(screen.getByRole('button', { name: 'Resolve' }))
    expect(await screen.findByText('resolved')).toBeVisible()
    await person.click(screen.getByRole('button', { name: 'Reopen' }))
    expect(await screen.findByRole('button', { name: 'Resolve' })).toBeVisible()
  })

  it('shows viewers that they need a role', async () => {
    open('/issues/7', { ...shown(), ...signedIn('viewer') })
    expect(await screen.findByText('Members can resolve and ignore issues.')).toBeVisible()
    expect(screen.queryByRole('button', { name: 'Resolve' })).toBeNull()
  })

  it('says that events are gone when retention has dropped them', async () => {
    open(
      '/issues/7',
      shown({
        'GET /api/v1/issues/{id}': () => issueDetail({ latest_event: null }),
        'GET /api/v1/issues/{id}/events': () => page([]),
      }),
    )
    expect(await screen.findByRole('heading', { name: 'Its events are gone' })).toBeVisible()
  })

  it('shows shapes while it loads', async () => {
    open('/issues/7', shown({ 'GET /api/v1/issues/{id}': never }))
    expect(await screen.findByRole('status', { name: 'Loading the issue' })).toBeVisible()
  })

  it('shows an error with its request id', async () => {
    open(
      '/issues/7',
      shown({
        'GET /api/v1/issues/{id}': () => failure(404, 'not_found', 'This issue does not exist.', 'req-9'),
      }),
    )
    expect(await screen.findByRole('alert')).toHaveTextContent('This issue does not exist.')
    expect(screen.getByText('req-9')).toBeVisible()
  })
})

describe('runs of frames', () => {
  it('folds nothing if no frame belongs to the application', () => {
    expect(inRuns([library('a'), library('b')]).map(({ isFolded }) => isFolded)).toEqual([false])
  })

  it('leaves a single library frame open', () => {
    expect(inRuns([library('a'), own, library('b'), library('c')]).map(({ isFolded }) => isFolded)).toEqual([
      false,
      false,
      true,
    ])
  })
})

it('attributes have dotted names, in order', () => {
  expect(flattened({ b: { d: 1, c: 'x' }, a: [1, null] })).toEqual([
    ['a', '[1,null]'],
    ['b.c', 'x'],
    ['b.d', '1'],
  ])
})
