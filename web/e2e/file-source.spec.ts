import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from './stack'

const trace = (item: number) => `Traceback (most recent call last):
  File "/srv/catalog/catalog/pricing.py", line 88, in price
    return RATES[item.currency]
KeyError: 'PLN'
2026-01-01 00:00:00,000 INFO catalog.pricing: priced item ${item}
`

test('a file source is added in the page, and its lines become issues', { tag: '@edge' }, async ({
  page,
}) => {
  const folder = process.env.SQUALL_WATCH_DIR ?? ''
  expect(folder, 'SQUALL_WATCH_DIR must be a folder that the stack reads').not.toBe('')
  const file = join(folder, 'catalog.log')

  await page.goto('/sources?project=web-shop')
  await page.getByRole('button', { name: 'Add a file source' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('catalog log')
  await page.getByRole('textbox', { name: 'Files' }).fill(join(folder, 'catalog*.log'))
  await page.getByRole('button', { name: 'Add source' }).click()
  const row = page.getByRole('listitem').filter({ hasText: 'catalog log' })
  await expect(row).toContainText('waiting')

  const at = new Date().toISOString().slice(0, 19).replace('T', ' ')
  for (const item of [11, 12, 13]) {
    appendFileSync(
      file,
      `${at},123 ERROR catalog.pricing: item ${item} has no price\n${trace(item)}`.replaceAll(
        '2026-01-01 00:00:00',
        at,
      ),
    )
  }

  await expect(row).toContainText('healthy')
  await expect(row).toContainText('6 events')
  await row.getByRole('link', { name: 'catalog log' }).click()
  await expect(page.getByRole('row', { name: /catalog\.log/ })).toBeVisible()
  await expect(page.getByRole('row', { name: /read events/ }).first()).toBeVisible()

  // The list of issues, narrowed to this source and to errors, holds one issue of three events.
  await page.goto('/issues?project=web-shop&level=error')
  await page.getByRole('combobox', { name: 'Source' }).selectOption('catalog log')
  await expect(page.getByText('1 issue, 3 events')).toBeVisible()
  await page.getByRole('list', { name: 'Issues' }).getByRole('link').click()
  await expect(page.getByRole('region', { name: 'Stack trace', exact: true })).toContainText('KeyError')
  await expect(page.getByRole('region', { name: 'Stack trace', exact: true })).toContainText('pricing.py')

  // More lines show on the open page, without a reload.
  await expect(page.getByRole('complementary').getByText('3', { exact: true })).toBeVisible()
  appendFileSync(
    file,
    `${at},123 ERROR catalog.pricing: item 14 has no price\n${trace(14)}`.replaceAll(
      '2026-01-01 00:00:00',
      at,
    ),
  )
  await expect(page.getByRole('complementary').getByText('4', { exact: true })).toBeVisible()
})

test('a source is disabled and enabled again', async ({ page }) => {
  await page.goto('/sources?project=web-shop')
  await page.getByRole('button', { name: 'Disable catalog log' }).click()
  await expect(page.getByRole('listitem').filter({ hasText: 'catalog log' })).toContainText('disabled')
  await page.getByRole('button', { name: 'Enable catalog log' }).click()
  await expect(page.getByRole('button', { name: 'Disable catalog log' })).toBeVisible()
})

test('an invalid path is refused with a reason', async ({ page, allow }) => {
  allow(/400.*\/api\/v1\/sources/)
  await page.goto('/sources?project=web-shop')
  await page.getByRole('button', { name: 'Add a file source' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('broken')
  await page.getByRole('textbox', { name: 'Files' }).fill('/var/log/[')
  await page.getByRole('button', { name: 'Add source' }).click()
  await expect(page.getByRole('alert')).toContainText('Request id')
})
