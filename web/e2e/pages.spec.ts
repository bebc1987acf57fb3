import { expect, send, test } from './stack'

test.beforeAll(async ({ browser }) => {
  const page = await browser.newPage()
  await send(page, [
    {
      level: 'error',
      message: 'mail relay refused the connection',
      service: 'mailer',
      logger: 'mailer.smtp',
    },
    { level: 'warning', message: 'slow query on orders', service: 'checkout', logger: 'checkout.database' },
    { level: 'info', message: 'nightly import has finished', service: 'catalog', logger: 'catalog.import' },
  ])
  await page.close()
})

test('a deep link survives a refresh, with its title', { tag: '@edge' }, async ({ page }) => {
  await page.goto('/issues?q=relay')
  await page.getByRole('link', { name: 'mail relay refused the connection' }).click()
  await expect(page).toHaveURL(/\/issues\/\d+$/)
  await page.reload()
  await expect(
    page.getByRole('heading', { level: 1, name: 'mail relay refused the connection' }),
  ).toBeVisible()
  await expect(page).toHaveTitle('mail relay refused the connection · Squall')
  await page.getByRole('link', { name: 'Last 7 days' }).click()
  await page.reload()
  await expect(page.getByRole('link', { name: 'Last 7 days' })).toHaveAttribute('aria-current', 'page')
})

test('filters are in the URL, and back undoes them', async ({ page }) => {
  await page.goto('/issues')
  const list = page.getByRole('list', { name: 'Issues' })
  await expect(list.getByRole('link', { name: 'slow query on orders' })).toBeVisible()
  await page.getByRole('combobox', { name: 'Level' }).selectOption('error')
  await expect(list.getByRole('link', { name: 'slow query on orders' })).toBeHidden()
  await page.getByRole('searchbox', { name: 'Search issues' }).fill('relay')
  await expect(page).toHaveURL('/issues?level=error&q=relay')
  await expect(page.getByText(/^1 issue, /)).toBeVisible()
  await page.reload()
  await expect(page.getByRole('searchbox', { name: 'Search issues' })).toHaveValue('relay')
  await expect(page.getByRole('combobox', { name: 'Level' })).toHaveValue('error')
  await page.goBack()
  await expect(page).toHaveURL('/issues')
  await expect(list.getByRole('link', { name: 'slow query on orders' })).toBeVisible()
  await page.getByRole('searchbox', { name: 'Search issues' }).fill('no such words anywhere')
  await expect(page.getByRole('heading', { name: 'No issue matches' })).toBeVisible()
})

test('the keyboard is enough: search, move, open, go', async ({ page }) => {
  await page.goto('/')
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible()
  // Typed at once, while the page with the search is on its way.
  await page.keyboard.type('/relay')
  const search = page.getByRole('searchbox', { name: 'Search issues' })
  await expect(search).toBeFocused()
  await expect(search).toHaveValue('relay')
  await expect(page).toHaveURL('/issues?q=relay')
  await expect(page.getByText(/^1 issue, /)).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(search).not.toBeFocused()
  await expect(search).toHaveValue('relay')
  await page.keyboard.press('j')
  await expect(page.getByRole('link', { name: 'mail relay refused the connection' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(
    page.getByRole('heading', { level: 1, name: 'mail relay refused the connection' }),
  ).toBeVisible()
  await page.keyboard.press('?')
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible()
  await page.keyboard.press('Escape')
  await page.keyboard.press('g')
  await page.keyboard.press('s')
  await expect(page.getByRole('heading', { level: 1, name: 'Sources' })).toBeVisible()
})

test('an issue is resolved and reopened', async ({ page }) => {
  await page.goto('/issues?q=relay')
  await page.getByRole('link', { name: 'mail relay refused the connection' }).click()
  await page.getByRole('button', { name: 'Resolve' }).click()
  await expect(page.getByText('resolved', { exact: true })).toBeVisible()
  await page.goto('/issues?status=resolved')
  await page.getByRole('link', { name: 'mail relay refused the connection' }).click()
  await page.getByRole('button', { name: 'Reopen' }).click()
  await expect(page.getByRole('button', { name: 'Resolve' })).toBeVisible()
})

test('the chosen theme survives a refresh', async ({ page }) => {
  await page.goto('/settings')
  await page.getByRole('button', { name: 'Dark', exact: true }).click()
  await page.reload()
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  await expect(page.getByRole('button', { name: 'Dark', exact: true })).toHaveAttribute(
    'aria-pressed',
    'true',
  )
})

test('the status page shows that everything works', { tag: '@edge' }, async ({ page }) => {
  await page.goto('/status')
  await expect(page.getByText('Everything works: events are taken in and grouped.')).toBeVisible()
})

test('the chart is drawn, and its legend follows the pointer', async ({ page }) => {
  await page.goto('/')
  const chart = page.getByRole('img', { name: /^Events by level/ })
  await expect(chart.locator('canvas')).toBeVisible()
  await chart.hover()
  await expect(page.getByRole('figure').getByText(/events? in all/)).toBeHidden()
})

test('every page works under a strict content security policy', { tag: '@edge' }, async ({ page }) => {
  const policy =
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'"
  await page.route('**/*', async (route) => {
    if (route.request().resourceType() !== 'document') return route.fallback()
    const response = await route.fetch()
    await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': policy } })
  })
  for (const path of [
    '/',
    '/issues',
    '/issues/1',
    '/sources',
    '/sources/1',
    '/settings',
    '/status',
    '/setup',
  ]) {
    await page.goto(path)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  }
  await page.goto('/')
  await expect(page.getByRole('img', { name: /^Events by level/ }).locator('canvas')).toBeVisible()
})

test('a phone of 360 px scrolls down, never sideways', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 })
  for (const path of [
    '/',
    '/issues',
    '/issues/1',
    '/sources',
    '/sources/1',
    '/settings',
    '/status',
    '/setup',
    '/sign-in',
  ]) {
    await page.goto(path)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    await expect(page.locator('.skeleton')).toHaveCount(0)
    expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(360)
  }
})
