import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { describe, expect, it, vi } from 'vitest'
import { open, signedIn } from '@/test/app'
import { page, user } from '@/test/fixtures'
import { failure, type Handlers, never } from '@/test/server'

const withIssues = (): Handlers => ({
  ...signedIn(),
  'GET /api/v1/issues': () => ({ ...page([]), total: { issues: 0, events: 0 } }),
})

describe('the shell', () => {
  it('names its landmarks, and skips to the page', async () => {
    const { person } = open('/sources', signedIn())
    expect(await screen.findByRole('banner')).toBeVisible()
    expect(
      within(screen.getByRole('navigation', { name: 'Pages' })).getByRole('link', { name: 'Sources' }),
    ).toHaveAttribute('aria-current', 'page')
    await person.tab()
    expect(screen.getByRole('link', { name: 'Skip to the page' })).toHaveFocus()
    await person.keyboard('{Enter}')
    expect(screen.getByRole('main')).toHaveFocus()
  })

  it('shows the shortcuts on ?, and goes where g leads', async () => {
    const { person, address } = open('/settings', signedIn('viewer'))
    await screen.findByRole('heading', { level: 1, name: 'Settings' })
    await person.keyboard('?')
    expect(screen.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible()
    await person.click(screen.getByRole('button', { name: 'Close' }))
    await person.keyboard('gs')
    expect(await screen.findByRole('heading', { level: 1, name: 'Sources' })).toBeVisible()
    expect(address()).toBe('/sources')
  })

  it('keeps what is typed after / until the search has loaded', async () => {
    const { address } = open('/sources', withIssues())
    await screen.findByRole('heading', { level: 1, name: 'Sources' })
    // All in one turn: the page cannot be there before the last of them.
    for (const key of ['/', 's', 'i', 'g', 's', 'Backspace', 'n', 's'])
      fireEvent.keyDown(document.body, { key })
    const search = await screen.findByRole('searchbox')
    expect(search).toHaveFocus()
    await waitFor(() => expect(search).toHaveValue('signs'))
    await waitFor(() => expect(address()).toBe('/issues?q=signs'))
  })

  it('does not wait for the search any more after Escape', async () => {
    const { address } = open('/settings', { ...withIssues(), ...signedIn('viewer') })
    await screen.findByRole('heading', { level: 1, name: 'Settings' })
    for (const key of ['/', 'x', 'Escape', 'g', 's']) fireEvent.keyDown(document.body, { key })
    expect(await screen.findByRole('heading', { level: 1, name: 'Sources' })).toBeVisible()
    expect(address()).toBe('/sources')
  })

  it('leaves the search on Escape without emptying it, unlike a browser', async () => {
    open('/issues?q=relay', withIssues())
    const search = await screen.findByRole('searchbox')
    search.focus()
    const goesOn = fireEvent.keyDown(search, { key: 'Escape' })
    expect([goesOn, document.activeElement]).toEqual([false, document.body])
  })

  it('signs out', async () => {
    const { person, address } = open('/sources', {
      ...signedIn(),
      'DELETE /api/v1/session': () => undefined as never,
    })
    await person.click(await screen.findByRole('button', { name: 'Sign out' }))
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible()
    expect(address()).toBe('/sign-in')
  })

  it('leads to the sign-in page when the session has ended meanwhile', async () => {
    const { address } = open('/sources', {
      ...signedIn(),
      'GET /api/v1/sources': () => failure(401, 'unauthenticated', 'Sign in first.'),
    })
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible()
    expect(address()).toBe('/sign-in?next=%2Fsources')
  })

  it('shows that it loads until it knows who asks', async () => {
    open('/sources', { ...signedIn(), 'GET /api/v1/session': never })
    expect(await screen.findByRole('status', { name: 'Loading Squall' })).toBeVisible()
  })

  it('shows that the server is unreachable, and retries', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    let isDown = true
    const { person } = open('/sources', {
      ...signedIn(),
      'GET /api/v1/session': () =>
        isDown ? failure(500, 'internal', 'The log has the cause.', 'req-0') : user(),
    })
    expect(await screen.findByText('req-0')).toBeVisible()
    isDown = false
    await person.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByRole('heading', { level: 1, name: 'Sources' })).toBeVisible()
  })

  it('shows that a page does not exist', async () => {
    open('/nowhere', signedIn())
    expect(await screen.findByRole('heading', { name: 'Page not found' })).toBeVisible()
  })
})
