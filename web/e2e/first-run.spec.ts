import { writeFileSync } from 'node:fs'
import { ADMIN, ADMIN_STATE, expect, KEY_FILE, NOT_SIGNED_IN, test } from './stack'

test('the first run leads from the one-time link to an issue on the page', async ({
  page,
  request,
  allow,
}) => {
  const link = process.env.SQUALL_SETUP_URL ?? ''
  expect(link, 'SQUALL_SETUP_URL must hold the one-time link of a fresh stack').toContain('#token=')
  allow(NOT_SIGNED_IN)

  // Before the setup, every page leads to it.
  await page.goto('/issues')
  await expect(page.getByRole('heading', { name: 'Welcome to Squall' })).toBeVisible()

  await page.goto(link)
  await page.reload()
  await page.getByLabel('Name').fill(ADMIN.name)
  await page.getByLabel('Email').fill(ADMIN.email)
  await page.getByLabel('Password').fill('short')
  await page.getByRole('button', { name: 'Make the account' }).click()
  await expect(page.getByLabel('Password')).toHaveJSProperty('validity.tooShort', true)
  await page.getByLabel('Password').fill(ADMIN.password)
  await page.getByRole('button', { name: 'Make the account' }).click()

  await page.getByLabel('Name of the project').fill('Web shop')
  await page.getByRole('button', { name: 'Add project' }).click()

  await page.getByRole('button', { name: 'Get a key' }).click()
  const key = (await page.getByRole('region', { name: 'Project key', exact: true }).textContent()) ?? ''
  expect(key).toMatch(/^sq_\S{20,}$/)
  await expect(page.getByText('Waiting for your first event…')).toBeVisible()

  // The event goes out just as the page says.
  const command = (await page.getByRole('region', { name: 'curl example' }).textContent()) ?? ''
  const [, address = ''] = /^curl (\S+)/.exec(command) ?? []
  const headers = Object.fromEntries(
    [...command.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name, value]) => [name, value]),
  )
  const [, data = ''] = /--data-binary '(.+)'$/.exec(command) ?? []
  expect(headers).toMatchObject({ Authorization: `Bearer ${key}` })
  expect((await request.post(address, { headers, data })).status()).toBe(202)

  await page.getByRole('link', { name: 'Open the issue' }).click()
  await expect(
    page.getByRole('heading', { level: 1, name: /payment .* declined: card expired/ }),
  ).toBeVisible()
  await expect(page.getByRole('region', { name: 'Message' })).toHaveText(
    'payment 4711 declined: card expired',
  )
  await expect(page.getByRole('row', { name: /service\.name checkout/ })).toBeVisible()

  await page.context().storageState({ path: ADMIN_STATE })
  writeFileSync(KEY_FILE, key)
})

test('the setup is closed once an admin exists', async ({ page, allow }) => {
  allow(NOT_SIGNED_IN)
  await page.goto('/setup')
  await expect(page.getByRole('heading', { name: 'Squall is set up' })).toBeVisible()
})
