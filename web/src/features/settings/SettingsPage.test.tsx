import { screen, within } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { open, signedIn } from '@/test/app'
import { ago, key, page, user } from '@/test/fixtures'
import { failure, type Handlers, never, requests } from '@/test/server'

const grace = user({ id: 2, name: 'Grace', email: 'grace@example.org', role: 'viewer' })
const admin = (with_: Handlers = {}): Handlers => ({
  ...signedIn('admin'),
  'GET /api/v1/projects/{slug}/keys': () => page([key()]),
  'GET /api/v1/users': () => page([user(), grace]),
  ...with_,
})

describe('project keys', () => {
  it('shows the secret of a new key once, with a button that copies it', async () => {
    const { person } = open(
      '/settings',
      admin({
        'POST /api/v1/projects/{slug}/keys': () => ({
          ...key({ id: 2, name: 'mailer' }),
          secret: 'sq_secret',
        }),
      }),
    )
    await person.type(await screen.findByRole('textbox', { name: 'Name of the new key' }), 'mailer')
    await person.click(screen.getByRole('button', { name: 'Make a key' }))
    expect(await screen.findByText('sq_secret')).toBeVisible()
    await person.click(screen.getByRole('button', { name: 'Copy: Key mailer' }))
    expect(await navigator.clipboard.readText()).toBe('sq_secret')
    expect(requests('POST /api/v1/projects/{slug}/keys')[0]).toMatchObject({
      params: { slug: 'web-shop' },
      body: { name: 'mailer' },
    })
  })

  it('revokes only when asked twice', async () => {
    let revoked_at: string | null = null
    const { person } = open(
      '/settings',
      admin({
        'GET /api/v1/projects/{slug}/keys': () => page([key({ revoked_at })]),
        'DELETE /api/v1/projects/{slug}/keys/{id}': () => {
          revoked_at = ago(0)
          return undefined as never
        },
      }),
    )
    await person.click(await screen.findByRole('button', { name: 'Revoke checkout' }))
    await person.click(screen.getByRole('button', { name: 'Really revoke checkout?' }))
    expect(await screen.findByText('revoked')).toBeVisible()
  })

  it('helps if nothing exists, and shows errors', async () => {
    open(
      '/settings',
      admin({
        'GET /api/v1/projects/{slug}/keys': () => page([]),
        'GET /api/v1/users': () => failure(500, 'internal', 'Oh.', 'req-6'),
      }),
    )
    expect(await screen.findByRole('heading', { name: 'No keys yet' })).toBeVisible()
    expect(await screen.findByText('req-6')).toBeVisible()
  })

  it('shows shapes while they load', async () => {
    open('/settings', admin({ 'GET /api/v1/projects/{slug}/keys': never }))
    expect(await screen.findByRole('status', { name: 'Loading keys' })).toBeVisible()
  })
})

describe('people', () => {
  it('lets an admin change the role of others, not their own', async () => {
    let role = grace.role
    const { person } = open(
      '/settings',
      admin({
        'GET /api/v1/users': () => page([user(), { ...grace, role }]),
        'PATCH /api/v1/users/{id}': ({ body }) => {
          role = (body as { role: typeof role }).role
          return { ...grace, role }
        },
      }),
    )
    expect(await screen.findByRole('combobox', { name: 'Role of Ada' })).toBeDisabled()
    await person.selectOptions(screen.getByRole('combobox', { name: 'Role of Grace' }), 'member')
    expect(requests('PATCH /api/v1/users/{id}')[0]).toMatchObject({
      params: { id: '2' },
      body: { role: 'member' },
    })
    expect(await screen.findByRole('combobox', { name: 'Role of Grace' })).toHaveValue('member')
  })

  it('adds a person', async () => {
    const { person } = open('/settings', admin({ 'POST /api/v1/users': () => grace }))
    await person.click(await screen.findByRole('button', { name: 'Add a person' }))
    const form = within(screen.getByRole('form', { name: 'Add a person' }))
    await person.type(form.getByRole('textbox', { name: 'Name' }), 'Grace')
    await person.type(form.getByRole('textbox', { name: 'Email' }), 'grace@example.org')
    await person.type(form.getByRole('textbox', { name: 'First password' }), 'correct horse')
    await person.selectOptions(form.getByRole('combobox', { name: 'Role' }), 'viewer')
    await person.click(form.getByRole('button', { name: 'Add' }))
    expect(await screen.findByRole('button', { name: 'Add a person' })).toBeVisible()
    expect(requests('POST /api/v1/users')[0]?.body).toEqual({
      name: 'Grace',
      email: 'grace@example.org',
      password: 'correct horse',
      role: 'viewer',
    })
  })

  it('says to others that only admins change these', async () => {
    open('/settings', signedIn('member'))
    expect(await screen.findByRole('heading', { name: 'Only admins change these' })).toBeVisible()
  })
})

it('the theme is kept', async () => {
  const { person } = open('/settings', signedIn('viewer'))
  await person.click(await screen.findByRole('button', { name: 'Dark' }))
  expect(document.documentElement.dataset.theme).toBe('dark')
  expect(localStorage.getItem('squall.theme')).toBe('dark')
  await person.click(screen.getByRole('button', { name: 'As the system' }))
  expect(localStorage.getItem('squall.theme')).toBeNull()
})
