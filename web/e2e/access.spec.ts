import { ADMIN, expect, NOT_SIGNED_IN, signIn, test } from './stack'

const VIEWER = { name: 'Grace Hopper', email: 'grace@example.org', password: 'nanoseconds everywhere' }

test('signing out ends the session, and signing in leads back', { tag: '@edge' }, async ({
  browser,
  allow: _,
}) => {
  // A separate session, because the other tests still need theirs.
  const context = await browser.newContext({ storageState: { cookies: [], origins: [] } })
  const page = await context.newPage()
  await page.goto('/issues?level=error')
  await expect(page).toHaveURL('/sign-in?next=%2Fissues%3Flevel%3Derror')
  await signIn(page, ADMIN)
  await expect(page).toHaveURL('/issues?level=error')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
  await page.goto('/')
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
  await context.close()
})

test('a wrong password is refused in words', async ({ browser }) => {
  const context = await browser.newContext({ storageState: { cookies: [], origins: [] } })
  const page = await context.newPage()
  await page.goto('/sign-in')
  await page.getByLabel('Email').fill(ADMIN.email)
  await page.getByLabel('Password').fill('not the password')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByRole('alert')).toContainText('Email or password is wrong.')
  await context.close()
})

test('a viewer reads everything and changes nothing', async ({ page, browser, allow }) => {
  allow(NOT_SIGNED_IN)
  await page.goto('/settings')
  await page.getByRole('button', { name: 'Add a person' }).click()
  const form = page.getByRole('form', { name: 'Add a person' })
  await form.getByLabel('Name').fill(VIEWER.name)
  await form.getByLabel('Email').fill(VIEWER.email)
  await form.getByLabel('First password').fill(VIEWER.password)
  await form.getByLabel('Role').selectOption('viewer')
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  await expect(page.getByRole('row', { name: /Grace Hopper/ })).toBeVisible()

  const context = await browser.newContext({ storageState: { cookies: [], origins: [] } })
  const viewer = await context.newPage()
  await viewer.goto('/issues/1')
  await signIn(viewer, VIEWER)
  await expect(viewer.getByText('Members can resolve and ignore issues.')).toBeVisible()
  await expect(viewer.getByRole('button', { name: 'Resolve' })).toBeHidden()
  await viewer.goto('/sources')
  await expect(viewer.getByRole('list', { name: 'Sources' })).toBeVisible()
  await expect(viewer.getByRole('button', { name: /Add a file source|Disable/ })).toHaveCount(0)
  await viewer.goto('/settings')
  await expect(viewer.getByRole('heading', { name: 'Only admins change these' })).toBeVisible()

  // The page hides what the server refuses, not the other way round.
  const refused = await viewer.evaluate(async () => {
    const headers = { 'Content-Type': 'application/json' }
    return (await fetch('/api/v1/issues/1', { method: 'PATCH', headers, body: '{"status":"resolved"}' }))
      .status
  })
  expect(refused).toBe(403)
  await context.close()
})

test('a key is made, its secret shown once, and revoked', async ({ page }) => {
  await page.goto('/settings?project=web-shop')
  await page.getByRole('textbox', { name: 'Name of the new key' }).fill('mailer')
  await page.getByRole('button', { name: 'Make a key' }).click()
  await expect(page.getByRole('region', { name: 'Key mailer' })).toHaveText(/^sq_/)
  await page.reload()
  const row = page.getByRole('row', { name: /^mailer/ })
  await expect(row).toBeVisible()
  await expect(page.getByRole('region', { name: 'Key mailer' })).toBeHidden()
  await row.getByRole('button', { name: 'Revoke mailer' }).click()
  await row.getByRole('button', { name: 'Really revoke mailer?' }).click()
  await expect(row).toContainText('revoked')
})
