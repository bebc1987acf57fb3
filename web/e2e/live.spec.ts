import { expect, send, test } from './stack'

/** Unique to this run, so that the issue is new. */
const word = () =>
  Math.random()
    .toString(36)
    .replace(/[^a-z]+/g, '')
    .padEnd(8, 'x')

test('a new issue appears without a reload, and counts as it happens', { tag: '@edge' }, async ({ page }) => {
  const message = `the ${word()} ${word()} has fallen over`
  const event = { level: 'error', message, service: 'live', logger: 'live.tests' }
  await page.goto('/issues')
  const list = page.getByRole('list', { name: 'Issues' })
  await expect(list).toBeVisible()
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
  // From here on, the page only requests what the stream makes it request.
  const asked: string[] = []
  page.on('request', (request) => asked.push(new URL(request.url()).pathname))

  await send(page, [event])
  await page.getByRole('button', { name: /^Show \d+ new issues?$/ }).click()
  const row = list.getByRole('listitem').filter({ hasText: message })
  await expect(row).toContainText('Events: 1')
  await expect(page.getByRole('button', { name: /^Show \d+ new issue/ })).toHaveCount(0)

  const before = asked.filter((path) => path === '/api/v1/issues').length
  await send(page, [event, event])
  await expect(row).toContainText('Events: 3')
  expect(asked.filter((path) => path === '/api/v1/issues')).toHaveLength(before)

  // The same on its own page, while another user resolves it.
  await row.getByRole('link').click()
  await expect(page.getByRole('button', { name: 'Resolve' })).toBeVisible()
  const id = Number(page.url().split('/').at(-1))
  const answer = await page.request.patch(`/api/v1/issues/${id}`, { data: { status: 'resolved' } })
  expect(answer.ok()).toBe(true)
  await expect(page.getByText('resolved', { exact: true })).toBeVisible()
})

test('a page whose stream is refused polls', async ({ page, allow }) => {
  allow(/503.*\/api\/v1\/stream/)
  await page.route('**/api/v1/stream', (route) => route.fulfill({ status: 503 }))
  // The mark shows the same before the stream was requested.
  const refused = page.waitForResponse('**/api/v1/stream')
  const message = `the ${word()} ${word()} has run dry`
  await page.goto('/issues')
  await refused
  await expect(page.getByText('Every 5 s', { exact: true })).toBeVisible()
  await send(page, [{ level: 'error', message, service: 'live', logger: 'live.tests' }])
  await expect(page.getByText(message)).toBeVisible()
})

test('a page whose stream is unreachable polls', async ({ page, allow }) => {
  allow(/ERR_FAILED.*\/api\/v1\/stream/)
  await page.route('**/api/v1/stream', (route) => route.abort())
  const message = `the ${word()} ${word()} has gone away`
  await page.goto('/issues')
  // The browser retries on its own.
  await expect(page.getByText('Reconnecting', { exact: true })).toBeVisible()
  await send(page, [{ level: 'error', message, service: 'live', logger: 'live.tests' }])
  await expect(page.getByText(message)).toBeVisible()
})

test('the status page shows how many receive live updates', async ({ page }) => {
  await page.goto('/status')
  await expect(
    page.getByText(
      /^(Not configured: rate limits and live updates work within|Redis answers: all replicas share rate limits and live updates)/,
    ),
  ).toBeVisible()
  await expect(page.getByText(/receives? live updates\.$/)).toBeVisible()
})
