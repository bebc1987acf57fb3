import { screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { open, signedIn } from '@/test/app'
import { issue, key, page, project, user } from '@/test/fixtures'
import { failure, type Handlers, requests } from '@/test/server'

const noIssues = () => ({ ...page([]), total: { issues: 0, events: 0 } })
const fresh = (): Handlers => ({
  'GET /api/v1/setup': () => ({ needed: true }),
  'POST /api/v1/setup': () => user(),
  'GET /api/v1/projects': () => page([]),
  'GET /api/v1/issues': noIssues,
})

async function fillIn(person: ReturnType<typeof open>['person']) {
  await person.type(await screen.findByLabelText('Name'), 'Ada')
  await person.type(screen.getByLabelText('Email'), 'ada@example.org')
  await person.type(screen.getByLabelText('Password'), 'correct horse battery')
  await person.click(screen.getByRole('button', { name: 'Make the account' }))
}

describe('the first run', () => {
  it('makes the admin with the token of the link, which then leaves the address', async () => {
    const { person, address } = open('/setup#token=t0k3n', fresh())
    await fillIn(person)
    expect(await screen.findByRole('heading', { name: 'Add a project' })).toBeVisible()
    expect(requests('POST /api/v1/setup')[0]?.body).toEqual({
      token: 't0k3n',
      name: 'Ada',
      email: 'ada@example.org',
      password: 'correct horse battery',
    })
    expect(address()).toBe('/setup')
  })

  it('takes the link by hand when it was opened without its token', async () => {
    const { person } = open('/setup', fresh())
    await person.type(await screen.findByLabelText('One-time link'), 'http://squall.test/setup#token=abc')
    await fillIn(person)
    await screen.findByRole('heading', { name: 'Add a project' })
    expect(requests('POST /api/v1/setup')[0]?.body).toMatchObject({ token: 'abc' })
  })

  it('explains what to do about an expired link', async () => {
    const { person } = open('/setup#token=old', {
      ...fresh(),
      'POST /api/v1/setup': () => failure(403, 'setup_token_invalid', 'The link is too old.', 'req-1'),
    })
    await fillIn(person)
    expect(await screen.findByRole('alert')).toHaveTextContent('The link is too old. Request id req-1')
  })

  it('continues with the project, a key, ways to send, and the first issue', async () => {
    const projects = [] as ReturnType<typeof project>[]
    let issues = noIssues()
    const { person } = open('/setup', {
      ...signedIn(),
      'GET /api/v1/setup': () => ({ needed: false }),
      'GET /api/v1/projects': () => page(projects),
      'POST /api/v1/projects': () => {
        projects.push(project())
        return project()
      },
      'POST /api/v1/projects/{slug}/keys': () => ({ ...key(), secret: 'sq_secret' }),
      'GET /api/v1/issues': () => issues,
    })
    await person.type(await screen.findByLabelText('Name of the project'), 'Web shop')
    await person.click(screen.getByRole('button', { name: 'Add project' }))
    expect(await screen.findByText('Waiting for your first event…')).toBeVisible()
    await person.click(screen.getByRole('button', { name: 'Get a key' }))
    expect(await screen.findByText('sq_secret')).toBeVisible()
    expect(screen.getByRole('region', { name: 'curl example' })).toHaveTextContent(
      "-H 'Authorization: Bearer sq_secret'",
    )
    await person.click(screen.getByRole('tab', { name: 'Python' }))
    expect(screen.getByRole('region', { name: 'Python example' })).toHaveTextContent('"Bearer sq_secret"')
    await person.click(screen.getByRole('tab', { name: 'Log file' }))
    expect(screen.getByLabelText('Files on the machine Squall runs on')).toBeVisible()
    issues = { ...page([issue()]), total: { issues: 1, events: 1 } } as never
    expect(await screen.findByRole('link', { name: 'Open the issue' }, { timeout: 4_000 })).toHaveAttribute(
      'href',
      '/issues/7?project=web-shop',
    )
  })

  it('sends people away when Squall is set up', async () => {
    open('/setup', {
      'GET /api/v1/setup': () => ({ needed: false }),
      'GET /api/v1/session': () => failure(401, 'unauthenticated', 'Sign in first.'),
    })
    expect(await screen.findByRole('link', { name: 'Sign in' })).toHaveAttribute('href', '/sign-in')
  })

  it('shows an unexpected answer of the server', async () => {
    open('/setup', {
      'GET /api/v1/setup': () => failure(500, 'internal', 'The log has the cause.', 'req-11'),
    })
    expect(await screen.findByText('req-11')).toBeVisible()
  })
})
