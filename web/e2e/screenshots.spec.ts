import { join } from 'node:path'
import { expect, send, test } from './stack'
import { story } from './story'

const folder = process.env.SQUALL_SCREENSHOTS

test('pictures of the overview and of an issue, dark and light', async ({ page, baseURL }) => {
  test.skip(!folder, 'SQUALL_SCREENSHOTS names the folder for pictures; without it there is nothing to do')
  test.setTimeout(120_000)

  // A project of its own, so that the other tests are not in the picture.
  const headers = { Origin: baseURL ?? '' }
  const added = await page.request.post('/api/v1/projects', { headers, data: { name: 'Harbour Goods' } })
  expect(added.status()).toBe(201)
  const { slug } = await added.json()
  const { secret } = await (
    await page.request.post(`/api/v1/projects/${slug}/keys`, { headers, data: { name: 'all services' } })
  ).json()

  const events = story(Date.now())
  for (let first = 0; first < events.length; first += 1_000)
    await send(page, events.slice(first, first + 1_000), secret)
  await expect
    .poll(
      async () =>
        (await (await page.request.get(`/api/v1/statistics?project=${slug}&hours=168`)).json()).totals.events,
      { timeout: 60_000 },
    )
    .toBe(events.length)

  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.goto(`/?project=${slug}`)
    await expect(page.getByRole('img', { name: /^Events by level/ }).locator('canvas')).toBeVisible()
    await page.screenshot({ path: join(folder ?? '', `overview-${colorScheme}.png`) })
    await page
      .getByRole('link', { name: /TimeoutError/ })
      .first()
      .click()
    await expect(page.getByRole('img', { name: /^Events of this issue/ }).locator('canvas')).toBeVisible()
    await expect(page.getByRole('list', { name: 'Frames, innermost first' })).toBeVisible()
    await page.screenshot({ path: join(folder ?? '', `issue-${colorScheme}.png`) })
  }
})
