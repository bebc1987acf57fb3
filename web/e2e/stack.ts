// What the browser tests share: the running stack, and the rule that a page logs no errors.
import { readFileSync } from 'node:fs'
import { test as base, expect, type Page } from '@playwright/test'

export { expect }

/** Written by the first run, read by the tests after it. */
export const ADMIN_STATE = 'test-results/admin.json'
export const KEY_FILE = 'test-results/key.txt'

export const ADMIN = { name: 'Ada Lovelace', email: 'ada@example.org', password: 'correct horse battery' }

export const test = base.extend<{ allow: (...messages: RegExp[]) => void; watched: undefined }>({
  // Errors that a test causes on purpose.
  allow: async ({ page }, use) => {
    const allowed: RegExp[] = []
    const problems: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(`${message.text()} ${message.location().url}`)
    })
    page.on('pageerror', (error) => problems.push(String(error)))
    await use((...messages) => allowed.push(...messages))
    expect(problems.filter((problem) => !allowed.some((message) => message.test(problem)))).toEqual([])
  },
  // Every test is watched, whether it asks for `allow` or not.
  watched: [async ({ allow: _ }, use) => use(undefined), { auto: true }],
})

/** A browser logs an error without a session, although the app expects that answer. */
export const NOT_SIGNED_IN = /401.*\/api\/v1\/session/

/** Sends events as a program would, and fails unless all of them are accepted. */
export async function send(
  page: Page,
  events: object[],
  key = readFileSync(KEY_FILE, 'utf8'),
): Promise<void> {
  const response = await page.request.post('/api/v1/ingest', {
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/x-ndjson' },
    data: events.map((event) => `${JSON.stringify(event)}\n`).join(''),
  })
  expect(response.status(), await response.text()).toBe(202)
  expect(await response.json()).toMatchObject({ accepted: events.length, rejected_total: 0 })
}

export async function signIn(
  page: Page,
  { email, password }: { email: string; password: string },
): Promise<void> {
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByRole('navigation', { name: 'Pages' })).toBeVisible()
}
