import { screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { open, signedIn } from '@/test/app'
import { user } from '@/test/fixtures'
import { failure, requests } from '@/test/server'
import { ownAddress } from './SignInPage'

describe('signing in', () => {
  it('is where people without a session land, and leads back to where they wanted to go', async () => {
    let isIn = false
    const { person, address } = open('/sources?project=web-shop', {
      ...signedIn(),
      'GET /api/v1/session': () => (isIn ? user() : failure(401, 'unauthenticated', 'Sign in first.')),
      'GET /api/v1/setup': () => ({ needed: false }),
      'POST /api/v1/session': () => {
        isIn = true
        return user()
      },
    })
    await person.type(await screen.findByLabelText('Email'), 'ada@example.org')
    await person.type(screen.getByLabelText('Password'), 'correct horse')
    await person.click(screen.getByRole('button', { name: 'Sign in' }))
    expect(await screen.findByRole('heading', { level: 1, name: 'Sources' })).toBeVisible()
    expect(address()).toBe('/sources?project=web-shop')
    expect(requests('POST /api/v1/session')[0]?.body).toEqual({
      email: 'ada@example.org',
      password: 'correct horse',
    })
  })

  it('says that email or password is wrong, and keeps the email', async () => {
    const { person } = open('/sign-in', {
      'POST /api/v1/session': () =>
        failure(401, 'invalid_credentials', 'Email or password is wrong.', 'req-2'),
    })
    await person.type(await screen.findByLabelText('Email'), 'ada@example.org')
    await person.type(screen.getByLabelText('Password'), 'wrong')
    await person.click(screen.getByRole('button', { name: 'Sign in' }))
    expect(await screen.findByRole('alert')).toHaveTextContent('Email or password is wrong. Request id req-2')
    expect(screen.getByLabelText('Email')).toHaveValue('ada@example.org')
  })

  it('leads to the setup if no user exists', async () => {
    open('/', {
      'GET /api/v1/session': () => failure(401, 'unauthenticated', 'Sign in first.'),
      'GET /api/v1/setup': () => ({ needed: true }),
    })
    expect(await screen.findByRole('heading', { name: 'Welcome to Squall' })).toBeVisible()
  })
})

it.each([
  ['/issues?q=a', '/issues?q=a'],
  [undefined, '/'],
  ['https://evil.example', '/'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
])('after signing in, %s leads to %s', (next, address) => expect(ownAddress(next)).toBe(address))
