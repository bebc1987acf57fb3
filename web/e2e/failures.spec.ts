import { expect, test } from './stack'

const broken = {
  status: 500,
  json: { code: 'internal', message: 'Something went wrong on our side.', request_id: 'req-500' },
}

test('an error 500 shows its message and request id, and a retry restores the page', async ({
  page,
  allow,
}) => {
  allow(/500.*\/api\/v1\/issues/, /ERR_FAILED.*\/api\/v1\/stream/)
  await page.clock.install()
  await page.route('**/api/v1/stream', (route) => route.abort())
  await page.route('**/api/v1/issues?*', (route) => route.fulfill(broken))
  await page.goto('/issues')
  await expect(page.getByRole('alert')).toContainText('Something went wrong on our side.')
  await expect(page.getByRole('alert')).toContainText('req-500')
  // With the stream down and the clock stopped, only the click can ask again. A slow machine may take
  // a while to stop the clock, which cannot be stopped in the past.
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1_000))
  await page.unroute('**/api/v1/issues?*')
  const retry = page.waitForRequest('**/api/v1/issues?*')
  await page.getByRole('button', { name: 'Try again' }).click()
  await retry
  await page.clock.resume()
  await expect(page.getByRole('list', { name: 'Issues' })).toBeVisible()
  await expect(page.getByRole('alert')).toHaveCount(0)
})

test('what was loaded stays when a refresh fails', async ({ page, allow }) => {
  allow(/500.*\/api\/v1\/statistics/, /ERR_FAILED.*\/api\/v1\/stream/)
  // A live page does not poll.
  await page.route('**/api/v1/stream', (route) => route.abort())
  await page.goto('/')
  await expect(page.getByRole('list', { name: 'Top issues' })).toBeVisible()
  await page.route('**/api/v1/statistics*', (route) => route.fulfill(broken))
  await expect(page.getByRole('alert')).toContainText('req-500')
  await expect(page.getByRole('list', { name: 'Top issues' })).toBeVisible()
  await page.unroute('**/api/v1/statistics*')
  await expect(page.getByRole('alert')).toHaveCount(0)
})

test('an unreachable server is reported, and found again', async ({ page, allow }) => {
  allow(/ERR_FAILED|ERR_CONNECTION/)
  await page.route('**/api/v1/sources*', (route) => route.abort())
  await page.goto('/sources')
  await expect(page.getByRole('alert')).toContainText('cannot be reached')
  await page.unroute('**/api/v1/sources*')
  await expect(page.getByRole('list', { name: 'Sources' })).toBeVisible()
})

test('an unknown issue and an unknown address', { tag: '@edge' }, async ({ page, allow }) => {
  allow(/404.*\/api\/v1\/issues\/999999999/)
  await page.goto('/issues/999999999')
  await expect(page.getByRole('alert').first()).toContainText('This issue does not exist')
  await page.goto('/nowhere')
  await expect(page.getByRole('heading', { name: 'Page not found' })).toBeVisible()
})
